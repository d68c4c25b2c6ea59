import type { TargetProgress } from '../../../src/buildx/measure.ts'
import type { BuiltTarget, GroupResult } from '../../../src/buildx/run.ts'
import type { VariantSpec } from '../../../src/inputs/variants.ts'
import type { Published } from '../../../src/publish/publish.ts'
import { groupByNode, type Target } from '../../../src/plan/target.ts'
import { notesOn } from '../../../src/report/notes.ts'
import { createRunReport, type RunReport, type RunResult } from '../../../src/report/run-report.ts'
import { RunRecord } from '../../../src/report/run-record.ts'
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
    metadata: { 'buildx.build.ref': `ref-${target.id}` },
  }
}

/** When the builds of a test run began. */
export const buildsBegan = 1_700_000_000_000

/** Its steps began two seconds after the builds, of which the daemon's boot took one. */
function progressOf({ id }: Target): TargetProgress {
  const start = buildsBegan + 2000
  const end = start + (id.endsWith('amd64') ? 12_300 : 65_400)
  return {
    whole: { start, end },
    phases: {
      boot: { start: buildsBegan, end: buildsBegan + 1000 },
      context: { start, end: start + 100 },
      build: { start: start + 100, end: end - 2000 },
      export: { start: end - 2000, end },
      push: { start: end - 1500, end },
    },
    steps: { total: 5, cached: 2 },
    stepTimes: [
      { name: '[1/6] FROM busybox', took: 700, cached: false },
      { name: '[2/6] COPY package.json .', took: 0, cached: true },
      { name: '[3/6] COPY . .', took: 200, cached: false },
      { name: '[4/6] RUN make | tee', took: end - start - 3000, cached: false },
    ],
    bytes: { context: 1200, pulled: 4_000_000, pushed: undefined },
    cachesFound: ['ghcr.io/acme/app:buildcache-linux-amd64'],
  }
}

/** What was checked of each image. */
export const content = {
  labels: { requested: 9, found: 9 },
  annotations: { requested: 4, found: 4 },
  attestations: { requested: ['provenance'], found: ['provenance'] },
} as const

function published(variant: VariantSpec): Published {
  return {
    variant,
    digest: digest(`index ${variant.name}`),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    size: 711,
    images: [`ghcr.io/acme/app@${digest(`index ${variant.name}`)}`],
    tags: variant.tags,
    platforms: targetsOf(variant).map(({ platform, id }) => ({
      platform,
      digest: digest(id),
      size: 28_000_000,
      content,
    })),
  }
}

interface TestRun extends RunResult {
  readonly record: RunRecord
}

/** A run that built variants for linux/amd64 and linux/arm64; the groups of the nodes ended in reverse order. */
export function testResult(names: readonly string[], push = true): TestRun {
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
    attempts: 1,
    progress: new Map(group.targets.map((target) => [target.id, progressOf(target)])),
    built: [...group.targets].reverse().map(built),
    lostCaches: [],
    warnings: [],
  }))
  const record = new RunRecord(buildsBegan - 3000)
  const images = push ? variants.map(published) : []
  record.phases.push({ phase: 'connect', start: buildsBegan - 2000, end: buildsBegan })
  record.phases.push({ phase: 'build', start: buildsBegan, end: buildsBegan + 68_000 })
  Object.assign(record, { targets, groups: [...groups].reverse(), published: images })
  record.outcomes = Object.values(nodes).map((node) => ({ spec: node.spec, node }))
  return {
    record,
    plan: { targets, groups: groupByNode(targets), notes: [] },
    published: images,
    builder: { name: 'mab-1', driver: 'docker-container' },
    nodes: Object.values(nodes),
    buildxConfig: '/run/buildx',
    notes: [...notesOn('emulation', ['arm is slow.']), ...notesOn('cache', ['The cache is cold:\nno login.'])],
  }
}

/** The report of a test run. */
export function reportOf(run: TestRun, took: number): RunReport {
  return createRunReport(run, run.record, took)
}

/** The same run, in which the images were tested: each test took 1.2 seconds. */
export function withTests(run: TestRun, output: string): TestRun {
  const time = { start: buildsBegan, end: buildsBegan + 1200 }
  const groups = run.record.groups.map((group) => ({
    ...group,
    built: group.built.map((one) => ({ ...one, test: { output, time } })),
  }))
  Object.assign(run.record, { groups })
  return run
}
