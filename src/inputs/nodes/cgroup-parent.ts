import type { IssueSink } from '../../lib/issues.ts'
import { canAddWorkerKeys, withWorkerKeys } from '../../nodes/buildkitd-config.ts'
import { endpointDriver } from '../../nodes/drivers/table.ts'
import type { NodeSpec } from '../../nodes/node-spec.ts'
import { failEach, failFor } from '../diagnostics.ts'
import { checkedText } from '../table.ts'

const pathOrSlice = /^\/?[\w.@-]+(?:\/[\w.@-]+)*\/?$|^[\w.@-]+\.slice(?::[\w.@-]*:)?$/
const parentDirectory = /(?:^|\/)\.\.?(?:\/|$)/
const configKey = /^\s*"?(?:worker\s*\.\s*oci\s*\.\s*)?defaultCgroupParent"?\s*=/im

const notAGroup =
  'is not a valid control group: write its path, such as `/builds`, or `builds.slice:run:` if systemd manages them'
const contradiction = 'conflicts with `defaultCgroupParent` in the buildkitd configuration: remove one of them'
const inlineTable =
  'cannot be combined with this form of the buildkitd configuration: move the worker settings below `[worker.oci]`'
const ownConfig = 'write `defaultCgroupParent` into its own configuration, below `[worker.oci]`'

/** Parses `cgroup-parent` of build-push-action: a path, or `name.slice:prefix:` if systemd manages them. */
export const parseCgroupParent = checkedText((text) => [
  [!pathOrSlice.test(text) || parentDirectory.test(text), notAGroup],
])

/** Reports nodes and configurations to which the control group cannot be added. */
export function checkCgroupParent(parent: string, nodes: readonly NodeSpec[], config: string, report: IssueSink): void {
  if (parent === '') return
  const remote = nodes.find(({ endpoint }) => !endpointDriver(endpoint).startsDaemon)
  failEach(failFor(report, 'cgroup-parent', parent), [
    [remote !== undefined, `has no effect on ${remote?.name ?? ''}, a buildkitd that runs already: ${ownConfig}`],
    [configKey.test(config), contradiction],
    [!configKey.test(config) && !canAddWorkerKeys(config), inlineTable],
  ])
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
