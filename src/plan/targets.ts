import type { Inputs, VariantSpec } from '../inputs.ts'
import type { Node } from '../nodes/node.ts'
import { formatRepository } from '../registry/reference.ts'
import { Failure } from '../report/failure.ts'
import { platformSlug, type Platform } from './platform.ts'

/** One platform of one variant: built on one node, with a cache of its own, pushed by digest. */
export interface Target {
  /** Unique in the run, and a name that bake takes: letters, digits, `-` and `_`. */
  readonly id: string
  readonly variant: VariantSpec
  readonly platform: Platform
  readonly node: Node
  /** `ghcr.io/acme/app:buildcache-slim-linux-arm64`; undefined where no cache is kept. */
  readonly cache?: string
}

/** The targets of one node, built by one call of buildx, so that a lost node takes no other's work down. */
export interface Lane {
  readonly node: Node
  readonly targets: readonly Target[]
}

export interface Plan {
  readonly targets: readonly Target[]
  readonly lanes: readonly Lane[]
}

/** PURE: variants × platforms, each with its node and its cache. */
export function planTargets(inputs: Pick<Inputs, 'variants' | 'cache'>, nodes: readonly Node[]): Plan {
  const targets = inputs.variants.flatMap((variant, number) => {
    const platforms = variant.platforms.length > 0 ? variant.platforms : [...new Set(nodes.flatMap((node) => node.platforms))]
    return platforms.map((platform): Target => {
      const cache = inputs.cache.kind === 'registry' ? cacheReference(variant, platform) : undefined
      return {
        id: targetId(inputs.variants, number, platform),
        variant,
        platform,
        node: chooseNode(nodes, platform, number),
        ...(cache !== undefined && { cache }),
      }
    })
  })
  const lanes = nodes.map((node) => ({ node, targets: targets.filter((target) => target.node === node) }))
  return { targets, lanes: lanes.filter((lane) => lane.targets.length > 0) }
}

/** Variants take turns on the nodes of a platform; the same list of nodes gives the same choice, so local caches serve. */
function chooseNode(nodes: readonly Node[], platform: Platform, number: number): Node {
  const able = nodes.filter((node) => node.platforms.includes(platform))
  const node = able[number % able.length]
  if (node) return node
  const owned = nodes.map(({ spec, platforms }) => `${spec.name}: ${platforms.join(', ')}`)
  throw new Failure('inputs', `platforms: no node builds ${platform}`, `Add a line to \`nodes\`: \`${platform} = ssh://user@host\`.`, owned)
}

/** Bake takes letters, digits, `-` and `_`; what a variant's name may hold besides is replaced, and its number keeps it unique. */
function targetId(variants: readonly VariantSpec[], number: number, platform: Platform): string {
  const name = variants[number]?.name ?? ''
  const plain = name.replace(/[^A-Za-z0-9_-]/g, '_')
  const unique = plain === name || plain === '' ? plain : `${plain}_${number}`
  return [unique, platformSlug(platform)].filter((part) => part !== '').join('-')
}

function cacheReference({ images, name }: VariantSpec, platform: Platform): string | undefined {
  const [first] = images
  return first && `${formatRepository(first)}:${cacheTag(name, platform)}`
}

/** `buildcache-<variant>-<platform>`, without a variant `buildcache-<platform>`. */
export function cacheTag(variant: string, platform: Platform): string {
  return ['buildcache', variant, platformSlug(platform)].filter((part) => part !== '').join('-')
}
