import * as core from '@actions/core'
import { cleanUp, dockerConfigPath } from './cleanup.ts'
import { packagesChoices, type PackagesChoice } from './packages/choose.ts'
import { reapHost } from './reap/host.ts'
import { scopeOf } from './reap/names.ts'
import { readScopedLogins } from './registry/scoped.ts'
import { tellHost } from './reap/tell.ts'
import { readCachedFile, saveFile } from './sys/binary-cache.ts'
import { openRegistries, readDockerConfig } from './sys/docker-config.ts'
import { readEvent } from './sys/event.ts'
import { openAskRun, openRunLiveness } from './sys/liveness.ts'
import { exit, runnerLog } from './sys/log.ts'
import { openPackagesWorld } from './sys/packages-world.ts'
import { choosePrivateDir } from './sys/private-dir.ts'
import { readHosts } from './sys/registry-hosts.ts'
import { writePrivately } from './sys/umask.ts'
import { messageOf } from './report/message.ts'
import './sys/listeners.ts'

writePrivately()

// Whoever cancels a post step waits for a moment before it is killed, and that moment is used.
const cancel = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => cancel.abort())

function readWhich(state: string): 'auto' | 'always' | 'never' {
  return state === 'always' || state === 'never' ? state : 'auto'
}

function readApi(state: string): PackagesChoice {
  return Object.values(packagesChoices).find((choice) => choice === state) ?? 'auto'
}

const dir = core.getState('dir')
if (dir === '') core.info('Nothing was made, so nothing is to be cleaned up.')
else {
  const event = readEvent(process.env)
  const packages = openPackagesWorld(event, openRegistries(readScopedLogins(dir), readDockerConfig(dockerConfigPath(dir)), readHosts(dir)), readApi(core.getState('packages-api')))
  const [tags, began] = [readWhich(core.getState('cleanup')), Number(core.getState('began'))]
  const downloaded = readCachedFile(core.getState('buildx'))
  const keeping = downloaded && !cancel.signal.aborted ? saveFile(downloaded, choosePrivateDir(process.env['RUNNER_TEMP']), runnerLog) : undefined
  await cleanUp({ dir, main: core.getState('main'), tags, began, packages, run: event, log: runnerLog, hurry: cancel.signal }).catch((error: unknown) =>
    core.warning(`Cleaning up did not finish: ${messageOf(error)}`),
  )
  const liveness = openRunLiveness(event, openAskRun(event, core.getInput('github-token'), packages.registries.fetch))
  if (!cancel.signal.aborted) tellHost(await reapHost(dir, { scope: scopeOf(event), runId: event.runId }, liveness), runnerLog)
  if (!cancel.signal.aborted) await keeping
}
process.exitCode = 0
await exit()
