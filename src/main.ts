import { Job } from './job/job.ts'
import { prepareMain } from './job/main-step.ts'
import { exportVariables, reportDryRun } from './job/report.ts'
import { withTelemetry } from './job/telemetry.ts'
import { withAbort } from './lib/time.ts'
import { dockerConfigDir } from './registry/credentials/docker-config.ts'
import { RunRecord } from './report/run-record.ts'
import { endAccess, writeJobLogins } from './stories/access.ts'
import { buildImage } from './stories/build.ts'

const began = performance.now()
const job = new Job()
const record = new RunRecord()

const build = async () => {
  const { run, ports } = await withAbort(job.signal, prepareMain(job, record))
  let keepsBuilder = false
  try {
    if (run.inputs.dryRun) {
      record.isDry = true
      const [{ dryRun }, { checkNodesOnly }] = await Promise.all([
        import('./stories/dry-run.ts'),
        import('./stories/dry-run-nodes.ts'),
      ])
      await reportDryRun(await (run.inputs.dryRun === 'nodes' ? checkNodesOnly : dryRun)(run, ports))
      return
    }
    const result = await buildImage(run, ports)
    keepsBuilder = run.inputs.use
    if (run.inputs.login === 'job') exportVariables({ DOCKER_CONFIG: writeJobLogins(run, dockerConfigDir(job.env)) })
    if (keepsBuilder) exportVariables({ BUILDX_BUILDER: result.builder.name, BUILDX_CONFIG: result.buildxConfig })
    const { reportBuild } = await import('./job/build-report.ts')
    await reportBuild(result, { record, took: performance.now() - began, summary: job.summary })
  } finally {
    await endAccess(run, keepsBuilder)
  }
}

await job.run(() => withTelemetry(job, { action: 'build', record }, build))
