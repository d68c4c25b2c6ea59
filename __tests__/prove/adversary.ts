import { ownershipAnnotation, ownershipAnnotations, partAnnotationPrefix } from '../../src/run/names.ts'
import { pushArtifact, pushIndex, retag, type IndexEntry } from '../ghcr/histories.ts'
import type { Version } from '../ghcr/state.ts'
import { findRun } from '../ghcr/runs.ts'
import { firstRun, repository, type Attempt, type Model } from './model.ts'

/**
 * Somebody who may push, but not delete, and a hostile node: each step tries to get an image deleted that is used by
 * its digest. `pick` selects the victim, the run and the variant.
 */
export const adversary = {
  'forge tag': (model, pick) => {
    const victim = victimOf(model, pick)
    if (victim) retag(model.fake.state, model.pkg, victim.digest, temporaryTag(pick))
  },
  'forge index': (model, pick) => {
    pushIndex(model.fake.state, model.pkg, entriesOf(model), {
      annotations: { forged: `${pick}` },
      tag: temporaryTag(pick),
    })
  },
  'forge attestation': (model, pick) => {
    const annotations = { [ownershipAnnotation]: `${runOf(pick)}-1-forged${pick}` }
    pushIndex(model.fake.state, model.pkg, entriesOf(model, claimedImage), { annotations, tag: tagOrNone(pick) })
  },
  'forge part': (model, pick) => {
    const run = runOf(pick)
    pushIndex(model.fake.state, model.pkg, entriesOf(model, pick % 2 ? claimedImage : undefined), {
      annotations: {
        [ownershipAnnotation]: `${run}-1-forged${pick}`,
        [`${partAnnotationPrefix}platform`]: 'linux/amd64',
      },
      tag: `build-0123456-${run}-linux-amd64-forged${pick}`,
    })
  },
  'forge provenance': (model, pick) => {
    const entries = victimsOf(model).flatMap((version) => [
      { version, platform: 'linux/amd64' },
      { version: pushProvenance(model, version, runOf(pick)), platform: 'linux/amd64', attests: version.digest },
    ])
    const annotations = { 'org.opencontainers.image.version': `pr-${runOf(pick)}` }
    pushIndex(model.fake.state, model.pkg, entries, { annotations, tag: temporaryTag(pick) })
  },
  'forge subject': (model, pick) => {
    const subject = victimOf(model, pick)
    const tag = tagOrNone(pick)
    if (subject)
      pushArtifact(model.fake.state, model.pkg, {
        content: `artifact ${pick}`,
        subject,
        annotations: { [ownershipAnnotation]: `${runOf(pick)}-1-forged${pick}` },
        ...(tag !== undefined && { tag }),
      })
  },
  'forge referrer': (model, pick) => {
    const victim = victimOf(model, pick)
    const image = imageOf(model, pick)
    const suffix = ['', '.sig', '.att', '.sbom'][pick % 4] ?? ''
    if (victim && image) retag(model.fake.state, model.pkg, victim.digest, image.digest.replace(':', '-') + suffix)
  },
  'forge pull request': (model, pick) => {
    const { fake, pkg } = model
    const image = imageOf(model, pick)
    const entries = [...entriesOf(model), ...(image ? [{ version: image, platform: 'linux/amd64' }] : [])]
    const annotations = ownershipAnnotations(`${runOf(pick)}-1-forged${pick}`, pick % 2 ? 'shop-7' : 'shop-77')
    pushIndex(fake.state, pkg, entries, { annotations, tag: temporaryTag(pick) })
    const victim = victimOf(model, pick)
    if (victim) retag(fake.state, pkg, victim.digest, pick % 2 ? 'pr-7' : 'pr-77')
  },
  'forge night': (model, pick) => {
    const { fake, pkg } = model
    // No cleanup takes an attestation for the image of a night.
    const images = victimsOf(model).filter(({ digest }) => !pkg.manifests.get(digest)?.body.includes('in-toto'))
    const victim = images.at(pick % Math.max(1, images.length))
    const tag = `nightly-forged${pick % 4}`
    const annotations = { 'org.opencontainers.image.version': tag, forged: `${pick}` }
    if (pick % 2) pushIndex(fake.state, pkg, entriesOf(model), { annotations, tag })
    else if (victim) retag(fake.state, pkg, victim.digest, tag)
  },
  'forge node': (model, pick) => {
    const { fake, pkg, attempts, ours } = model
    const attempt = attempts.filter(({ ephemeral, run }) => ephemeral && isRunning(model, run)).at(pick % 3)
    if (!attempt) return
    const annotations = { [ownershipAnnotation]: attempt.runAnnotation }
    const forged = pushIndex(fake.state, pkg, entriesOf(model, claimedImage), { annotations })
    ours.add(forged.digest)
    const { own } = attempt
    attempt.own = { ...own, manifests: [...own.manifests, forged.digest] }
  },
} satisfies Record<string, (model: Model, pick: number) => void>

/** An image that never existed: what an attestation of it would be, nothing needs. */
export const claimedImage = `sha256:${'1'.repeat(64)}`

/** An attestation that names the run as the builder of the image. */
function pushProvenance({ fake: { state }, pkg }: Model, { digest }: Version, run: number): Version {
  const statement = {
    subject: [{ name: 'app', digest: { sha256: digest.slice('sha256:'.length) } }],
    predicate: { builder: { id: `https://github.com/${repository}/actions/runs/${run}/attempts/1` } },
  }
  const layerType = 'application/vnd.in-toto+json'
  return pushArtifact(state, pkg, { content: 'provenance', layerType, payload: JSON.stringify(statement) })
}

/** Signs an image of a run: nothing of that may keep the image. */
export function sign(model: Model, pick: number): void {
  const { fake, pkg } = model
  const image = imageOf(model, pick)
  if (!image) return
  const signature = pushArtifact(fake.state, pkg, { content: `signature of ${image.digest}`, subject: image })
  const entry = { version: signature, platform: 'linux/amd64' }
  pushIndex(fake.state, pkg, [entry], { annotations: {}, tag: image.digest.replace(':', '-') })
}

const runOf = (pick: number): number => firstRun + (pick % 3)
const temporaryTag = (pick: number): string => `pr-${runOf(pick)}-forged${pick}`
const tagOrNone = (pick: number): string | undefined => (pick % 2 ? temporaryTag(pick) : undefined)

const isRunning = ({ fake: { state } }: Model, run: number): boolean =>
  findRun(state, repository, run)?.status === 'in_progress'

const victimsOf = ({ pkg, pinned }: Model): Version[] => [...pinned].flatMap((digest) => pkg.active.get(digest) ?? [])

const victimOf = (model: Model, pick: number): Version | undefined => victimsOf(model).at(pick % model.pinned.size)

const entriesOf = (model: Model, attests?: string): IndexEntry[] =>
  victimsOf(model).map((version) => ({ version, platform: 'linux/amd64', ...(attests !== undefined && { attests }) }))

/** An index or image that a run has pushed for itself. */
function imageOf({ attempts, pkg }: Model, pick: number): Version | undefined {
  const images = attempts.filter(({ ephemeral }) => ephemeral).flatMap(ownImages)
  return pkg.active.get(images.at(pick % Math.max(1, images.length))?.digest ?? '')
}

const ownImages = ({ index, entries }: Attempt): Version[] => [
  ...(index ? [index] : []),
  ...entries.filter(({ attests }) => attests === undefined).map(({ version }) => version),
]
