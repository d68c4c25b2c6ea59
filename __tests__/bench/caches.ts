import { asList, asRecord } from '../../src/lib/json.ts'
import { farmJob, oneNodeInputs } from '../e2e/harness.ts'
import type { Farm } from '../farm/farm.ts'
import { alternate, pairRounds, type Benchmark } from './compare.ts'
import { spread, table } from './report.ts'

/**
 * How a cache is written; the default first. Without `image-manifest` it is an index of layers, which the registry of
 * the farm rejects (distribution 3: `blob unknown to registry`).
 */
const settings = {
  'zstd, max (default)': 'mode=max,compression=zstd,image-manifest=true,oci-mediatypes=true',
  'gzip, max': 'mode=max,compression=gzip,image-manifest=true,oci-mediatypes=true',
  'uncompressed, max': 'mode=max,compression=uncompressed,image-manifest=true,oci-mediatypes=true',
  'zstd, min': 'mode=min,compression=zstd,image-manifest=true,oci-mediatypes=true',
} as const
type Setting = keyof typeof settings

/** Times in milliseconds, size in bytes. */
interface MeasuredCache {
  readonly cold: number
  readonly exported: number
  readonly second: number
  readonly size: number
}

const layers = 10

/**
 * Ten layers of 50 MB in a stage that is not part of the image: two fifths cannot be compressed, the rest can, as
 * programs and their packages. A file that is copied after them changes with each release.
 */
const dockerfile = (farm: Farm) =>
  [
    `FROM ${farm.images.base} AS build`,
    ...Array.from(
      { length: layers },
      (_, index) =>
        `RUN head -c 20000000 /dev/urandom > /random${index} && seq 4000000 | head -c 30000000 > /text${index}`,
    ),
    'COPY release.txt /release.txt',
    'RUN head -c 1000000 /random0 | cat /release.txt - > /out',
    `FROM ${farm.images.base}`,
    'COPY --from=build /out /out',
    '',
  ].join('\n')

/** A first release, and a second one on empty nodes, whose last steps need all layers of a cache of 500 MB. */
export async function measureCaches(farm: Farm, rounds: number): Promise<Benchmark> {
  const turns = Object.fromEntries(
    (Object.keys(settings) as Setting[]).map((name) => [name, (round: number) => measureCache(farm, name, round)]),
  ) as Record<Setting, (round: number) => Promise<MeasuredCache>>
  const measured = await alternate(rounds, turns)
  const names = Object.keys(settings) as Setting[]
  const [first = 'zstd, max (default)', ...others] = names
  const column = (name: Setting, key: keyof MeasuredCache) => measured[name].map((each) => each[key])
  const seconds = (values: readonly number[]) =>
    spread(
      values.map((value) => value / 1000),
      1,
      ' s',
    )
  const rows = names.map((name) => [
    name,
    ...(['cold', 'exported', 'second'] as const).map((key) => seconds(column(name, key))),
    `${(column(name, 'size').reduce((sum, size) => sum + size, 0) / rounds / 1e6).toFixed(0)} MB`,
  ])
  const head = [
    'cache of 500 MB',
    'first release',
    'export of the cache (included in the first release)',
    'second release',
    'size in the registry',
  ]
  const both = (name: Setting) => measured[name].map(({ cold, second }) => cold + second)
  return {
    details: `\n${table(head, rows)}\n`,
    comparisons: others.map((name) => ({
      title: 'two releases with a cache of 500 MB (zstd, max)',
      other: name,
      unit: 's',
      rounds: pairRounds(both(first), both(name)),
    })),
  }
}

async function measureCache(farm: Farm, name: Setting, round: number): Promise<MeasuredCache> {
  await farm.registry.wipe()
  const repository = `bench/cache-${Object.keys(settings).indexOf(name)}-${round}`
  const image = `${farm.registry.host}/${repository}`
  const cache = `type=registry,ref=${image}:cache,${settings[name]}`
  const release = async (text: string) => await buildRelease(farm, { image, cache, text })
  const first = await release('1')
  const size = await cacheSize(farm, repository)
  const second = await release('2')
  const seconds = [first.took, first.exported, second.took].map((ms) => (ms / 1000).toFixed(1)).join(', ')
  process.stderr.write(`bench: cache, ${name}: first release, of it cache export, second release: ${seconds} s\n`)
  return { cold: first.took, exported: first.exported, second: second.took, size }
}

interface Release {
  readonly image: string
  readonly cache: string
  readonly text: string
}

async function buildRelease(farm: Farm, { image, cache, text }: Release) {
  await farm.nodes.amd.wipe()
  const job = farmJob(farm, { files: { Dockerfile: dockerfile(farm), 'release.txt': `${text}\n` } })
  try {
    const main = await job.main(oneNodeInputs(farm, { image, tags: text, cache }))
    if (main.code !== 0 || main.warnings.length > 0) throw new Error(main.log)
    const post = await job.post()
    if (post.code !== 0) throw new Error(post.log)
    const [result] = asList(JSON.parse(main.outputs['results'] ?? '[]')).map(asRecord)
    const seconds = asRecord(asRecord(asList(result?.['targets'])[0])['seconds'])
    return { took: main.took, exported: Number(seconds['cacheExport'] ?? NaN) * 1000 }
  } finally {
    job.end()
  }
}

async function cacheSize({ registry }: Farm, repository: string): Promise<number> {
  const tags = await registry.tags(repository)
  const tag = tags.find((name) => name.startsWith('cache-') && !name.endsWith('-stats')) ?? ''
  const { json } = (await registry.manifest(repository, tag)) ?? {}
  const blobs = [...asList(asRecord(json)['layers']), ...asList(asRecord(json)['manifests'])]
  return blobs.reduce<number>((sum, blob) => sum + Number(asRecord(blob)['size'] ?? 0), 0)
}
