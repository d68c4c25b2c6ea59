import { isRecord } from '../../lib/json.ts'
import type { Env } from '../../lib/lists.ts'
import { isEcr, type EcrMode, isHubOidc } from '../../registry/credentials/exchanged-logins.ts'
import { failFor, passes, type Fail, type Problem } from '../diagnostics.ts'
import { emptySecret } from '../settings/secrets.ts'
import { parseFields, parseYamlList } from '../yaml-fields.ts'
import type { InputSource } from '../source.ts'
import type { Login } from '../../registry/auth.ts'

const input = 'registry-auth'
const keys = ['registry', 'username', 'password', 'scope', 'ecr']
const form = 'write `- registry: ghcr.io` and below it `username` and `password`'

/** Whether the build goes on without the login at a registry whose password is empty; warns if so. */
type CanOmit = (registry: string) => boolean

/** Parses `registry-auth`, the YAML list of docker/login-action; issues never quote its text, which has passwords. */
export async function registryAuthLogins(
  { text, env, report }: Pick<InputSource, 'text' | 'env' | 'report'>,
  canOmit: CanOmit,
): Promise<readonly Login[]> {
  if (text(input) === '') return []
  const list = { input, expected: `is not a YAML list of logins: ${form}` }
  const entries = (await parseYamlList(text(input), list, ({ expected }) => report({ input, expected }))) ?? []
  return entries.flatMap((entry, index) => {
    const fail: Fail = (expected, given) =>
      failFor(report, input)(`${expected} (number ${index + 1} of the list)`, given)
    return parseLogin(entry, { canOmit, env }, fail) ?? []
  })
}

function parseLogin(entry: unknown, { canOmit, env }: { canOmit: CanOmit; env: Env }, fail: Fail): Login | undefined {
  passes(fail, undefined, [[!isRecord(entry), `is not a login: ${form}`]])
  if (!isRecord(entry)) return undefined
  const textOf = parseFields(entry, { what: 'a login', keys }, fail)
  const text = (key: string) => textOf(key) ?? ''
  const [username, password, scope] = [text('username'), text('password'), text('scope')]
  const registry = text('registry') === '' ? 'docker.io' : hostOf(text('registry'))
  const isAws = isEcr(registry, parseEcr(text('ecr'), fail))
  const login = { registry, username, password, ...(scope !== '' && { scope }) }
  if (isHubOidc(login, env)) return { ...login, hubOidc: true }
  if (password === '' && !isAws && canOmit(registry)) return undefined
  const problems: readonly Problem[] = [
    [password === '', `has no \`password\`; ${emptySecret}`],
    [username === '', 'has no `username`'],
  ]
  passes(fail, registry, isAws ? [] : problems)
  passes(fail, scope, [[!isScope(scope), 'is not a valid scope: write `acme/app`, `acme/app@push` or `@push`']])
  return { ...login, ...(isAws && { ecr: true }) }
}

function isScope(text: string): boolean {
  return /^[A-Za-z0-9._/-]*(@[a-z]+(,[a-z]+)*)?$/.test(text) && !text.split('/').includes('..')
}

/** A registry as references name it: older workflows write `https://index.docker.io/v1/`. */
export function hostOf(text: string): string {
  return text
    .replace(/^[a-z]+:\/\//i, '')
    .replace(/\/.*$/s, '')
    .toLowerCase()
}

/** `ecr`: whether a login is at an AWS registry. */
export function parseEcr(text: string, fail: Fail): EcrMode {
  const mode = (['auto', 'true', 'false'] as const).find((one) => one === (text.toLowerCase() || 'auto'))
  passes(fail, text, [[mode === undefined, 'is not one of `auto`, `true`, `false`']])
  return mode ?? 'auto'
}
