import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import type { InputIssue } from '../../src/lib/issues.ts'
import { parseImageMetadata } from '../../src/metadata/image-metadata.ts'
import { eventOf, metadataInputs, same } from '../unit/metadata/rules/evaluate.cases.ts'
import { cases } from './metadata.cases.ts'

interface Difference {
  readonly case: string
  readonly there: string
  readonly here: string
  readonly reason: string
  readonly example?: { readonly event: string; readonly tags: string; readonly flavor: string; readonly here: string }
}

function parse(event: string, tags: string, flavor: string) {
  const issues: InputIssue[] = []
  const inputs = metadataInputs({ tags, flavor })
  const { plan } = parseImageMetadata({
    ...inputs,
    env: {},
    event: eventOf(event),
    report: (issue) => issues.push(issue),
  })
  return { tags: plan.names.join(' '), issues }
}

describe('docker/metadata-action makes the same tags', () => {
  test.each(cases)('$name', ({ tags, flavor, expected }) => {
    for (const [names, events] of expected)
      for (const event of events) {
        const parsed = parse(event, tags.join('\n'), flavor.join('\n'))
        expect({ event, ...parsed }).toEqual({ event, tags: names, issues: [] })
      }
  })

  test('of at least 300 cases', () => {
    const count = cases.flatMap(({ expected }) => expected.flatMap(([, events]) => events)).length
    expect(count + same.length).toBeGreaterThanOrEqual(300)
  })
})

describe('docker/metadata-action refuses the same', () => {
  test.each([
    'type=match,pattern=v(.*),group=foo',
    'type=match',
    'type=semver',
    'type=pep440',
    'type=ref',
    'type=ref,event=foo',
    'type=raw',
    'type=foo',
    'type=sha,enable=foo',
    'type=sha,format=foo',
    "type=schedule,pattern={{date 'YYYY' zone='UTC'}}",
    'type=raw,value={{branch',
  ])('tags: %s', (tags) => {
    expect(parse('schedule', tags, '').issues).toHaveLength(1)
  })

  test.each([
    'randomstr\nlatest=auto',
    'unknwown=foo',
    'latest',
    'latest=foo',
    'prefix=a,onlatest=foo',
    'onlatest=true',
  ])('flavor: %j', (flavor) => {
    expect(parse('push main', 'type=sha', flavor).issues).toHaveLength(1)
  })
})

describe('documented differences', () => {
  const path = new URL('metadata-differences.json', import.meta.url)
  const differences = JSON.parse(readFileSync(path, 'utf8')) as readonly Difference[]

  test.each(differences)('$case', (difference) => {
    const { there, here, reason, example } = difference
    expect([there, here, reason].every((text) => text !== '')).toBe(true)
    expect(there).not.toBe(here)
    if (example) {
      const { event, tags, flavor } = example
      expect(parse(event, tags, flavor)).toEqual({ tags: example.here, issues: [] })
    }
  })
})
