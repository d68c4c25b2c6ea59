import type { Journal } from '../run/journal.ts'
import { parseResourceName, reservationVolume, resourcePrefix } from '../run/names.ts'
import { EngineClient } from './engine/client.ts'
import type { Node } from './node.ts'

/** The number of other runs that build on a node. */
type RunsPerNode = ReadonlyMap<Node, number>

/** The part of a plan that names the nodes that it uses. */
interface PlannedNodes {
  readonly groups: readonly { readonly node: Node }[]
}

interface ReservationRequest<P> {
  readonly nodes: readonly Node[]
  /** The builder name of this run. */
  readonly holder: string
  readonly journal: Journal
  readonly plan: (runsPerNode: RunsPerNode) => P
}

export interface ReservedPlan<P> {
  readonly plan: P
  readonly runsPerNode: RunsPerNode
  /** Releases the reservations, so that other runs see the nodes as free. Never throws: the post step tries again. */
  readonly release: () => Promise<void>
}

const deadline = 5000

/**
 * Plans with regard to the runs that build at this moment, and announces this one. A reservation is a volume that
 * carries the run's name, since an engine has no other state that every client can read.
 *
 * Several runs may start at once, each before the others have reserved. Therefore each counts again after it has
 * reserved, and those that came later plan once more. This costs three round trips, so it is skipped if no platform can
 * be built on more than one node. Two runs of one target each then take 0.56 of the time; with more targets than nodes
 * it makes no difference (`npm run bench:spread -- --runs`).
 */
export async function planWithReservations<P extends PlannedNodes>({
  nodes,
  holder,
  journal,
  plan,
}: ReservationRequest<P>): Promise<ReservedPlan<P>> {
  if (!hasChoice(nodes)) return { plan: plan(new Map()), runsPerNode: new Map(), release: () => Promise.resolve() }
  const reservations = nodes.flatMap((node, index): Reservation[] =>
    node.driver.canPersist ? [{ node, volume: reservationVolume(`${holder}-${index}`) }] : [],
  )
  const reservationsOf = ({ groups }: P) =>
    reservations.filter(({ node }) => groups.some((group) => group.node === node))
  const before = await countRuns(reservations, holder)
  const draft = plan(before)
  const drafted = reservationsOf(draft)
  await reserve(drafted, journal)
  const after = await countRuns(reservations, holder)
  if (!reservations.some(({ node }) => (after.get(node) ?? 0) > (before.get(node) ?? 0)))
    return { plan: draft, runsPerNode: before, release: () => release(drafted, journal) }
  const final = plan(after)
  const planned = reservationsOf(final)
  const added = planned.filter((reservation) => !drafted.includes(reservation))
  const dropped = drafted.filter((reservation) => !planned.includes(reservation))
  await Promise.all([release(dropped, journal), reserve(added, journal)])
  return { plan: final, runsPerNode: after, release: () => release(planned, journal) }
}

/** Whether some platform could be built on another node as well. */
function hasChoice(nodes: readonly Node[]): boolean {
  const engines = nodes.filter(({ driver }) => driver.canPersist)
  return engines.some((node) =>
    node.platforms.some((platform) => nodes.some((other) => other !== node && other.platforms.includes(platform))),
  )
}

interface Reservation {
  readonly node: Node
  readonly volume: string
}

/** A run without a reservation builds as well: only other runs do not avoid its node. */
async function reserve(reservations: readonly Reservation[], journal: Journal): Promise<void> {
  const create = async ({ node: { socket, spec }, volume }: Reservation) => {
    journal.note({ kind: 'reservation', node: spec.name, socket, volume })
    await new EngineClient(socket, deadline).createVolume(volume).catch(() => undefined)
  }
  await Promise.all(reservations.map(create))
}

async function release(reservations: readonly Reservation[], journal: Journal): Promise<void> {
  const remove = async ({ node: { socket }, volume }: Reservation) => {
    await new EngineClient(socket, deadline).removeVolume(volume)
    journal.note({ kind: 'removed', name: volume })
  }
  await Promise.all(reservations.map((reservation) => remove(reservation).catch(() => undefined)))
}

/** Per node, the runs that reserved it: all of them, or, if this run did so too, those that came before it. */
async function countRuns(reservations: readonly Reservation[], holder: string): Promise<RunsPerNode> {
  const count = async ({ node }: Reservation): Promise<number> => {
    const reserved = await listReservations(node.socket).catch(() => [])
    const own = reserved.find(({ run }) => run === holder)
    const others = reserved.filter((other) => other.run !== holder && (own === undefined || isBefore(other, own)))
    // A run may have reserved one engine twice, if two entries of `nodes` name it.
    return new Set(others.map(({ run }) => run)).size
  }
  const counts = reservations.map(async (reservation) => [reservation.node, await count(reservation)] as const)
  return new Map(await Promise.all(counts))
}

interface RunReservation {
  /** The builder name of the run. */
  readonly run: string
  /** As the engine writes it, in whole seconds: an order only together with the name. */
  readonly createdAt: string
}

/** PURE: which of two came first, as both runs see it. */
function isBefore(a: RunReservation, b: RunReservation): boolean {
  return a.createdAt === b.createdAt ? a.run < b.run : a.createdAt < b.createdAt
}

async function listReservations(socket: string): Promise<RunReservation[]> {
  const volumes = await new EngineClient(socket, deadline).listVolumes(resourcePrefix)
  return volumes.flatMap(({ name, createdAt }): RunReservation[] => {
    const owner = parseResourceName(name)
    return owner?.kind === 'run' && owner.isReservation ? [{ run: owner.name.replace(/-\d+$/, ''), createdAt }] : []
  })
}
