import { dirname, join } from 'node:path'

/** Another bundle of `dist/`, to be run as a process of its own. */
export function entryOf(name: 'forward' | 'cache-service'): string {
  return join(dirname(process.argv[1] ?? ''), `../${name}/index.js`)
}
