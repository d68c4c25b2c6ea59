import * as core from '@actions/core'
import { cleanUp } from './stories/undo.ts'
import { packagesChoices, type PackagesChoice } from './packages/select.ts'
import { reapHost } from './gc/host.ts'
import { scopeOf } from './run/names.ts'
import { readScopedLogins } from './registry/credentials/scoped.ts'
import { tellHost } from './gc/log.ts'
import { readCachedFile, saveFile } from './buildx/install/binary-cache.ts'
import { openRegistries, readDockerConfig } from './job/registries.ts'
import { readEvent } from './forge/read-event.ts'
import { openAskRun, openRunLiveness } from './job/run-status.ts'
import { exit, runnerLog } from './lib/log.ts'
import { openPackagesWorld } from './job/packages.ts'
import { RunDir } from './run/run-dir.ts'
import { readHosts } from './registry/hosts.ts'
import { setPrivateUmask } from './lib/umask.ts'
import { errorMessage } from './lib/errors.ts'
import './lib/listeners.ts'

setPrivateUmask()

// Whoever cancels a post step waits for a moment before it is killed, and that moment is used.
const cancel = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => cancel.abort())

function readWhich(state: string): 'auto' | 'always' | 'never' {
  return state === 'always' || state === 'never' ? state : 'auto'
}

function readApi(state: string): PackagesChoice {
  return Object.values(packagesChoices).find((choice) => choice === state) ?? 'auto'
}

const state = core.getState('dir')
if (state === '') core.info('Nothing was made, so nothing is to be cleaned up.')
else {
  const dir = new RunDir(state)
  const event = readEvent(process.env)
  const packages = openPackagesWorld(
    event,
    openRegistries(readScopedLogins(dir.scopedLogins), readDockerConfig(dir.dockerConfig), readHosts(dir.registries)),
    readApi(core.getState('packages-api')),
  )
  const [tags, began] = [readWhich(core.getState('cleanup')), Number(core.getState('began'))]
  const downloaded = readCachedFile(core.getState('buildx'))
  const keeping =
    downloaded && !cancel.signal.aborted
      ? saveFile(downloaded, RunDir.choose(process.env['RUNNER_TEMP']).path, runnerLog)
      : undefined
  await cleanUp({
    dir,
    main: core.getState('main'),
    tags,
    began,
    packages,
    run: event,
    log: runnerLog,
    hurry: cancel.signal,
  }).catch((error: unknown) => core.warning(`Cleaning up did not finish: ${errorMessage(error)}`))
  const liveness = openRunLiveness(event, openAskRun(event, core.getInput('github-token'), packages.registries.fetch))
  if (!cancel.signal.aborted)
    tellHost(await reapHost(dir, { scope: scopeOf(event), runId: event.runId }, liveness), runnerLog)
  if (!cancel.signal.aborted) await keeping
}
process.exitCode = 0
await exit()
