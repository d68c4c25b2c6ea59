import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openJournal, readJournal, type Entry } from '../../../src/run/journal.ts'
import { RunDir } from '../../../src/run/run-dir.ts'

const container: Entry = { kind: 'container', node: 'arm', socket: '/s', container: 'c', volume: 'v' }
const tag: Entry = { kind: 'tag', registry: 'r', path: 'a', tag: 'pr-1', digest: 'sha256:0', ephemeral: true }

describe('journal', () => {
  let dir = new RunDir('')
  beforeEach(() => {
    dir = new RunDir(mkdtempSync(join(tmpdir(), 'mab-journal-')))
  })
  afterEach(() => rmSync(dir.path, { recursive: true }))

  test('gives back what was noted, in order', () => {
    const journal = openJournal(dir)
    journal.note(container)
    journal.note(tag)
    expect(readJournal(dir)).toEqual([container, tag])
  })

  test('a torn or foreign line hides no other', () => {
    const journal = openJournal(dir)
    journal.note(container)
    appendFileSync(dir.journal, '{"kind":"tag","regis\n{"kind":"toString"}\n{"kind":"container"}\nnull\n')
    journal.note(tag)
    expect(readJournal(dir)).toEqual([container, tag])
  })

  test('a run that made nothing has an empty one', () => expect(readJournal(dir)).toEqual([]))
})
