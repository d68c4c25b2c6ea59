import type { Login } from '../registry/auth.ts'
import { hasAnyLogin } from '../registry/credentials/origin.ts'
import { parseImageReference } from '../registry/reference.ts'
import { daemonImage } from './engine/daemon.ts'
import type { NodeSpec } from './node-spec.ts'

interface PrefetchRequest {
  readonly nodes: readonly NodeSpec[]
  readonly logins: readonly Login[]
  /** The job's own Docker configuration as parsed JSON. */
  readonly dockerConfig: unknown
}

/**
 * PURE: whether a node will certainly boot a daemon whose image needs no login: its engine may pull it before the probe
 * has ended. A node that shares a platform with another one may not be needed.
 */
export function needsImage(spec: NodeSpec, { nodes, logins, dockerConfig }: PrefetchRequest): boolean {
  const image = parseImageReference(daemonImage(spec))
  const isShared = spec.platforms.some((platform) =>
    nodes.some((other) => other !== spec && (other.platforms.length === 0 || other.platforms.includes(platform))),
  )
  return (
    spec.existingNodeName === undefined &&
    spec.builtIn !== true &&
    (nodes.length === 1 || (spec.platforms.length > 0 && !isShared)) &&
    image !== undefined &&
    !hasAnyLogin(image, logins, dockerConfig)
  )
}
