import type { BuiltTarget, GroupResult } from '../../../src/buildx/run.ts'
import type { VariantSpec } from '../../../src/inputs/variants.ts'
import type { Published } from '../../../src/publish/publish.ts'
import { groupByNode, type Target } from '../../../src/plan/target.ts'
import type { RunResult } from '../../../src/report/run-report.ts'
import { platform, testNode, testVariant } from '../fixtures/nodes.ts'

const repository = { registry: 'ghcr.io', path: 'acme/app' }
const engine = { version: '28.5.2', os: 'linux', arch: 'amd64', cpus: 4, containerd: true, root: '/var/lib/docker' }
const nodes = {
  'linux/amd64': testNode('amd', ['linux/amd64'], { engine }),
  'linux/arm64': testNode('arm', ['linux/arm64']),
}

/** A digest that starts with a readable text. */
export function digest(name: string): string {
  return `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64)}`
}

function targetsOf(variant: VariantSpec): Target[] {
  return (['linux/amd64', 'linux/arm64'] as const).map((name) => ({
    id: [variant.name, name.replace('/', '-')].filter((part) => part !== '').join('-'),
    variant,
    platform: platform(name),
    node: nodes[name],
  }))
}

function built(target: Target): BuiltTarget {
  return {
    target,
    digest: digest(target.id),
    took: target.id.endsWith('amd64') ? 12_300 : 65_400,
    steps: { total: 5, cached: 2 },
    metadata: { 'buildx.build.ref': `ref-${target.id}` },
  }
}

function published(variant: VariantSpec): Published {
  return {
    variant,
    digest: digest(`index ${variant.name}`),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    size: 711,
    images: [`ghcr.io/acme/app@${digest(`index ${variant.name}`)}`],
    tags: variant.tags,
    platforms: targetsOf(variant).map(({ platform, id }) => ({ platform, digest: digest(id), size: 28_000_000 })),
  }
}

/** A run that built variants for linux/amd64 and linux/arm64; the groups of the nodes ended in reverse order. */
export function testResult(names: readonly string[], push = true): RunResult {
  const variants = names.map((name) =>
    testVariant(name, {
      tags: [`1.2.3`, '1.2', 'latest'].map((tag) => ({
        ...repository,
        tag: [tag, name].filter((part) => part !== '').join('-'),
      })),
      version: '1.2.3',
      labels: { maintainer: 'me' },
    }),
  )
  const targets = variants.flatMap(targetsOf)
  const groups = groupByNode(targets).map((group, index): GroupResult => ({
    group,
    took: 65_400 + index,
    built: [...group.targets].reverse().map(built),
    lostCaches: [],
    warnings: [],
  }))
  return {
    plan: { targets, groups: groupByNode(targets), notes: [] },
    groups: [...groups].reverse(),
    published: push ? variants.map(published) : [],
    builder: { name: 'mab-1', driver: 'docker-container' },
    nodes: Object.values(nodes),
    buildxConfig: '/run/buildx',
    notes: ['arm is slow.', 'The cache is cold.'],
  }
}
