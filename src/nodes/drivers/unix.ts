import type { Driver } from '../node.ts'
import { pathPattern, socketName, type SocketEndpoint } from './address.ts'
import { buildkitdNode, probeBuildkitd, remote } from './remote.ts'

/** `unix:///path`: a buildkitd of this machine. */
export const unixBuildkitd: Driver = {
  ...remote,
  scheme: 'unix',
  parse(path, reject) {
    if (pathPattern.test(path) && !path.endsWith('/'))
      // No buildkitd listens at a path that every Docker client expects its engine at.
      return { kind: path.endsWith('docker.sock') ? 'engine' : 'unix', path }
    reject(invalidPath)
    return undefined
  },
  format: ({ path }: SocketEndpoint) => `unix://${path}`,
  baseName: socketName,
  // setup-buildx-action uses a socket as an engine's unless the driver is `remote`.
  withDriver(endpoint, driver) {
    if (driver === 'kubernetes') return undefined
    return driver === 'remote' ? endpoint : { ...endpoint, kind: 'engine' }
  },
  async open({ path }: SocketEndpoint, { spec }) {
    const began = performance.now()
    await probeBuildkitd(path, path)
    return buildkitdNode(unixBuildkitd, spec, path, began)
  },
}

const invalidPath =
  'has no usable path: write that of the socket after `unix://`, as in `unix:///run/buildkit/buildkitd.sock`'
