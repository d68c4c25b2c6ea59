import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openJournal, readJournal, type Entry } from '../../../src/run/journal.ts'
import { RunDir } from '../../../src/run/run-dir.ts'

const container: Entry = { kind: 'container', node: 'arm', socket: '/s', container: 'c', volume: 'v' }
const tag: Entry = { kind: 'tag', registry: 'r', path: 'a', tag: 'pr-1', digest: 'sha256:0', ephemeral: true }

describe('journal', () => {
  let dir = new RunDir('')
  let warnings: string[] = []
  beforeEach(() => {
    dir = new RunDir(mkdtempSync(join(tmpdir(), 'mab-journal-')))
    warnings = []
  })
  afterEach(() => rmSync(dir.path, { recursive: true }))
  const read = () => readJournal(dir, { warn: (text) => warnings.push(text) })

  test('returns the entries in the order in which they were recorded, from a private file', () => {
    const journal = openJournal(dir)
    journal.note(container)
    journal.note(tag)
    expect([read(), warnings]).toEqual([[container, tag], []])
    expect(statSync(dir.journal).mode & 0o777).toBe(0o600)
  })

  test('a line that is torn or unknown hides no other', () => {
    const journal = openJournal(dir)
    journal.note(container)
    appendFileSync(dir.journal, '{"kind":"tag","regis\n{"kind":"toString"}\n{"kind":"container"}\nnull\n')
    journal.note(tag)
    expect([read(), warnings]).toEqual([[container, tag], []])
  })

  test('a run that recorded nothing has an empty journal', () => expect([read(), warnings]).toEqual([[], []]))

  test('a journal that cannot be read is a warning with the way out, and not an empty journal', () => {
    mkdirSync(dir.journal)
    expect(read()).toEqual([])
    const [warning, ...others] = warnings
    expect(warning).toMatch(
      /^The record of what this run created \(journal\) could not be read: .*EISDIR.*action removes the images\.$/,
    )
    expect(others).toEqual([])
  })
})
