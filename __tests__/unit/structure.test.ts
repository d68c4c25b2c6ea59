import { expect, test } from '@jest/globals'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rooms } from '../../.ci/rooms.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const architecture = readFileSync(join(root, 'docs/architecture.md'), 'utf8')

test('docs/architecture.md and .ci/rooms.mjs list the same rooms in the same order', () => {
  const documented = [...architecture.matchAll(/^\| `([a-z]+)\/` \| /gm)].map(([, room]) => room)
  expect(documented).toEqual(rooms)
})

test('every file that docs/architecture.md names exists', () => {
  const table = architecture.slice(architecture.indexOf('## Where to change what'))
  const paths = [...table.matchAll(/`((?:src|\.ci|__tests__)\/[\w./-]+)`/g)].map(([, path]) => path ?? '')
  expect(paths.length).toBeGreaterThan(15)
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
})
