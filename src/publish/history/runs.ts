import type { Event } from '../../forge/event.ts'
import { asList, asRecord, asText, isRecord, tryParseJson } from '../../lib/json.ts'
import { computeDigest, ociManifest } from '../../registry/manifest.ts'
import { historyAnnotation, historyType } from '../../run/names.ts'

/** What is known of a target of an earlier run. */
export interface PastTarget {
  /** Of its own steps and exports. */
  readonly seconds: number
  readonly steps: { readonly total: number; readonly cached: number }
}

/** An earlier run that succeeded. */
export interface PastRun {
  /** `refs/heads/main` */
  readonly ref: string
  readonly runId: string
  readonly seconds: number
  /** By the labels of the targets: `linux/arm64 slim`. */
  readonly targets: ReadonlyMap<string, PastTarget>
}

// Every user who may push can write anything there: what is read is bounded, and only what these forms allow is used.
const mostRuns = 20
const mostTargets = 500
/** Bytes of a manifest. */
const longestManifest = 128 * 1024
/** Characters of the annotation that are written. */
const longestAnnotation = 48 * 1024
const refForm = /^refs\/[\p{L}\p{N}_./+@#-]{1,200}$/u
const runForm = /^\d{1,20}$/
/** Seconds; a run takes at most 35 days. */
const longestRun = 35 * 86_400

/** The only content apart from the annotation: some registries require a configuration and a layer. */
export const emptyContent = Buffer.from('{}')
export const emptyBlob = { digest: computeDigest(emptyContent), size: emptyContent.length }

/** PURE: the runs in a manifest, the newest first; none if it is no history. Invalid entries are omitted. */
export function parseHistory(bytes: Uint8Array): readonly PastRun[] {
  if (bytes.length > longestManifest) return []
  const document = asRecord(tryParseJson(new TextDecoder().decode(bytes)))
  if (asRecord(document['config'])['mediaType'] !== historyType) return []
  const runs = asList(tryParseJson(asText(asRecord(document['annotations'])[historyAnnotation])))
  return runs.slice(0, mostRuns).flatMap(parseRun)
}

function parseRun(value: unknown): readonly PastRun[] {
  const { ref, run, seconds, targets } = asRecord(value)
  if (typeof ref !== 'string' || !refForm.test(ref)) return []
  if (typeof run !== 'string' || !runForm.test(run) || !isSeconds(seconds) || !isRecord(targets)) return []
  const entries = Object.entries(targets).slice(0, mostTargets)
  return [{ ref, runId: run, seconds, targets: new Map(entries.flatMap(parseTarget)) }]
}

function parseTarget([label, value]: [string, unknown]): readonly (readonly [string, PastTarget])[] {
  const [seconds, total, cached] = asList(value)
  if (!isSeconds(seconds) || !isCount(total) || !isCount(cached) || cached > total) return []
  return [[label, { seconds, steps: { total, cached } }]]
}

function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= longestRun
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 100_000
}

/** PURE: the runs with a new one in front, which replaces the last one of its branch. */
export function addRun(runs: readonly PastRun[], run: PastRun): readonly PastRun[] {
  return [run, ...runs.filter(({ ref }) => branchOf(ref) !== branchOf(run.ref))].slice(0, mostRuns)
}

/** PURE: the last run of a branch, or of any tag for a tag. */
export function findRun(runs: readonly PastRun[], ref: string): PastRun | undefined {
  return runs.find((run) => branchOf(run.ref) === branchOf(ref))
}

type Ref = Pick<Event, 'ref' | 'trust' | 'number'>

/** PURE: the ref under which a run is stored. Some events of pull requests have the ref of the base branch. */
export function historyRef({ ref, trust, number }: Ref): string {
  const isForeign = trust !== 'trusted' && number !== undefined && !pullRequestForm.test(ref)
  return isForeign ? `refs/pull/${number}/head` : ref
}

/** PURE: whether a stored ref is that of the same pull request, also in a merge queue, or of the same branch. */
export function isSameProposal(ref: string, event: Ref): boolean {
  return proposalOf(ref) === proposalOf(historyRef(event))
}

const pullRequestForm = /^refs\/pull\/(\d+)\//
/** `refs/heads/gh-readonly-queue/main/pr-7-0123abc`: a pull request with those before it in GitHub's merge queue. */
const mergeQueueForm = /^refs\/heads\/gh-readonly-queue\/.+\/pr-(\d+)-[0-9a-f]+$/

function proposalOf(ref: string): string {
  const [, number] = pullRequestForm.exec(ref) ?? mergeQueueForm.exec(ref) ?? []
  return number ?? ref
}

/** Every tag is a release of its own, so all of them count as one branch. */
function branchOf(ref: string): string {
  return ref.startsWith('refs/tags/') ? 'refs/tags' : ref
}

/** PURE: a manifest with the runs, without the oldest ones if they are too long. */
export function renderHistory(runs: readonly PastRun[]): Uint8Array<ArrayBuffer> {
  const entries = runs.map(({ ref, runId, seconds, targets }) => ({
    ref,
    run: runId,
    seconds: round(seconds),
    targets: Object.fromEntries(
      [...targets].map(([label, { seconds: took, steps }]) => [label, [round(took), steps.total, steps.cached]]),
    ),
  }))
  while (JSON.stringify(entries).length > longestAnnotation) entries.pop()
  const manifest = {
    schemaVersion: 2,
    mediaType: ociManifest,
    config: { mediaType: historyType, ...emptyBlob },
    layers: [{ mediaType: 'application/vnd.oci.empty.v1+json', ...emptyBlob }],
    annotations: { [historyAnnotation]: JSON.stringify(entries) },
  }
  return new TextEncoder().encode(JSON.stringify(manifest))
}

/** With milliseconds. */
function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}
