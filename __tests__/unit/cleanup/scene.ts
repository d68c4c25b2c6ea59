import type { RunArtifacts } from '../../../src/cleanup/ownership.ts'
import { manualClock } from '../../ghcr/clock.ts'
import { pushRelease, type Pushed, type Release } from '../../ghcr/histories.ts'
import { createPackage, type Package } from '../../ghcr/state.ts'
import { createFake, type Rules, type Fake, calm } from '../../ghcr/fake.ts'
import type { Clock } from '../../../src/packages/backend.ts'
import { ownershipAnnotation } from '../../../src/run/names.ts'

export interface Scene {
  readonly fake: Fake
  readonly pkg: Package
  readonly clock: Clock & { advance(ms: number): void }
}

/** An organisation's package with a slash in its name, and a clock that waits at once. */
export function scene(rules: Partial<Rules> = {}, kind: 'org' | 'user' = 'org'): Scene {
  const clock = manualClock()
  const fake = createFake({ clock, rules: { ...calm, ...rules } })
  if (kind === 'user') fake.state.owners.set('acme', { login: 'acme', id: 5, kind: 'user', members: new Set() })
  const pkg = createPackage(fake.state, { owner: 'acme', name: 'shop/api', repository: 'acme/shop' })
  const advance = (ms: number) => clock.advance(ms)
  const sleep = (ms: number) => {
    advance(ms)
    return Promise.resolve()
  }
  return { fake, pkg, clock: { now: () => clock.now(), advance, sleep } }
}

export const annotationOf = (run: string, random = 'mab'): string => `${run}-1-${random}`

/** What a pull request's run leaves in the registry, and in its journal. */
export function pushOwn(
  { fake, pkg }: Scene,
  run: string,
  release: Partial<Release> = {},
  tag = `pr-${run}`,
): { readonly own: RunArtifacts; readonly pushed: Pushed } {
  const nonce = annotationOf(run)
  const pushed = pushRelease(fake.state, pkg, {
    tag,
    content: 'app',
    nonce: { [ownershipAnnotation]: nonce },
    ...release,
  })
  const parts = pushed.perPlatform.length > 0 ? pushed.perPlatform : pushed.images
  return {
    pushed,
    own: {
      runAnnotation: nonce,
      tags: [{ tag, digest: pushed.index.digest }],
      manifests: parts.map(({ digest }) => digest),
    },
  }
}

export const allOf = ({ index, images, attestations, perPlatform }: Pushed): string[] =>
  [index, ...images, ...attestations, ...perPlatform].map(({ digest }) => digest)
