import type { RunArtifacts } from '../../src/cleanup/ownership.ts'
import { missingFrom } from '../ghcr/audit.ts'
import { days, hours, manualClock } from '../ghcr/clock.ts'
import { pushIndex, pushManifest, pushRelease, type IndexEntry } from '../ghcr/histories.ts'
import { parseManifest, type Manifest } from '../ghcr/manifest.ts'
import { putManifest } from '../ghcr/push.ts'
import { declareRun, endRun, findRun } from '../ghcr/runs.ts'
import { createPackage, type Package, type Version } from '../ghcr/state.ts'
import { createFake, type Rules, type Fake } from '../ghcr/fake.ts'
import { ownershipAnnotation, ownershipAnnotations, partAnnotationPrefix } from '../../src/run/names.ts'

export const repository = 'acme/shop'
export const firstRun = 17_000_000_001

/** The pull request of a run; two runs build for the same one. */
export const pullRequestOfRun = (run: number): string | undefined => ['shop-7', 'shop-7', 'shop-77'][run - firstRun]

/** What one attempt of a run has pushed. */
export interface Attempt {
  readonly run: number
  readonly runAnnotation: string
  readonly ephemeral: boolean
  /** Of a partial job: its platform, and whether the image is to be a release, so that it has no annotation. */
  readonly part?: { readonly platform: string; readonly isRelease: boolean }
  readonly entries: IndexEntry[]
  readonly parts: Version[]
  own: RunArtifacts
  /** Which attempt of the run it was. */
  readonly attempt: number
  index?: Version
}

/** A tag that has to stay as it is, and since which call. */
export interface Living {
  digest: string
  since: number
  run?: number
  /** The tag of its signature, which stays as long as the image. */
  signature?: string
  revived?: boolean
  wounded?: Set<string>
}

export interface Night {
  readonly entries: readonly IndexEntry[]
  readonly index: Version
  /** No other build gives the same digest: provenance contains the time of the build. */
  readonly isUnique: boolean
}

export interface Model {
  readonly fake: Fake
  readonly pkg: Package
  readonly clock: ReturnType<typeof manualClock>
  readonly attempts: Attempt[]
  readonly living: Map<string, Living>
  /** Everything that cleanup has to remove in the end. */
  readonly ours: Set<string>
  /** Used by its digest alone, with no tag. */
  readonly pinned: Set<string>
  readonly posted: Set<string>
  /** Runs that a cleanup was told to take all of. */
  readonly given: Set<number>
  /** Pull requests whose images a cleanup was told to delete. */
  readonly closed: Set<string>
  /** What was pushed every night: an image of some version, with a tag of its own. */
  readonly nights: Night[]
  /** By digest: when it was last pushed under the tag of a night. */
  readonly published: Map<string, number>
  /** By digest: the last call at which a tag of a night named it, and when it was last pushed. */
  readonly seen: Map<string, { readonly call: number; readonly publishedAt: number }>
  /** Runs that were deleted when they had ended, with the end: nothing builds in them again. */
  readonly gone: Map<number, number>
  calls: number
}

export function createModel(rules: Rules, seed: number): Model {
  const clock = manualClock()
  const fake = createFake({ clock, rules, seed, keepCalls: 0 })
  const pkg = createPackage(fake.state, { owner: 'acme', name: 'shop/api', repository })
  const model: Model = {
    fake,
    pkg,
    clock,
    attempts: [],
    living: new Map(),
    ours: new Set(),
    pinned: new Set(),
    posted: new Set(),
    given: new Set(),
    closed: new Set(),
    nights: [],
    published: new Map(),
    seen: new Map(),
    gone: new Map(),
    calls: 0,
  }
  const victim = pushRelease(fake.state, pkg, { content: 'victim' })
  closureOf(pkg, victim.index.digest).forEach((digest) => model.pinned.add(digest))
  clock.advance(hours)
  release(model, 0, 'latest')
  return model
}

const markOf = (run: number, attempt: number, random: number) => `${run}-${attempt}-mab${random}`

const platforms = ['linux/amd64', 'linux/arm64']
const partPlatform = `${partAnnotationPrefix}platform`

interface BuildOptions {
  readonly ephemeral: boolean
  readonly provenance: boolean
  readonly content?: string
  readonly part?: NonNullable<Attempt['part']>
}

/** The nodes of a run push each platform by digest; nothing names it yet. */
export function begin(model: Model, run: number, options: BuildOptions): Attempt {
  const { fake, attempts } = model
  const { ephemeral, part } = options
  const known = findRun(fake.state, repository, run)
  const attempt = known?.attempt ?? 1
  if (!known) declareRun(fake.state, { repository, id: run })
  const runAnnotation = markOf(run, attempt, attempts.length)
  const own = { runAnnotation, tags: [], manifests: [] }
  const made: Attempt = { attempt, run, runAnnotation, ephemeral, ...(part && { part }), entries: [], parts: [], own }
  for (const platform of part ? [part.platform] : platforms) pushPlatform(model, made, platform, options)
  made.own = { ...own, manifests: made.parts.map(({ digest }) => digest) }
  attempts.push(made)
  return made
}

function pushPlatform(
  { fake: { state }, pkg, ours }: Model,
  { run, runAnnotation, entries, parts }: Attempt,
  platform: string,
  { ephemeral, provenance, content = `${run}`, part }: BuildOptions,
): void {
  const marksImages = ephemeral && !part?.isRelease
  const annotations = ownershipAnnotations(runAnnotation, pullRequestOfRun(run))
  const version = pushManifest(state, pkg, { content, platform, ...(marksImages ? { annotations } : {}) })
  const pushed: IndexEntry[] = [{ version, platform }]
  if (provenance) {
    const attestation = pushManifest(state, pkg, { content: 'provenance', platform, attests: version.digest })
    pushed.push({ version: attestation, platform, attests: version.digest })
  }
  entries.push(...pushed)
  const top = provenance ? pushIndex(state, pkg, pushed, { annotations }) : version
  parts.push(top)
  if (provenance || marksImages) ours.add(top.digest)
  if (marksImages) pushed.forEach((entry) => ours.add(entry.version.digest))
}

/** Joins what the nodes pushed, under a tag; false where some of it is gone. */
export function publish(model: Model, attempt: Attempt, tag: string): boolean {
  const {
    fake: { state },
    pkg,
    living,
    ours,
  } = model
  if (attempt.entries.some(({ version }) => !pkg.active.has(version.digest))) return false
  attempt.index = pushIndex(state, pkg, attempt.entries, {
    annotations: attempt.ephemeral
      ? ownershipAnnotations(attempt.runAnnotation, pullRequestOfRun(attempt.run))
      : undefined,
    tag,
  })
  const { digest } = attempt.index
  if (attempt.ephemeral) {
    ours.add(digest)
    attempt.own = { ...attempt.own, tags: [{ tag, digest }] }
  }
  if (!attempt.ephemeral || !model.given.has(attempt.run))
    living.set(tag, { digest, since: model.calls, ...(attempt.ephemeral && { run: attempt.run }) })
  else living.delete(tag)
  return true
}

/** A partial job pushes its platform under a build tag. */
export function pushPart(model: Model, run: number, part: NonNullable<Attempt['part']>, content: string): void {
  const made = begin(model, run, { ephemeral: true, provenance: true, content, part })
  const tag = `build-0123456-${run}-${part.platform.replace('/', '-')}`
  const owner = ownershipAnnotations(made.runAnnotation, pullRequestOfRun(run))
  const annotations = { ...owner, [partPlatform]: part.platform }
  made.index = pushIndex(model.fake.state, model.pkg, made.entries, { annotations, tag })
  const { digest } = made.index
  model.ours.add(digest)
  made.own = { ...made.own, tags: [{ tag, digest }] }
  if (model.given.has(run)) model.living.delete(tag)
  else model.living.set(tag, { digest, since: model.calls, run })
}

/** The newest part of each platform, if all of them and everything below them exist. */
function findParts({ attempts, pkg }: Model, run: number, isRelease: boolean): Attempt[] {
  const found = platforms.flatMap((platform) => {
    const isPart = ({ part, ...made }: Attempt) =>
      made.run === run && part?.isRelease === isRelease && part.platform === platform
    return attempts.filter(isPart).slice(-1)
  })
  const isThere = ({ own: { tags }, index }: Attempt) =>
    index !== undefined &&
    tags.every(({ tag }) => pkg.tags.get(tag) === index.digest && isWhole(pkg, tag, index.digest))
  return found.length === platforms.length && found.every(isThere) ? found : []
}

/** A merge job assembles the parts of its run, and updates the tag last; its post step deletes the parts. */
export function merge(model: Model, run: number, options: { readonly tag: string; readonly isKilled: boolean }): void {
  const { fake, pkg, ours, living, given, attempts, calls } = model
  const isRelease = !options.tag.startsWith('pr-')
  const parts = findParts(model, run, isRelease)
  if (parts.length === 0) return
  const attempt = findRun(fake.state, repository, run)?.attempt ?? 1
  const runAnnotation = markOf(run, attempt, attempts.length)
  const owner = ownershipAnnotations(runAnnotation, pullRequestOfRun(run))
  const annotations = isRelease ? undefined : owner
  const entries = parts.flatMap((part) => part.entries)
  // The index is pushed by digest, then the tag is updated: a merge that is killed in between leaves the former.
  const index = pushIndex(fake.state, pkg, entries, { annotations })
  const { digest } = index
  if (!isRelease) ours.add(digest)
  if (options.isKilled) return
  const { tag } = options
  pushIndex(fake.state, pkg, entries, { annotations, tag })
  if (isRelease) living.set(tag, { digest, since: calls })
  else if (given.has(run)) living.delete(tag)
  else living.set(tag, { digest, since: calls, run })
  // All parts together, under a tag that the post step deletes last.
  const mergedTag = `build-0123456-${run}-merged`
  const merged = pushIndex(fake.state, pkg, entries, {
    annotations: { ...owner, [partPlatform]: platforms.join() },
    tag: mergedTag,
  })
  ours.add(merged.digest)
  const mine = [...(isRelease ? [] : [{ tag, digest }]), { tag: mergedTag, digest: merged.digest }]
  const own: RunArtifacts = {
    runAnnotation,
    tags: [...parts.flatMap((part) => part.own.tags), ...mine],
    manifests: isRelease ? [] : [digest],
    partAnnotations: parts.map((part) => part.runAnnotation),
    kept: isRelease ? [digest] : [],
  }
  attempts.push({ attempt, run, runAnnotation, ephemeral: true, entries, parts: [], own, index })
}

export function release(model: Model, content: number, tag: string): void {
  const run = firstRun + 500 + model.attempts.length
  publish(model, begin(model, run, { ephemeral: false, provenance: true, content: `release ${content}` }), tag)
  endRun(model.fake.state, repository, run)
}

/** Somebody pushes without a tag, and uses the digest: of an image alone, which no index needs, or of an index. */
export function pin({ fake: { state }, pkg, pinned, clock }: Model, pick: number): void {
  const content = `pinned ${pick % 4}`
  const time = new Date(clock.now()).toISOString().replace('Z', '123Z')
  const { digest } =
    pick % 2
      ? pushManifest(state, pkg, { content, time })
      : pushRelease(state, pkg, { content, provenance: false }).index
  closureOf(pkg, digest).forEach((one) => pinned.add(one))
}

/** Somebody gives a manifest another name: an index of ours, or one of its images. */
export function retag(model: Model, digest: string, tag: string): void {
  const { pkg, living } = model
  const manifest = pkg.manifests.get(digest)
  if (!manifest || manifest.children.some((child) => !pkg.active.has(child))) return
  // A client reads it first: what is gone cannot be given a name.
  if (!pkg.active.has(digest)) return
  putAgain(model, digest, tag)
  const signature = digest.replace(':', '-')
  living.set(tag, { digest, since: model.calls, ...(pkg.tags.has(signature) && { signature }) })
}

function putAgain({ pkg, fake: { state } }: Model, digest: string, tag: string): void {
  const { body, mediaType } = pkg.manifests.get(digest)!
  const parsed = parse(mediaType, body)
  putManifest(state, pkg, parsed, tag)
}

function parse(mediaType: string, body: string): Manifest {
  const parsed = parseManifest(mediaType, body)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}

/** Somebody makes an index of their own over some of our images. */
export function promote(model: Model, entries: readonly IndexEntry[], tag: string): void {
  const {
    pkg,
    fake: { state },
    living,
  } = model
  if (entries.length === 0 || entries.some(({ version }) => !pkg.active.has(version.digest))) return
  const made = pushIndex(
    state,
    pkg,
    entries.map((entry) => ({ ...entry, version: pkg.active.get(entry.version.digest)! })),
    { annotations: { promoted: tag }, tag },
  )
  living.set(tag, { digest: made.digest, since: model.calls })
}

/**
 * An image under a tag of the night, which it names itself; its content may be that of another night: then its
 * configuration is as old. Without provenance, the whole image may be that of another night.
 */
export function pushNight(model: Model, pick: number): void {
  const { fake, pkg, clock, living, nights, published, calls } = model
  const { state } = fake
  const isUnique = pick % 4 > 0
  const annotations = { 'org.opencontainers.image.version': 'nightly-app' }
  const entries = platforms.flatMap((platform): IndexEntry[] => {
    const time = `2020-01-0${(pick % 3) + 1}T00:00:00${isUnique ? '.123456789' : ''}Z`
    const image = pushManifest(state, pkg, { content: `night ${pick % 3}`, platform, annotations, time })
    if (!isUnique) return [{ version: image, platform }]
    const attestation = pushManifest(state, pkg, {
      content: 'provenance',
      platform,
      attests: image.digest,
      time: new Date(clock.now()).toISOString(),
    })
    return [
      { version: image, platform },
      { version: attestation, platform, attests: image.digest },
    ]
  })
  const tag = `nightly-${pick % 5}`
  const night = isUnique ? { night: `${nights.length}` } : undefined
  const index = pushIndex(state, pkg, entries, { annotations: { ...annotations, ...night }, tag })
  nights.push({ entries, index, isUnique })
  published.set(index.digest, clock.now())
  living.set(tag, { digest: index.digest, since: calls })
}

export const isOfNight = (tag: string): boolean => tag.startsWith('nightly-')

/** How many images of `nightly-*` stay. */
export const keptNights = 1

/**
 * The tags of nights that a cleanup may delete which began at the call `since`: it may have read each tag at another
 * time.
 */
export function expiredNights(model: Model, since: number): string[] {
  const { pkg, seen, clock } = model
  const isOld = (time: number) => clock.now() - time >= 3 * days
  const times = [...seen.values()]
    .flatMap(({ call, publishedAt }) => (call >= since ? [publishedAt] : []))
    .filter(isOld)
  return [...pkg.tags].flatMap(([tag, digest]) => {
    const time = publishedAt(model, digest)
    const isExpired = isOld(time) && times.filter((other) => other > time).length >= keptNights
    return isOfNight(tag) && isExpired ? [tag] : []
  })
}

/**
 * When an image was last published. Of an image with provenance that got another tag by hand, nothing tells that when
 * its first tag has moved on: docs/cleanup.md says so.
 */
function publishedAt({ pkg, published, nights }: Model, digest: string): number {
  const createdAt = pkg.active.get(digest)?.createdAt ?? Infinity
  const isUnique = nights.some((night) => night.isUnique && night.index.digest === digest)
  const tags = [...pkg.tags].filter(([tag, other]) => isOfNight(tag) && other === digest)
  return isUnique && tags.length === 1 ? createdAt : Math.max(published.get(digest) ?? 0, createdAt)
}

/** The tags of nights that a cleanup must delete when all nights are old: nothing else can have published them. */
export function surelyExpiredNights({ pkg, nights }: Model): string[] {
  const unique = new Set(nights.flatMap(({ index, isUnique }) => (isUnique ? [index.digest] : [])))
  const tags = [...pkg.tags].filter(([tag]) => isOfNight(tag))
  const isAlone = (digest: string) => tags.filter(([, other]) => other === digest).length === 1
  const sure = tags.filter(([, digest]) => unique.has(digest) && isAlone(digest))
  const timeOf = (digest: string) => pkg.active.get(digest)?.createdAt ?? 0
  const isExpired = (time: number) => sure.filter(([, other]) => timeOf(other) > time).length >= keptNights
  return sure.flatMap(([tag, digest]) => (isExpired(timeOf(digest)) ? [tag] : []))
}

/** Notes which images have tags of nights now. */
export function seeNights(model: Model): void {
  const { pkg, seen, calls } = model
  for (const [tag, digest] of pkg.tags)
    if (isOfNight(tag) && pkg.active.has(digest))
      seen.set(digest, { call: calls, publishedAt: publishedAt(model, digest) })
}

/** Runs that ended long enough ago have no living tags any more; those of a closed pull request, when they ended. */
export function expire({ living, gone, closed, fake: { state }, clock }: Model): void {
  for (const [tag, { run = 0 }] of living) {
    const known = findRun(state, repository, run)
    // A cleanup at work may know a run that was deleted meanwhile.
    const endedAt = known?.status === 'completed' ? known.updatedAt : gone.get(run)
    const waits = closed.has(pullRequestOfRun(run) ?? '') ? 0 : 3 * days
    if (endedAt !== undefined && clock.now() - endedAt >= waits) living.delete(tag)
  }
}

export const closureOf = (pkg: Package, digest: string): Set<string> => {
  const found = new Set<string>()
  const visit = (one: string): void => {
    if (found.has(one)) return
    found.add(one)
    pkg.manifests.get(one)?.children.forEach(visit)
  }
  visit(digest)
  return found
}

export const isWhole = (pkg: Package, tag: string, digest: string): boolean =>
  pkg.tags.get(tag) === digest && missingFrom(pkg, tag).length === 0

/** The number in `pr-7` may be that of a pull request, so no cleanup takes it for a run. */
export const isTemporary = (tag: string): boolean => /^(pr|build)-(?!\d{1,3}$)/.test(tag)

/** Of ours, and needed by nothing of others. */
export function leftovers({ pkg, ours }: Model): string[] {
  const needed = new Set<string>()
  for (const [digest] of pkg.active)
    if (!isOurs(pkg, ours, digest)) closureOf(pkg, digest).forEach((one) => needed.add(one))
  for (const [tag, digest] of pkg.tags) if (!isTemporary(tag)) closureOf(pkg, digest).forEach((one) => needed.add(one))
  // Of what others need by now, the index of its platform alone tells that it was ours.
  const tells = (digest: string) => pkg.manifests.get(digest)!.children.some((child) => needed.has(child))
  return [...pkg.active.keys()].filter((digest) => isOurs(pkg, ours, digest) && !needed.has(digest) && !tells(digest))
}

/** What was pushed by us, and the copies that taking off a tag makes. */
const isOurs = (pkg: Package, ours: ReadonlySet<string>, digest: string): boolean =>
  ours.has(digest) || (pkg.manifests.get(digest)?.body.includes(ownershipAnnotation) ?? false)
