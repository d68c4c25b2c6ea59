import { UserError } from '../../lib/errors.ts'
import type { Driver, Node, OpenRequest } from '../node.ts'
import { startBuiltInForwarder } from '../ssh/forwarder.ts'
import { remote } from './remote.ts'

/** `driver: docker`: the BuildKit that is built into an engine. It is used like a buildkitd that runs already. */
export function builtInBuildkit(engine: Driver): Driver {
  const driver: Driver = {
    ...engine,
    name: remote.name,
    startsDaemon: false,
    canPersist: false,
    canEmulate: false,
    collector: undefined,
    builderEntry: remote.builderEntry,
    containerName: undefined,
    route: ({ socket }) => ['socket', socket],
    describeLeftovers: undefined,
    builder: 'the built-in BuildKit',
    async open(endpoint, request) {
      return { ...(await forwardBuiltIn(await engine.open(endpoint, request), request)), driver }
    },
  }
  return driver
}

/** The node with a socket that leads to the BuildKit in its engine. */
async function forwardBuiltIn(node: Node, { spec, key, dir }: OpenRequest): Promise<Node> {
  if (node.engine?.containerd !== true) {
    throw new UserError({
      code: 'node',
      message: `The BuildKit inside the Docker Engine of ${spec.name} cannot push multi-arch images`,
      hint: classicStore,
    })
  }
  const socket = dir.builtInSocket(key)
  if (await startBuiltInForwarder(dir.owner, socket, node.socket)) return { ...node, socket }
  throw new UserError({
    code: 'node',
    message: `The BuildKit inside the Docker Engine of ${spec.name} cannot be reached`,
    hint: 'Leave `driver: docker` out.',
  })
}

const classicStore =
  'The Docker Engine uses the classic image store: enable the containerd image store ' +
  '(`"features": {"containerd-snapshotter": true}` in daemon.json), or remove `driver: docker`.'
