import type { Annotation } from '../metadata/annotations.ts'
import type { Platform } from '../lib/platform.ts'
import type { Repository, TagReference } from '../registry/reference.ts'

/**
 * One image to build, for each of its platforms: the step's own inputs, overlaid with those of its entry in `variants`.
 */
export interface VariantSpec {
  /** Empty where the step builds one image without a name. */
  readonly name: string
  readonly images: readonly Repository[]
  /** Full references to move at the end; empty with `push: false` and no tags. */
  readonly tags: readonly TagReference[]
  /** Empty: the platforms of the nodes. */
  readonly platforms: readonly Platform[]
  /** A directory (absolute) or a Git or HTTP URL. */
  readonly context: string
  /** Absolute, or relative to a remote context. Undefined: the context's own Dockerfile. */
  readonly file?: string
  readonly target?: string
  readonly buildArgs: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: readonly Annotation[]
  /** The first tag's name; empty where there is none. */
  readonly version: string
}
