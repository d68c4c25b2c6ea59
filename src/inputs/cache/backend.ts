import type { Attribute } from '../../lib/csv.ts'
import type { Env } from '../../lib/lists.ts'
import type { Problem } from '../diagnostics.ts'

/** What the action must know of a cache backend of BuildKit: https://docs.docker.com/build/cache/backends/ */
export interface CacheBackend {
  /** The attribute that names a cache for imports and for exports. */
  readonly name: { readonly from: string; readonly to: string }
  /** The name if none is given, by the repository of the run; an image with another name gets its own below it. */
  readonly defaultName: (repository: string) => string
  /** An attribute's value as BuildKit accepts it. */
  readonly normalise?: (name: string, value: string) => string
  /** The name of one target's cache. */
  readonly withSuffix: (name: string, suffix: string) => string
  /**
   * Attribute → the variable that BuildKit reads if it is missing: of the daemon on a node, which does not have the
   * job's environment. So the job's values are written into the specification.
   */
  readonly variables?: Readonly<Record<string, string>>
  /** Attributes whose values are credentials. */
  readonly secretAttributes?: readonly string[]
  /** Variables of the job whose values are credentials, as parts to mask. */
  readonly secretVariables?: Readonly<Record<string, (value: string) => readonly string[]>>
  /** Variables of the job that buildx needs for it, and other processes do not. */
  readonly buildxVariables?: readonly string[]
  /** What is invalid in `cache`. */
  readonly problems: (attributes: readonly Attribute[], env: Env) => readonly Problem[]
  readonly warnings?: (attributes: readonly Attribute[], env: Env) => readonly string[]
  /** Each build writes it into its own image, so that several builds can export it. */
  readonly isInImage?: boolean
  /** What BuildKit reports when it finds no credentials, and when another node creates the storage meanwhile. */
  readonly errors?: { readonly noCredentials?: RegExp; readonly createdMeanwhile?: RegExp }
}
