import type { Journal } from '../run/journal.ts'
import { asList, asRecord, asText } from '../lib/json.ts'
import { resourcePrefix, parseResourceName, reservationVolume } from '../run/names.ts'
import { callEngine, dropVolume } from './engine/client.ts'
import type { Node } from './node.ts'

/** How many other runs build on a node. */
export type Others = ReadonlyMap<Node, number>

/** What a plan must show here: the nodes that it uses. */
interface PlannedNodes {
  readonly groups: readonly { readonly node: Node }[]
}

interface SeatsRequest<P> {
  readonly nodes: readonly Node[]
  /** Names this run. */
  readonly holder: string
  readonly journal: Journal
  readonly plan: (others: Others) => P
}

export interface Seated<P> {
  readonly plan: P
  readonly others: Others
  /** Gives the seats up: whoever comes now finds the nodes free. Never throws, since post tries again. */
  readonly leave: () => Promise<void>
}

const deadline = 5000

/**
 * Plans with what other runs build at this moment in mind, and tells them of this one: a seat on a node is a volume
 * that bears the run's name, since an engine has no other place for a word that everybody there can read.
 *
 * Several runs may come at once, each before the others have sat down. So everybody looks again once seated, and
 * whoever came later plans anew, once. That takes three round trips, so only who has a choice does it.
 */
export async function planSeated<P extends PlannedNodes>({
  nodes,
  holder,
  journal,
  plan,
}: SeatsRequest<P>): Promise<Seated<P>> {
  if (!haveChoice(nodes)) return { plan: plan(new Map()), others: new Map(), leave: () => Promise.resolve() }
  const seats = nodes.flatMap((node, index): Seat[] =>
    node.driver === 'docker-container' ? [{ node, name: reservationVolume(`${holder}-${index}`) }] : [],
  )
  const seatsOf = ({ groups }: P) => seats.filter(({ node }) => groups.some((group) => group.node === node))
  const first = await countOthers(seats, holder)
  const draft = plan(first)
  await sit(seatsOf(draft), journal)
  const second = await countOthers(seats, holder)
  if (!seats.some(({ node }) => (second.get(node) ?? 0) > (first.get(node) ?? 0)))
    return { plan: draft, others: first, leave: async () => leave(seatsOf(draft)) }
  const final = plan(second)
  const [before, after] = [seatsOf(draft), seatsOf(final)]
  await Promise.all([
    leave(before.filter((seat) => !after.includes(seat))),
    sit(
      after.filter((seat) => !before.includes(seat)),
      journal,
    ),
  ])
  return { plan: final, others: second, leave: async () => leave(after) }
}

/** Whether some platform could be built on another node as well. */
function haveChoice(nodes: readonly Node[]): boolean {
  const engines = nodes.filter(({ driver }) => driver === 'docker-container')
  return engines.some((node) =>
    node.platforms.some((platform) => nodes.some((other) => other !== node && other.platforms.includes(platform))),
  )
}

interface Seat {
  readonly node: Node
  readonly name: string
}

/** Without a seat a run builds as well: it is only that nobody makes room for it. */
async function sit(seats: readonly Seat[], journal: Journal): Promise<void> {
  const take = async ({ node: { socket, spec }, name: volume }: Seat) => {
    journal.note({ kind: 'seat', node: spec.name, socket, volume })
    await callEngine(socket, 'POST', '/volumes/create', deadline, { Name: volume }).catch(() => undefined)
  }
  await Promise.all(seats.map(take))
}

async function leave(seats: readonly Seat[]): Promise<void> {
  await Promise.all(seats.map(async ({ node, name }) => dropVolume(node.socket, name, deadline).catch(() => undefined)))
}

/**
 * On each node, the runs that sit there: all of them where this one does not, those that came before it where it does.
 */
async function countOthers(seats: readonly Seat[], holder: string): Promise<Others> {
  const count = async ({ node }: Seat): Promise<number> => {
    const taken = await listTaken(node.socket).catch(() => [])
    const own = taken.find(({ run }) => run === holder)
    // A run may sit on one engine twice, where two lines of `nodes` name it.
    return new Set(
      taken.filter((one) => one.run !== holder && (own === undefined || isBefore(one, own))).map(({ run }) => run),
    ).size
  }
  return new Map(await Promise.all(seats.map(async (seat) => [seat.node, await count(seat)] as const)))
}

interface Taken {
  readonly run: string
  /** As the engine writes it, in whole seconds: an order only together with the name. */
  readonly at: string
}

/** PURE: which of two came first, as both of them see it. */
function isBefore(a: Taken, b: Taken): boolean {
  return a.at === b.at ? a.run < b.run : a.at < b.at
}

async function listTaken(socket: string): Promise<Taken[]> {
  const filters = encodeURIComponent(JSON.stringify({ name: [resourcePrefix] }))
  const found = asRecord(await callEngine(socket, 'GET', `/volumes?filters=${filters}`, deadline))
  return asList(found['Volumes'])
    .map(asRecord)
    .flatMap((volume): Taken[] => {
      const owner = parseResourceName(asText(volume['Name']))
      return owner?.kind === 'run' && owner.isReservation
        ? [{ run: owner.name.replace(/-\d+$/, ''), at: asText(volume['CreatedAt']) }]
        : []
    })
}
