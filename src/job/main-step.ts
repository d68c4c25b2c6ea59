import { detectPlatform } from '../forge/platform.ts'
import { requireBuildAlias, findRequested, provideBuildx } from '../buildx/install/provide.ts'
import type { Buildx } from '../buildx/find.ts'
import { oldestBuildx } from '../buildx/image-tests.ts'
import { readInputs } from '../inputs/inputs.ts'
import { repositoriesOf } from '../inputs/variants.ts'
import { secretsToMask } from '../inputs/secrets-to-mask.ts'
import { limitGarbage } from '../lib/memory.ts'
import { logWait } from '../lib/time.ts'
import { openNodes } from '../nodes/open.ts'
import { withRegistryConfig } from '../nodes/registry-config.ts'
import type { RegistryAccess } from '../registry/client-factory.ts'
import { missingHelpers } from '../registry/credentials/login.ts'
import { saveRegistryHosts } from '../registry/hosts.ts'
import type { RunRecord } from '../report/run-record.ts'
import { openJournal } from '../run/journal.ts'
import type { BuildPorts, DryRunPorts, Run } from '../stories/ports.ts'
import { describeEvent } from './event.ts'
import type { Job } from './job.ts'
import { resolveLogins } from './logins.ts'
import { createRunDir } from './run-dir.ts'
import { liveView } from './live.ts'
import { signing } from './signing.ts'
import { saveDownload } from './state.ts'
import { startTrace } from './telemetry.ts'

interface MainStep {
  readonly run: Run
  readonly ports: BuildPorts & DryRunPorts
}

/** Reads the inputs, creates the run directory, and connects the stories of the main action with this job. */
export async function prepareMain(job: Job, record: RunRecord): Promise<MainStep> {
  job.mask(secretsToMask(job.env))
  const platformEvent = await describeEvent(job)
  const inputs = await readInputs(job.env, platformEvent)
  const event = { ...platformEvent, trust: inputs.trust }
  job.summary.isWanted = inputs.summary
  await startTrace(inputs.telemetry, record, event)
  const { cleanup, packagesApi } = inputs
  const images = repositoriesOf(inputs.variants)
  const used = inputs.localPaths
  const dir = await createRunDir(job, event, { cleanup, packagesApi, images, began: Date.now(), used })
  const hosts = await saveRegistryHosts(dir.registries, inputs.registries)
  const required = inputs.variants.flatMap((variant) => variant.images)
  const { logins, registries, dockerConfig } = await resolveLogins(job, { ...inputs, images, required, hosts })
  const hostNames = images.map(({ registry }) => registry)
  missingHelpers(dockerConfig, hostNames, job.env).forEach(({ text }) => job.log.warn(text))
  const run = {
    inputs: { ...inputs, logins, registries: hosts, ...withRegistryConfig(inputs, hosts) },
    event,
    dir,
    journal: openJournal(dir),
    log: job.log,
    signal: job.signal,
    record,
    dockerConfig,
  }
  return { run, ports: mainPorts(job, run, registries) }
}

function mainPorts(job: Job, run: Run, registries: RegistryAccess): MainStep['ports'] {
  const { inputs, event, dir, journal } = run
  const { fetch } = registries
  const agent = job.env['SSH_AUTH_SOCK']
  return {
    openNodes: () => {
      const opening = openNodes({ ...inputs, dir, agent, workspace: event.workspace }, journal)
      return logWait(`the nodes ${inputs.nodes.map(({ name }) => name).join(', ')}`, opening, job.log.info)
    },
    provideBuildx: async (signal) => {
      const providing = provideRequested(job, { ...run, signal }, registries)
      const buildx = await logWait('the installation of buildx', providing, job.log.info)
      await loadBuild()
      return buildx
    },
    findBuildx: () => findRequested(inputs, oldestBuildx(inputs.variants)),
    buildGroups: async (request) => {
      const { Scheduler } = await import('../buildx/scheduler.ts')
      const onBegun = () => {
        request.onBegun()
        void loadPublishing()
      }
      return await new Scheduler({ ...request, ...liveView(), onBegun }).run()
    },
    callTargets: async (request) => await (await import('../buildx/call.ts')).callTargets(request),
    prepareSigning: signing(job, { sign: inputs.sign, dir: dir.signing, registries, hosts: inputs.registries }),
    registries,
    packages: job.packages(registries, inputs.packagesApi),
    runs: job.runs(fetch),
    fetchRunStatus: job.fetchRunStatus(fetch),
  }
}

/** Loads what the build needs while the nodes are connected, so that the step starts sooner. */
async function loadBuild(): Promise<void> {
  await Promise.all([import('../stories/prepare.ts'), import('../buildx/scheduler.ts'), limitGarbage()])
}

/** Loads what follows while the builds run. What cannot be loaded fails where it is needed. */
async function loadPublishing(): Promise<void> {
  await Promise.allSettled([import('../publish/publish.ts'), import('./build-report.ts')])
}

async function provideRequested(job: Job, run: Run, { fetch }: RegistryAccess): Promise<Buildx> {
  const { inputs, event, dir, log, signal } = run
  if (inputs.install) await requireBuildAlias()
  const installation = {
    fetch,
    signal,
    dir,
    log,
    token: detectPlatform(event) === 'github.com' ? inputs.token : '',
    toolCache: job.env['RUNNER_TOOL_CACHE'] ?? '',
    useCache: inputs.cacheBinary,
  }
  const { buildx, save } = await provideBuildx(inputs.buildx, installation, oldestBuildx(inputs.variants))
  if (save) saveDownload(save)
  return buildx
}
