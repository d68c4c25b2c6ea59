// The rooms of src/, from the lowest to the highest: each may import only from itself and from rooms before it.
// docs/architecture.md describes them; a test proves that both name the same rooms in the same order.
export const rooms = [
  'lib',
  'registry',
  'forge',
  'run',
  'packages',
  'nodes',
  'metadata',
  'inputs',
  'plan',
  'gc',
  'buildx',
  'cleanup',
  'publish',
  'report',
  'telemetry',
  'stories',
  'job',
  'bin',
  'cli',
]

/** The room of a file in src/; the entry points lie above all rooms. */
export function roomOf(file) {
  const [, first, rest] = /^src\/([^/]+)(\/.*)?$/.exec(file) ?? []
  return rest === undefined ? 'entry' : first
}

/** @returns {boolean} whether a file of the room `from` may import a file of the room `to` */
export function mayImport(from, to) {
  const order = [...rooms, 'entry']
  return order.indexOf(to) <= order.indexOf(from)
}
