// How much faster 12 targets are on two nodes per platform than on one, and two runs at once with reservations than
// without: npm run bench:spread, and npm run bench:spread -- --runs
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { farmInputs, farmJob } from '../e2e/harness.ts'
import { startFarm, type Farm } from '../farm/farm.ts'

const names = ['a', 'b', 'c', 'd', 'e', 'f']

// A step that waits, so that the machines share no processor: on this farm all of them are one. One step at a time, as
// one processor would.
const step = 'RUN sleep 8; echo "$WHICH $TARGETPLATFORM"'
const config = '[worker.oci]\n  max-parallelism = 1\n'

const dist = fileURLToPath(new URL('../../dist/main/index.js', import.meta.url))

let runs = 0

type Nodes = readonly (readonly [platform: string, endpoint: string])[]

const farm = await startFarm({ nodes: { second: {}, third: {} } })
try {
  const { amd, arm, second, third } = farm.nodes
  if (!second || !third) throw new Error('the farm has too few machines')
  if (process.argv.includes('--runs')) await compareReservations(farm, [amd.endpoint, second.endpoint])
  else
    await compareNodes(
      farm,
      [
        ['linux/amd64', amd.endpoint],
        ['linux/386', arm.endpoint],
      ],
      [
        ['linux/amd64', amd.endpoint],
        ['linux/amd64', second.endpoint],
        ['linux/386', arm.endpoint],
        ['linux/386', third.endpoint],
      ],
    )
} finally {
  await farm.stop()
}
process.exit()

async function compareNodes(farm: Farm, single: Nodes, double: Nodes): Promise<void> {
  await wipe(farm)
  const one = await measure(farm, single, names)
  await wipe(farm)
  const two = await measure(farm, double, names)
  console.log(
    `12 targets: ${seconds(one)} on one node per platform, ${seconds(two)} on two nodes: ` +
      `${(two / one).toFixed(2)} of the time`,
  )
}

/** Two runs of two targets at once, whose nodes are persistent builders, so that the runs share what a node can do. */
async function compareReservations(farm: Farm, endpoints: readonly string[]): Promise<void> {
  const nodes = endpoints.map((endpoint) => ['linux/amd64', endpoint] as const)
  for (const variants of [['a'], ['a', 'b'], names]) {
    const both = async () => {
      await wipe(farm)
      await measure(farm, nodes, ['warm'], true)
      return Math.max(...(await Promise.all([1, 2].map(() => measure(farm, nodes, variants, true)))))
    }
    const reserved = await both()
    const unreserved = await withoutReservations(both)
    console.log(
      `2 runs of ${variants.length} targets at once: ${seconds(unreserved)} without reservations, ` +
        `${seconds(reserved)} with: ${(reserved / unreserved).toFixed(2)} of the time`,
    )
  }
}

/** Runs an action that does not recognise the reservations of other runs. */
async function withoutReservations<T>(action: () => Promise<T>): Promise<T> {
  const code = readFileSync(dist, 'utf8')
  const blind = code.replace('(_state|_seat)?', '(_state|_none)?')
  if (blind === code) throw new Error('dist/main does not parse the names of reservations as expected')
  writeFileSync(dist, blind)
  try {
    return await action()
  } finally {
    writeFileSync(dist, code)
  }
}

async function wipe(farm: Farm): Promise<void> {
  await Promise.all(Object.values(farm.nodes).map((node) => node.wipe()))
}

/** Milliseconds of main. */
async function measure(farm: Farm, nodes: Nodes, variants: readonly string[], keep = false): Promise<number> {
  const { images, registry } = farm
  const run = runs++
  const job = farmJob(farm, { files: { Dockerfile: `FROM ${images.base}\nARG WHICH TARGETPLATFORM\n${step}\n` } })
  try {
    const main = await job.main(
      farmInputs(farm, {
        image: `${registry.host}/bench/spread-${nodes.length}`,
        tags: `run-${run}`,
        nodes: nodes.map(([platform, endpoint]) => `${platform} = ${endpoint}`).join('\n'),
        // A step of its own per run: a shared builder would build equal ones once.
        variants: variants.map((name) => `${name}: {build-args: WHICH=${name}-${run}}`).join('\n'),
        cache: 'off',
        fallback: 'fail',
        'keep-builder': String(keep),
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

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
