import type { RunArtifacts } from '../../src/cleanup/ownership.ts'
import { missingFrom } from '../ghcr/audit.ts'
import { days, hours, manualClock } from '../ghcr/clock.ts'
import { pushIndex, pushManifest, pushRelease, type IndexEntry } from '../ghcr/histories.ts'
import { parseManifest, type Manifest } from '../ghcr/manifest.ts'
import { putManifest } from '../ghcr/push.ts'
import { declareRun, endRun, findRun } from '../ghcr/runs.ts'
import { createPackage, type Package, type Version } from '../ghcr/state.ts'
import { createFake, type Rules, type Fake } from '../ghcr/fake.ts'
import { ownershipAnnotation } from '../../src/run/names.ts'

export const repository = 'acme/shop'
export const firstRun = 17_000_000_001

/** What one attempt of a run has pushed. */
export interface Attempt {
  readonly run: number
  readonly runAnnotation: string
  readonly ephemeral: boolean
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
  revived?: boolean
  wounded?: Set<string>
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
  /** Of these, what adversaries try to get deleted: pushed before any run existed. */
  readonly victims: ReadonlySet<string>
  readonly posted: Set<string>
  /** Runs that a cleanup was told to take all of. */
  readonly given: Set<number>
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
    victims: new Set(),
    posted: new Set(),
    given: new Set(),
    calls: 0,
  }
  const victim = pushRelease(fake.state, pkg, { content: 'victim' })
  const victims = closureOf(pkg, victim.index.digest)
  victims.forEach((digest) => model.pinned.add(digest))
  clock.advance(hours)
  const withVictims = { ...model, victims }
  release(withVictims, 0, 'latest')
  return withVictims
}

const markOf = (run: number, attempt: number, random: number) => `${run}-${attempt}-mab${random}`

/** The nodes of a run push each platform by digest; nothing names it yet. */
export function begin(
  model: Model,
  run: number,
  options: { readonly ephemeral: boolean; readonly provenance: boolean; readonly content?: string },
): Attempt {
  const { ephemeral, provenance, content = `${run}` } = options
  const {
    fake: { state },
    pkg,
    attempts,
    ours,
  } = model
  const known = findRun(state, repository, run)
  const attempt = known?.attempt ?? 1
  if (!known) declareRun(state, { repository, id: run })
  const nonce = markOf(run, attempt, attempts.length)
  const annotations = { [ownershipAnnotation]: nonce }
  const made: Attempt = {
    attempt,
    run,
    runAnnotation: nonce,
    ephemeral,
    entries: [],
    parts: [],
    own: { runAnnotation: nonce, tags: [], manifests: [] },
  }
  for (const platform of ['linux/amd64', 'linux/arm64']) {
    const image = pushManifest(state, pkg, { content, platform, ...(ephemeral ? { annotations } : {}) })
    const entries: IndexEntry[] = [{ version: image, platform }]
    if (provenance)
      entries.push({
        version: pushManifest(state, pkg, { content: 'provenance', platform, attests: image.digest }),
        platform,
        attests: image.digest,
      })
    made.entries.push(...entries)
    const part = provenance ? pushIndex(state, pkg, entries, { annotations }) : image
    made.parts.push(part)
    if (provenance || ephemeral) ours.add(part.digest)
    if (ephemeral) entries.forEach(({ version }) => ours.add(version.digest))
  }
  made.own = { runAnnotation: nonce, tags: [], manifests: made.parts.map(({ digest }) => digest) }
  attempts.push(made)
  return made
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
    annotations: attempt.ephemeral ? { [ownershipAnnotation]: attempt.runAnnotation } : undefined,
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

export function release(model: Model, content: number, tag: string): void {
  const run = firstRun + 500 + model.attempts.length
  publish(model, begin(model, run, { ephemeral: false, provenance: true, content: `release ${content}` }), tag)
  endRun(model.fake.state, repository, run)
}

/** Somebody pushes without a tag, and uses the digest. */
export function pin({ fake: { state }, pkg, pinned }: Model, content: string): void {
  closureOf(pkg, pushRelease(state, pkg, { content, provenance: false }).index.digest).forEach((digest) =>
    pinned.add(digest),
  )
}

/** Somebody gives a manifest another name: an index of ours, or one of its images. */
export function retag(model: Model, digest: string, tag: string): void {
  const { pkg, living } = model
  const manifest = pkg.manifests.get(digest)
  if (!manifest || manifest.children.some((child) => !pkg.active.has(child))) return
  // A client reads it first: what is gone cannot be given a name.
  if (!pkg.active.has(digest)) return
  putAgain(model, digest, tag)
  living.set(tag, { digest, since: model.calls })
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

/** Runs that ended long enough ago have no living tags any more. */
export function expire({ living, fake: { state }, clock }: Model): void {
  for (const [tag, { run }] of living) {
    const known = run === undefined ? undefined : findRun(state, repository, run)
    if (known?.status === 'completed' && clock.now() - known.updatedAt >= 3 * days) living.delete(tag)
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

/** Of ours, and needed by nothing of others. */
export function leftovers({ pkg, ours }: Model): string[] {
  const needed = new Set<string>()
  for (const [digest] of pkg.active)
    if (!isOurs(pkg, ours, digest)) closureOf(pkg, digest).forEach((one) => needed.add(one))
  for (const [tag, digest] of pkg.tags)
    if (!tag.startsWith('pr-')) closureOf(pkg, digest).forEach((one) => needed.add(one))
  // Of what others need by now, the index of its platform alone tells that it was ours.
  const tells = (digest: string) => pkg.manifests.get(digest)!.children.some((child) => needed.has(child))
  return [...pkg.active.keys()].filter((digest) => isOurs(pkg, ours, digest) && !needed.has(digest) && !tells(digest))
}

/** What was pushed by us, and the copies that taking off a tag makes. */
const isOurs = (pkg: Package, ours: ReadonlySet<string>, digest: string): boolean =>
  ours.has(digest) || (pkg.manifests.get(digest)?.body.includes(ownershipAnnotation) ?? false)
