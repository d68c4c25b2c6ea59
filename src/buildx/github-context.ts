import { readFileSync } from 'node:fs'
import type { Env } from '../lib/lists.ts'

/** Variables of the job that are in the provenance; of a group all or none. */
const groups: readonly (readonly string[])[] = [
  ['GITHUB_ACTOR', 'GITHUB_ACTOR_ID', 'GITHUB_TRIGGERING_ACTOR'],
  ['GITHUB_REF', 'GITHUB_REF_NAME', 'GITHUB_REF_PROTECTED', 'GITHUB_REF_TYPE'],
  ['GITHUB_REPOSITORY', 'GITHUB_REPOSITORY_ID', 'GITHUB_REPOSITORY_OWNER', 'GITHUB_REPOSITORY_OWNER_ID'],
  [
    'GITHUB_JOB',
    'GITHUB_RUN_ATTEMPT',
    'GITHUB_RUN_ID',
    'GITHUB_RUN_NUMBER',
    'GITHUB_SERVER_URL',
    'GITHUB_WORKFLOW',
    'GITHUB_WORKFLOW_REF',
    'GITHUB_WORKFLOW_SHA',
  ],
  ['ImageOS', 'ImageVersion', 'RUNNER_OS', 'RUNNER_ARCH', 'RUNNER_ENVIRONMENT', 'RUNNER_TRACKING_ID', 'RUNNER_NAME'],
]

const keys: Readonly<Record<string, string>> = {
  ImageOS: 'github_runner_image_os',
  ImageVersion: 'github_runner_image_version',
}

/**
 * What buildx puts into the provenance of a job on GitHub Actions or Forgejo (docker/buildx, util/ghutil); undefined
 * elsewhere.
 *
 * @throws if the payload of the event cannot be read
 */
export function githubContext(env: Env): Buffer | undefined {
  const { GITHUB_ACTIONS: isActions = '', GITHUB_EVENT_NAME: name = '', GITHUB_EVENT_PATH: path = '' } = env
  if (!/^(1|t|T|true|TRUE|True)$/.test(isActions) || name === '' || path === '') return undefined
  const payload: unknown = JSON.parse(readFileSync(path, 'utf8'))
  const complete = groups.filter((group) => group.every((variable) => (env[variable] ?? '') !== ''))
  const variables = complete.flat().map((variable) => [keyOf(variable), env[variable]] as const)
  const context = { github_event_name: name, github_event_payload: payload, ...Object.fromEntries(variables) }
  return Buffer.from(JSON.stringify(context))
}

/** `RUNNER_OS` → `github_runner_os` */
function keyOf(variable: string): string {
  return keys[variable] ?? variable.toLowerCase().replace(/^runner_/, 'github_runner_')
}
