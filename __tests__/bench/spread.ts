// How much faster 12 targets are on two nodes a platform than on one: npm run bench:spread
import { farmInputs, farmJob } from '../e2e/harness.ts'
import { startFarm, type Farm } from '../farm/farm.ts'

const names = ['a', 'b', 'c', 'd', 'e', 'f']

// A step that waits, so that the machines share no processor: on this farm all of them are one. One step at a time, as
// one processor would.
const step = 'RUN sleep 8; echo "$WHICH $TARGETPLATFORM"'
const config = '[worker.oci]\n  max-parallelism = 1\n'

const farm = await startFarm({ nodes: { second: {}, third: {} } })
try {
  const { amd, arm, second, third } = farm.nodes
  if (!second || !third) throw new Error('the farm has too few machines')
  const one = await measure(farm, [
    ['linux/amd64', amd.endpoint],
    ['linux/386', arm.endpoint],
  ])
  const two = await measure(farm, [
    ['linux/amd64', amd.endpoint],
    ['linux/amd64', second.endpoint],
    ['linux/386', arm.endpoint],
    ['linux/386', third.endpoint],
  ])
  console.log(
    `12 targets: ${(one / 1000).toFixed(1)} s on one node per platform, ${(two / 1000).toFixed(1)} s on two nodes: ` +
      `${(two / one).toFixed(2)} of the time`,
  )
} finally {
  await farm.stop()
}
process.exit()

/** Milliseconds of main. */
async function measure(
  { images, registry, ...rest }: Farm,
  nodes: readonly (readonly [string, string])[],
): Promise<number> {
  const all = { ...rest, images, registry }
  await Promise.all(Object.values(all.nodes).map((node) => node.wipe()))
  const job = farmJob(all, { files: { Dockerfile: `FROM ${images.base}\nARG WHICH TARGETPLATFORM\n${step}\n` } })
  try {
    const variants = names.map((name) => `${name}: {build-args: WHICH=${name}}`).join('\n')
    const lines = nodes.map(([platform, endpoint]) => `${platform} = ${endpoint}`).join('\n')
    const main = await job.main(
      farmInputs(all, {
        image: `${registry.host}/bench/spread-${nodes.length}`,
        nodes: lines,
        variants,
        cache: 'off',
        fallback: 'fail',
        'buildkitd-config-inline': config,
      }),
    )
    if (main.code !== 0) throw new Error(main.log)
    await job.post()
    return main.took
  } finally {
    job.end()
  }
}
