import * as core from '@actions/core'
import { readFileSync } from 'node:fs'
import type { PackagesChoice } from '../packages/select.ts'
import type { OwnerKind } from '../packages/github/backend.ts'
import type { PackagesWorld } from '../packages/open.ts'
import type { Event } from '../forge/event.ts'
import { asRecord, tryParseJson } from '../lib/json.ts'
import type { RegistryWorld } from '../registry/clients.ts'
import { runnerLog } from '../lib/log.ts'
import { openOctokit } from '../forge/octokit.ts'
import { sleep } from '../lib/time.ts'

/** How this job reaches the APIs that delete packages: by its `github-token`, and as `packages-api` says. */
export function openPackagesWorld(event: Event, registries: RegistryWorld, choice: PackagesChoice): PackagesWorld {
  const token = core.getInput('github-token')
  const { fetch } = registries
  return {
    choice,
    forge: event,
    token,
    ownerKind: readOwnerKind(process.env['GITHUB_EVENT_PATH']),
    registries,
    openGithub: (apiUrl, until) => openOctokit({ apiUrl, token, fetch, until, log: runnerLog.debug }),
    clock: { now: Date.now, sleep },
  }
}

/** Saves asking for the wrong kind first. */
function readOwnerKind(path: string | undefined): OwnerKind | undefined {
  const { type } = asRecord(asRecord(readPayload(path)['repository'])['owner'])
  return type === 'Organization' ? 'orgs' : type === 'User' ? 'users' : undefined
}

function readPayload(path: string | undefined): Record<string, unknown> {
  try {
    return asRecord(tryParseJson(readFileSync(path ?? '', 'utf8')))
  } catch {
    return {}
  }
}
