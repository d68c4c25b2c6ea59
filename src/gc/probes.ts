import { errorMessage } from '../lib/errors.ts'
import { asRecord } from '../lib/json.ts'
import { EngineError, type Container, type EngineClient } from '../nodes/engine/client.ts'
import { parseResourceName } from '../run/names.ts'

/** What happened to one container or builder. */
export interface Outcome {
  readonly name: string
  readonly error?: string
}

/**
 * Before buildx creates a daemon, it tests the engine for GPUs with a container without a name of its own, of the
 * daemon's image, that runs `/bin/true`. If buildx is killed in between, that container stays as it was created, with a
 * volume. https://github.com/docker/buildx/blob/v0.38.2/driver/docker-container/driver.go, `hasGPUCapability`
 *
 * @param image the image of daemons on this node, if it is not BuildKit's own
 * @param minAge milliseconds by the engine's clock; a younger container may still be started
 * @throws EngineError
 */
export async function removeProbes(
  engine: EngineClient,
  image: string | undefined,
  minAge: number,
): Promise<Outcome[]> {
  const [containers, now] = await Promise.all([engine.listContainers(), engine.time()])
  const daemons = containers.filter(({ names }) => names.some((name) => parseResourceName(name)))
  const images = new Set([image, ...daemons.map(({ summary }) => summary['Image'])])
  const probes = containers.filter((container) => now - container.createdAt > minAge && isProbe(container, images))
  return (await Promise.all(probes.map((probe) => removeProbe(engine, probe)))).flat()
}

/** An engine names a container without a name `kind_curie`. */
function isProbe({ names, summary }: Container, images: ReadonlySet<unknown>): boolean {
  const { State, Command, HostConfig, Image } = summary
  const isUnnamed = names.length === 1 && /^\/?[a-z]+_[a-z]+\d?$/.test(names[0] ?? '')
  const isUnstarted = State === 'created' && Command === '/bin/true' && asRecord(HostConfig)['NetworkMode'] === 'none'
  return (
    isUnnamed &&
    isUnstarted &&
    (images.has(Image) || /^((index\.)?docker\.io\/)?moby\/buildkit([:@]|$)/.test(String(Image)))
  )
}

async function removeProbe(engine: EngineClient, { id, names }: Container): Promise<Outcome[]> {
  const name = names[0]?.replace(/^\//, '') ?? id.slice(0, 12)
  try {
    await engine.removeUnstartedContainer(id)
    return [{ name }]
  } catch (error) {
    // It was started meanwhile, or another run removes it.
    return error instanceof EngineError && error.status === 409 ? [] : [{ name, error: errorMessage(error) }]
  }
}
