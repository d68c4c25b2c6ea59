import { shorten, type IssueSink } from '../../lib/issues.ts'
import { isBuildkitd } from '../../nodes/endpoint.ts'
import type { NodeSpec } from '../../nodes/node-spec.ts'
import { takesWorkerKeys, withWorkerKeys } from '../../nodes/buildkitd-config.ts'

const input = 'cgroup-parent'

/** Reads `cgroup-parent` of build-push-action: a path, or `name.slice:prefix:` where systemd has the control groups. */
export function readCgroupParent(text: string, report: IssueSink): string {
  if (
    /^$|^\/?[\w.@-]+(?:\/[\w.@-]+)*\/?$|^[\w.@-]+\.slice(?::[\w.@-]*:)?$/.test(text) &&
    !/(?:^|\/)\.\.?(?:\/|$)/.test(text)
  )
    return text
  report({
    input,
    given: shorten(text),
    expected: 'is no control group: write its path, such as `/builds`, or `builds.slice:run:` where systemd has them',
  })
  return ''
}

/** Only daemons that we start can be told; and not twice. */
export function checkCgroupParent(parent: string, nodes: readonly NodeSpec[], config: string, report: IssueSink): void {
  if (parent === '') return
  const wrong = (expected: string) => report({ input, given: parent, expected })
  const remote = nodes.find(({ endpoint }) => isBuildkitd(endpoint))
  if (remote)
    wrong(
      `has no effect on ${remote.name}, a buildkitd that runs already: write \`defaultCgroupParent\` into its own configuration, below \`[worker.oci]\``,
    )
  if (/^\s*"?(?:worker\s*\.\s*oci\s*\.\s*)?defaultCgroupParent"?\s*=/im.test(config))
    wrong('is contradicted by `defaultCgroupParent` in the configuration of buildkitd: leave one of the two out')
  else if (!takesWorkerKeys(config))
    wrong(
      'cannot be added to the configuration of buildkitd as it is written: write its worker’s keys below `[worker.oci]`',
    )
}

/**
 * PURE: a node whose daemon, if we start it, puts every step below this control group. Bake has no word for the
 * Dockerfile's `cgroup-parent`; the worker's default is what holds where no step has one, and so means the same:
 * https://github.com/moby/buildkit/blob/v0.34.2/executor/oci/spec.go
 */
export function tellCgroupParent(spec: NodeSpec, parent: string): NodeSpec {
  return parent === '' || isBuildkitd(spec.endpoint)
    ? spec
    : {
        ...spec,
        buildkitdConfig: withWorkerKeys(spec.buildkitdConfig, [`defaultCgroupParent = ${JSON.stringify(parent)}`]),
      }
}
