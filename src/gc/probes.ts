import { callEngine, EngineError } from '../nodes/engine/client.ts'
import { asList, asRecord, asText } from '../lib/json.ts'
import { parseResourceName } from '../run/names.ts'
import { errorMessage } from '../lib/errors.ts'
import { sleep } from '../lib/time.ts'

/** Between its create and its start is a moment; whoever made one so old is gone, or waits for an engine that hangs. */
const staleProbe = 10 * 60_000
/** Of a run that is over, one that is not started look after look never will be: for two seconds. */
const looks = 5
const betweenLooks = 500

interface ProbeOutcome {
  /** As the engine named it: `/kind_curie` is `kind_curie`. */
  readonly name: string
  readonly error?: string
}

/**
 * Before buildx makes a daemon, it asks the engine for GPUs: with a container without a name of its own, of the
 * daemon's image, that runs `/bin/true` and goes by itself. Ended in between, buildx leaves it as it was created, with
 * a volume. https://github.com/docker/buildx/blob/v0.38.2/driver/docker-container/driver.go, `hasGPUCapability`
 *
 * It bears no name of ours, so everything about it must be as buildx makes it. `image`: what daemons on this node are
 * made of now; `deadline` in milliseconds. Never throws.
 */
export async function removeProbes(
  socket: string,
  image: string | undefined,
  deadline: number,
): Promise<ProbeOutcome[]> {
  try {
    const { suspects, images } = await findSuspects(socket, deadline)
    return await removeAll(
      socket,
      suspects.filter(({ age }) => age > staleProbe),
      { images: images.add(image ?? ''), deadline },
    )
  } catch (error) {
    return [{ name: 'what buildx left', error: errorMessage(error) }]
  }
}

/**
 * The same for a run whose buildx has just been ended while it booted a daemon: what was made since it began (`began`,
 * in milliseconds since the epoch by our clock) and is not started, look after look. An engine may still be making it
 * at the first look. Other runs may be asking for GPUs, too; theirs are started in between.
 *
 * @throws EngineError
 */
export async function removeOwnProbes(
  socket: string,
  {
    image,
    began,
    deadline,
    pace = betweenLooks,
  }: { readonly image: string; readonly began: number; readonly deadline: number; readonly pace?: number },
): Promise<ProbeOutcome[]> {
  const outcomes: ProbeOutcome[] = []
  const seen = new Map<string, number>()
  // One that is made at the third look is seen at the seventh for the fifth time.
  for (let look = 1; look < 2 * looks; look++) {
    const { suspects, images } = await findSuspects(socket, deadline)
    // The engine tells whole seconds.
    const young = suspects.filter(({ age }) => age < Date.now() - began + 1000)
    young.forEach(({ id }) => seen.set(id, (seen.get(id) ?? 0) + 1))
    const dead = young.filter(({ id }) => seen.get(id) === looks)
    outcomes.push(...(await removeAll(socket, dead, { images: images.add(image), deadline })))
    if (look >= looks / 2 && young.every(({ id }) => (seen.get(id) ?? 0) >= looks)) break
    await sleep(pace)
  }
  return outcomes
}

interface Suspect {
  readonly id: string
  /** Milliseconds, by the engine's clock. */
  readonly age: number
}

/** What may be a probe, and the images of our daemons. */
async function findSuspects(
  socket: string,
  deadline: number,
): Promise<{ readonly suspects: readonly Suspect[]; readonly images: Set<string> }> {
  const [containers, info] = await Promise.all([
    callEngine(socket, 'GET', '/containers/json?all=1', deadline),
    callEngine(socket, 'GET', '/info', deadline),
  ])
  const all = asList(containers).map(asRecord)
  const now = Date.parse(asText(asRecord(info)['SystemTime']))
  const daemons = all.filter((one) =>
    asList(one['Names']).some((name) => parseResourceName(asText(name)) !== undefined),
  )
  return {
    suspects: all.filter(mayBeProbe).map((one) => ({
      id: asText(one['Id']),
      age: typeof one['Created'] === 'number' ? now - one['Created'] * 1000 : Number.NaN,
    })),
    images: new Set(daemons.flatMap((one) => [asText(one['Image']), asText(one['ImageID'])])),
  }
}

/** By what the list tells; the rest needs a question each. */
function mayBeProbe({ State, Names, Ports, HostConfig }: Record<string, unknown>): boolean {
  const [name, second] = asList(Names).map(asText)
  // Podman and Docker name what has no name alike.
  const unnamed = second === undefined && /^\/?[a-z]+_[a-z]+\d?$/.test(name ?? '')
  return State === 'created' && unnamed && asList(Ports).length === 0 && asRecord(HostConfig)['NetworkMode'] === 'none'
}

interface Known {
  readonly images: ReadonlySet<string>
  readonly deadline: number
}

async function removeAll(socket: string, suspects: readonly Suspect[], known: Known): Promise<ProbeOutcome[]> {
  return (await Promise.all(suspects.map(async ({ id }) => await removeIfProbe(socket, id, known)))).flat()
}

async function removeIfProbe(socket: string, id: string, { images, deadline }: Known): Promise<ProbeOutcome[]> {
  const path = `/containers/${encodeURIComponent(id)}`
  let name = id.slice(0, 12)
  try {
    const probe = asRecord(await callEngine(socket, 'GET', `${path}/json`, deadline))
    name = asText(probe['Name']).replace(/^\//, '') || name
    if (!isProbe(probe, images)) return []
    // Not by force: one that was started after all stays. Its volume has no name either.
    await callEngine(socket, 'DELETE', `${path}?v=1`, deadline)
    return [{ name }]
  } catch (error) {
    // Gone meanwhile, or another run's reaper is at it, or it runs.
    if (error instanceof EngineError && (error.status === 404 || error.status === 409)) return []
    return [{ name, error: errorMessage(error) }]
  }
}

function isProbe(probe: Record<string, unknown>, images: ReadonlySet<string>): boolean {
  const [config, host, state] = [probe['Config'], probe['HostConfig'], probe['State']].map(asRecord)
  const entrypoint = asList(config?.['Entrypoint'])
  const gpus = asList(host?.['DeviceRequests'])
    .flatMap((request) => asList(asRecord(request)['Capabilities']))
    .flatMap(asList)
  return (
    state?.['Status'] === 'created' &&
    entrypoint.length === 1 &&
    entrypoint[0] === '/bin/true' &&
    host?.['AutoRemove'] === true &&
    host['NetworkMode'] === 'none' &&
    gpus.includes('gpu') &&
    [asText(config?.['Image']), asText(probe['Image'])].some(
      (image) => image !== '' && (images.has(image) || isBuildKit(image)),
    )
  )
}

/** Docker Hub's own, which a daemon has unless something else is asked for. */
function isBuildKit(image: string): boolean {
  return /^(?:(?:index\.)?docker\.io\/)?moby\/buildkit(?:[:@]|$)/.test(image)
}
