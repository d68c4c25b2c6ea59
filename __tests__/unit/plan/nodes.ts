import { endpointDriver } from '../../../src/nodes/drivers/table.ts'
import { parseEndpoint } from '../../../src/nodes/endpoint.ts'
import type { NodeSpec } from '../../../src/nodes/node-spec.ts'
import type { Node } from '../../../src/nodes/node.ts'
import { parsePlatform, type Platform } from '../../../src/lib/platform.ts'
import type { VariantSpec } from '../../../src/inputs/variants.ts'

export const platform = (text: string): Platform => parsePlatform(text)!

export function nodeSpec(name: string, platforms: readonly string[], endpoint = `ssh://${name}`): NodeSpec {
  return {
    name,
    endpoint: parseEndpoint(endpoint)!,
    platforms: platforms.map(platform),
    driverOpts: {},
    buildkitdFlags: [],
    buildkitdConfig: '',
  }
}

/** A node that builds its platforms natively, unless `more` says otherwise. */
export function testNode(name: string, platforms: readonly string[], more: Partial<Node> = {}): Node {
  const spec = more.spec ?? nodeSpec(name, platforms)
  return {
    spec,
    driver: endpointDriver(spec.endpoint),
    socket: `/${name}.sock`,
    platforms: spec.platforms,
    native: spec.platforms,
    took: 0,
    ...more,
  }
}

export function testVariant(name: string, fields: Partial<VariantSpec> = {}): VariantSpec {
  return {
    name,
    images: [{ registry: 'ghcr.io', path: 'acme/app' }],
    tags: [],
    platforms: [],
    context: '/w',
    buildArgs: {},
    labels: {},
    annotations: [],
    version: '',
    ...fields,
  }
}
