import { shorten, type IssueSink } from '../../lib/issues.ts'
import { canAddWorkerKeys, withWorkerKeys } from '../../nodes/buildkitd-config.ts'
import { endpointDriver } from '../../nodes/drivers/table.ts'
import type { NodeSpec } from '../../nodes/node-spec.ts'

const input = 'cgroup-parent'

const pathOrSlice = /^$|^\/?[\w.@-]+(?:\/[\w.@-]+)*\/?$|^[\w.@-]+\.slice(?::[\w.@-]*:)?$/
const parentDirectory = /(?:^|\/)\.\.?(?:\/|$)/
const configKey = /^\s*"?(?:worker\s*\.\s*oci\s*\.\s*)?defaultCgroupParent"?\s*=/im

/** Parses `cgroup-parent` of build-push-action: a path, or `name.slice:prefix:` if systemd manages them. */
export function parseCgroupParent(text: string, report: IssueSink): string {
  if (pathOrSlice.test(text) && !parentDirectory.test(text)) return text
  report({ input, given: shorten(text), expected: notAGroup })
  return ''
}

const notAGroup =
  'is not a valid control group: write its path, such as `/builds`, or `builds.slice:run:` if systemd manages them'
const contradiction = 'conflicts with `defaultCgroupParent` in the buildkitd configuration: remove one of them'
const inlineTable =
  'cannot be combined with this form of the buildkitd configuration: move the worker settings below `[worker.oci]`'

/** Reports nodes and configurations to which the control group cannot be added. */
export function checkCgroupParent(parent: string, nodes: readonly NodeSpec[], config: string, report: IssueSink): void {
  if (parent === '') return
  const reject = (expected: string) => report({ input, given: parent, expected })
  const remote = nodes.find(({ endpoint }) => !endpointDriver(endpoint).startsDaemon)
  if (remote) reject(runsAlready(remote.name))
  if (configKey.test(config)) reject(contradiction)
  else if (!canAddWorkerKeys(config)) reject(inlineTable)
}

function runsAlready(node: string): string {
  return (
    `has no effect on ${node}, a buildkitd that runs already: ` +
    'write `defaultCgroupParent` into its own configuration, below `[worker.oci]`'
  )
}

/**
 * PURE: a node whose daemon, if buildx starts it, runs every step below this control group. Bake has no field for the
 * Dockerfile's `cgroup-parent`; the worker's default applies to steps that have none, and so means the same:
 * https://github.com/moby/buildkit/blob/v0.34.2/executor/oci/spec.go
 */
export function withCgroupParent(spec: NodeSpec, parent: string): NodeSpec {
  if (parent === '' || !endpointDriver(spec.endpoint).startsDaemon) return spec
  const key = `defaultCgroupParent = ${JSON.stringify(parent)}`
  return { ...spec, buildkitdConfig: withWorkerKeys(spec.buildkitdConfig, [key]) }
}
