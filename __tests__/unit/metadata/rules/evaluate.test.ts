import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Env } from '../../../../src/lib/lists.ts'
import type { InputIssue } from '../../../../src/lib/issues.ts'
import { readNaming } from '../../../../src/metadata/image-metadata.ts'
import { isTag } from '../../../../src/registry/reference.ts'
import { eventOf, ours, same } from './evaluate.cases.ts'

interface Answer {
  readonly names: readonly string[]
  readonly notes: readonly string[]
  readonly mistakes: readonly InputIssue[]
}

function ask(event: string, tags: string, flavor = '', env: Env = {}): Answer {
  const mistakes: InputIssue[] = []
  const text = (name: string): string => ({ tags, flavor })[name] ?? ''
  const { plan } = readNaming(
    { env, event: eventOf(event), text, report: (mistake) => mistakes.push(mistake) },
    { named: true },
  )
  return { names: plan.names, notes: plan.notes, mistakes }
}

describe('the answers of docker/metadata-action', () => {
  test.each(same)('%s: %j %j', (event, tags, flavor, expected) => {
    const { names, mistakes } = ask(event, tags, flavor)
    expect([names.join(' '), mistakes]).toEqual([expected, []])
  })
})

describe('answers where it has none, or a wrong one', () => {
  test.each(ours)('%s: %j %j', (event, tags, flavor, expected) => {
    const { names, mistakes } = ask(event, tags, flavor)
    expect([names.join(' '), mistakes]).toEqual([expected, []])
  })
})

test.each([
  ['feature/x\ntype=sha', 'feature-x sha-860c190'],
  ['"type=raw,value=a"\n"b"', 'a b'],
  ['"type=ref,""event=branch"""', 'main'],
])('names beside rules, and lines between quotes: %j', (tags, expected) => {
  expect(ask('push main', tags)).toEqual({ names: expected.split(' '), notes: [], mistakes: [] })
})

test.each<[string, string, Env, string]>([
  ['pull request', 'type=sha', { DOCKER_METADATA_PR_HEAD_SHA: 'true' }, 'sha-fedcba9'],
  ['pull request target', 'type=sha', { DOCKER_METADATA_PR_HEAD_SHA: 'true' }, 'sha-fedcba9'],
  ['pull request', 'type=sha', { DOCKER_METADATA_PR_HEAD_SHA: 'false' }, 'sha-860c190'],
  ['push main', 'type=sha', { DOCKER_METADATA_PR_HEAD_SHA: 'true' }, 'sha-860c190'],
  [
    'push main',
    'type=sha\ntype=raw,{{sha}}',
    { DOCKER_METADATA_SHORT_SHA_LENGTH: '12' },
    '860c1904a1ce sha-860c1904a1ce',
  ],
  [
    'push main',
    'type=sha,format=long',
    { DOCKER_METADATA_SHORT_SHA_LENGTH: '12' },
    'sha-860c1904a1ce19322e91ac35af1ab07466440c37',
  ],
  ['push main', 'type=sha', { DOCKER_METADATA_SHORT_SHA_LENGTH: '' }, 'sha-860c190'],
])('%s: %j with %j', (event, tags, env, expected) => {
  expect(ask(event, tags, '', env)).toEqual({ names: expected.split(' '), notes: [], mistakes: [] })
})

test.each([
  [
    'tag sometag',
    'type=semver,pattern={{version}}',
    ['sometag is not a valid semantic version (https://semver.org): `type=semver,pattern={{version}}` gives no tag'],
  ],
  [
    'tag sometag',
    'type=pep440,pattern={{version}}',
    [
      'sometag is not a valid Python version (https://peps.python.org/pep-0440): `type=pep440,pattern={{version}}` gives no tag',
    ],
  ],
  ['tag sometag', 'type=match,pattern=\\d', ['\\d does not match sometag: `type=match,pattern=\\d` gives no tag']],
  [
    'tag v1.2.3',
    'type=match,pattern=v(.*),group=2',
    ['v(.*) has no group 2 that matches v1.2.3: `type=match,pattern=v(.*),group=2` gives no tag'],
  ],
  [
    'tag v1.2.3',
    'type=semver,pattern={{version}},match=p(.*)',
    ['p(.*) of `type=semver,pattern={{version}},match=p(.*)` does not match v1.2.3'],
  ],
  ['push main', 'type=semver,pattern={{version}}', []],
])('what the author should know, %s: %j', (event, tags, notes) => {
  expect(ask(event, tags).notes).toEqual(notes)
})

const types = 'schedule, semver, pep440, match, edge, ref, raw, sha are'
const expressions = 'branch, tag, sha, base_ref, is_default_branch, is_not_default_branch, date, commit_date'
test.each<[string, string, string]>([
  ['type=smever,pattern={{version}}', '', `has the unknown type \`smever\`: ${types}; did you mean \`semver\`?`],
  ['type=semver', '', 'has no `pattern`: write `type=semver,pattern={{version}}`'],
  ['type=match', '', 'has no `pattern`: write `type=match,pattern=v(.*),group=1`'],
  ['type=ref', '', 'has no `event`: write `type=ref,event=branch`'],
  [
    'type=ref,event=brnach',
    '',
    'has the unknown event `brnach`: write `event=branch`, `event=tag` or `event=pr`; did you mean `branch`?',
  ],
  ['type=raw', '', 'has no `value`: write `type=raw,value=nightly`'],
  ['type=sha,format=medium', '', 'has the unknown format `medium`: write `format=short` or `format=long`'],
  [
    'type=match,pattern=v(.*),group=foo',
    '',
    'has the group `foo`: write the number of a pair of parentheses in the pattern, or 0 for the whole match',
  ],
  [
    'type=match,pattern=v(.*',
    '',
    'has a pattern that is no regular expression: Invalid regular expression: /v(.*/: Unterminated group',
  ],
  ['type=sha,priority=high', '', 'has the priority `high`: write a number, such as `priority=100`'],
  ['type=sha,enable=foo', '', 'has `enable=foo`: write `true`, `false`, or an expression that gives one of them'],
  [
    'type=semver,patern={{version}}',
    '',
    'has the attribute `patern`, which `type=semver` does not know: enable, priority, prefix, suffix, pattern, value, match are; did you mean `pattern`?',
  ],
  [
    'type=sha,foo',
    '',
    'has the attribute `value`, which `type=sha` does not know: enable, priority, prefix, suffix, format are',
  ],
  [
    'type=raw,value="foo"',
    '',
    'has a quote in the middle of a field: put the whole field between quotes, as in `type=match,"pattern=v(.*),x"`, and write a quote in it twice',
  ],
  [
    'type=raw,value={{brnach}}',
    '',
    `holds \`{{brnach}}\`, which is no known expression (${expressions}); did you mean \`branch\`?`,
  ],
  ['type=raw,value={{date}}', '', "holds a date without a format: write `{{date 'YYYYMMDD'}}`"],
  [
    'type=raw,value={{date YYYYMMDD}}',
    '',
    "holds `{{date YYYYMMDD}}`, which is not understood: write `{{date}}`, or for a date `{{date 'YYYYMMDD' tz='Asia/Tokyo'}}`",
  ],
  [
    "type=raw,value={{date 'YYYY' tz='Europe/Berln'}}",
    '',
    'holds the unknown time zone `Europe/Berln`: write one such as `Europe/Berlin`; did you mean `Europe/Berlin`?',
  ],
  ['type=raw,value={{branch', '', 'has `{{` without a matching `}}`: write an expression such as `{{branch}}`'],
  [
    'type=raw,value=buildcache-x',
    '',
    'begins with `buildcache-`, which are the tags of the build cache: choose another name',
  ],
  [
    'ghcr.io/acme/app\ntype=sha',
    '',
    'is neither a tag nor a full reference: write `ghcr.io/acme/app:latest` for a repository, or `ghcr.io-acme-app` for a tag',
  ],
  ['type=sha', 'latest=yes', 'is none of `latest=auto`, `latest=true` and `latest=false`'],
  [
    'type=sha',
    'sufix=-x',
    'is not understood: write `latest=auto`, `prefix=…` or `suffix=…`, these two also with `,onlatest=true`; did you mean `suffix`?',
  ],
  [
    'type=sha',
    'onlatest=true',
    'has `onlatest` without a prefix or suffix before it: write `suffix=-slim,onlatest=true`',
  ],
  ['type=sha', 'suffix=-x,onlatest=maybe', 'is neither `onlatest=true` nor `onlatest=false`'],
])('wrong: %j %j', (tags, flavor, expected) => {
  const { mistakes } = ask('push main', tags, flavor)
  expect(mistakes.map((mistake) => mistake.expected)).toEqual([expected])
})

test('a rule is checked although the event is not its own', () => {
  expect(ask('pull request', 'type=schedule,patern=x').mistakes).toHaveLength(1)
})

test('whatever the names of branches and tags, and however prefixes join, a tag is valid', () => {
  const name = fc.string({ minLength: 1, unit: 'binary' })
  fc.assert(
    fc.property(
      name,
      fc.constantFrom('heads', 'tags'),
      fc.stringMatching(/^[^\s",=#][^",\n\r]{0,6}$/),
      (ref, kind, prefix) => {
        const event = { ...eventOf('push main'), ref: `refs/${kind}/${ref}` }
        const tags = `type=ref,event=branch,prefix=${prefix}\ntype=ref,event=tag\ntype=raw,value={{branch}}{{tag}}`
        const { plan } = readNaming(
          { env: {}, event, text: (input) => (input === 'tags' ? tags : ''), report: () => undefined },
          { named: true },
        )
        expect(plan.names.length).toBeGreaterThan(0)
        expect(plan.names.filter((tag) => !isTag(tag))).toEqual([])
      },
    ),
  )
})
