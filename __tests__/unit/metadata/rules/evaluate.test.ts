import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Env } from '../../../../src/lib/lists.ts'
import type { InputIssue } from '../../../../src/lib/issues.ts'
import { parseImageMetadata } from '../../../../src/metadata/image-metadata.ts'
import { isTag } from '../../../../src/registry/reference.ts'
import { different, eventOf, metadataInputs, same } from './evaluate.cases.ts'

interface Result {
  readonly names: readonly string[]
  readonly notes: readonly string[]
  readonly issues: readonly InputIssue[]
}

function evaluate(event: string, tags: string, flavor = '', env: Env = {}): Result {
  const issues: InputIssue[] = []
  const { plan } = parseImageMetadata({
    ...metadataInputs({ tags, flavor }),
    env,
    event: eventOf(event),
    report: (issue) => issues.push(issue),
  })
  return { names: plan.names, notes: plan.notes, issues }
}

describe('same tags as docker/metadata-action', () => {
  test.each(same)('%s: %j %j', (event, tags, flavor, expected) => {
    const { names, issues } = evaluate(event, tags, flavor)
    expect([names.join(' '), issues]).toEqual([expected, []])
  })
})

describe('cases that docker/metadata-action refuses or answers with an invalid tag', () => {
  test.each(different)('%s: %j %j', (event, tags, flavor, expected) => {
    const { names, issues } = evaluate(event, tags, flavor)
    expect([names.join(' '), issues]).toEqual([expected, []])
  })
})

test.each([
  ['feature/x\ntype=sha', 'feature-x sha-860c190'],
  ['"type=raw,value=a"\n"b"', 'a b'],
  ['"type=ref,""event=branch"""', 'main'],
])('names beside rules, and lines between quotes: %j', (tags, expected) => {
  expect(evaluate('push main', tags)).toEqual({ names: expected.split(' '), notes: [], issues: [] })
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
  expect(evaluate(event, tags, '', env)).toEqual({ names: expected.split(' '), notes: [], issues: [] })
})

const noSemver = 'sometag is not a valid semantic version (https://semver.org)'
const noPep440 = 'sometag is not a valid Python version (https://peps.python.org/pep-0440)'
test.each([
  ['tag sometag', 'type=semver,pattern={{version}}', [`${noSemver}: \`type=semver,pattern={{version}}\` gives no tag`]],
  ['tag sometag', 'type=pep440,pattern={{version}}', [`${noPep440}: \`type=pep440,pattern={{version}}\` gives no tag`]],
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
])('remarks on rules without a tag, %s: %j', (event, tags, notes) => {
  expect(evaluate(event, tags).notes).toEqual(notes)
})

const types = 'schedule, semver, pep440, match, edge, ref, raw, sha'
const expressions = 'branch, tag, sha, base_ref, is_default_branch, is_not_default_branch, date, commit_date'
const semverAttributes = 'enable, priority, prefix, suffix, pattern, value, match'
const quoted = 'as in `type=match,"pattern=v(.*),x"`, and write `""` for each quote in it'
const tagForms = 'write `ghcr.io/acme/app:latest` for a repository, or `ghcr.io-acme-app` for a tag'
const flavorForms = 'write `latest=auto`, `prefix=…` or `suffix=…`, the last two also with `,onlatest=true`'
test.each<[string, string, string]>([
  [
    'type=smever,pattern={{version}}',
    '',
    `has the unknown type \`smever\`; valid types: ${types}; did you mean \`semver\`?`,
  ],
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
    'has a pattern that is not a valid regular expression: Invalid regular expression: /v(.*/: Unterminated group',
  ],
  ['type=sha,priority=high', '', 'has the priority `high`: write a number, such as `priority=100`'],
  ['type=sha,enable=foo', '', 'has `enable=foo`: write `true`, `false`, or an expression that gives one of them'],
  [
    'type=semver,patern={{version}}',
    '',
    'has the attribute `patern`, which `type=semver` does not have; ' +
      `valid attributes: ${semverAttributes}; did you mean \`pattern\`?`,
  ],
  [
    'type=sha,foo',
    '',
    'has the attribute `value`, which `type=sha` does not have; ' +
      'valid attributes: enable, priority, prefix, suffix, format',
  ],
  ['type=raw,value="foo"', '', `has a quote in the middle of a field: put the whole field between quotes, ${quoted}`],
  [
    'type=raw,value={{brnach}}',
    '',
    `contains \`{{brnach}}\`, which is not a known expression (${expressions}); did you mean \`branch\`?`,
  ],
  ['type=raw,value={{date}}', '', "contains a date without a format: write `{{date 'YYYYMMDD'}}`"],
  [
    'type=raw,value={{date YYYYMMDD}}',
    '',
    "contains `{{date YYYYMMDD}}`, which is not valid: write `{{date 'YYYYMMDD' tz='Asia/Tokyo'}}`",
  ],
  ['type=raw,value={{branch x}}', '', 'contains `{{branch x}}`, which is not valid: write `{{branch}}`'],
  [
    "type=raw,value={{date 'YYYY' tz='Europe/Berln'}}",
    '',
    'contains the unknown time zone `Europe/Berln`: write one such as `Europe/Berlin`; did you mean `Europe/Berlin`?',
  ],
  ['type=raw,value={{branch', '', 'has `{{` without a matching `}}`: write an expression such as `{{branch}}`'],
  [
    'type=raw,value=buildcache-x',
    '',
    'begins with `buildcache-`, which is reserved for tags of the build cache: choose another name; ' +
      'for a branch of this name, set `tags`',
  ],
  ['ghcr.io/acme/app\ntype=sha', '', `is neither a tag nor a full reference: ${tagForms}`],
  ['type=sha', 'latest=yes', 'is none of `latest=auto`, `latest=true`, `latest=false` and `latest=highest`'],
  ['type=sha', 'sufix=-x', `is not valid: ${flavorForms}; did you mean \`suffix\`?`],
  [
    'type=sha',
    'onlatest=true',
    'has `onlatest` without a prefix or suffix before it: write `suffix=-slim,onlatest=true`',
  ],
  ['type=sha', 'suffix=-x,onlatest=maybe', 'is neither `onlatest=true` nor `onlatest=false`'],
])('rejected: %j %j', (tags, flavor, expected) => {
  const { issues } = evaluate('push main', tags, flavor)
  expect(issues.map((issue) => issue.expected)).toEqual([expected])
})

test.each([
  ['type=semver,pattern={{versoin}}', 'versoin', 'version'],
  ['type=pep440,pattern={{majr}}', 'majr', 'major'],
  ['type=semver,pattern={{version}},value={{brnach}}', 'brnach', 'branch'],
  ['type=schedule,pattern={{brnach}}', 'brnach', 'branch'],
  ['type=ref,event=tag,prefix={{brnach}}', 'brnach', 'branch'],
  ['type=raw,value={{brnach}},enable=false', 'brnach', 'branch'],
])('a mistake is found in an event to which the rule does not apply: %j', (tags, wrong, meant) => {
  const { issues } = evaluate('push main', `${tags}\ntype=match,pattern=v{{2}}`)
  expect(issues.map((issue) => issue.expected)).toEqual([
    expect.stringMatching(new RegExp(`^contains .{{${wrong}}}.*; did you mean .${meant}.\\?$`)),
  ])
})

test.each([
  ['feature/x', 'feature-x'],
  ['1.2.3+build', '1.2.3-build'],
  ['feature/x, 1.2.3+build\nlatest', 'feature-x 1.2.3-build latest'],
  ['releases/v1.2', 'releases-v1.2'],
  ['feature/x\ntype=raw,value=y', 'feature-x y'],
  ['1.2.3+build\ntype=raw,value=y', '1.2.3-build y'],
])('invalid characters of names are replaced: %j', (tags, expected) => {
  const { names, issues } = evaluate('push main', tags)
  expect([names.join(' '), issues]).toEqual([expected, []])
})

const tagForm = 'or another name of letters, digits, `.`, `_` and `-` that begins with a letter, digit or `_`'
test.each([
  ['one two three', 'contains spaces: write one tag per line, or commas between them'],
  ['latest # newest', 'has a comment behind it: comments need a line of their own'],
  ['+main', `is not a valid tag: write \`main\`, ${tagForm}`],
  ['-x', `is not a valid tag: write \`x\`, ${tagForm}`],
  ['x'.repeat(129), 'has 129 characters, and a tag has 128 at most'],
  ['ghcr.io/acme/app', `is neither a tag nor a full reference: ${tagForms}`],
])('the name %j is not a tag', (tags, expected) => {
  for (const lines of [tags, `${tags}\ntype=sha`])
    expect(evaluate('push main', lines).issues.map((issue) => issue.expected)).toEqual([expected])
})

test.each([
  ['tag 1.2.3', 'type=raw,value={{branch}}-{{base_ref}}', '-'],
  ['tag 1.2.3', 'type=ref,event=branch\ntype=raw,value={{branch}}.{{base_ref}}-', '.-'],
])('a rule that gives only separators gives no tag, %s: %j', (event, tags, value) => {
  const { names, notes } = evaluate(event, tags)
  const line = tags.split('\n').at(-1) ?? ''
  expect([names, notes]).toEqual([[], [`\`${value}\` is not a valid tag: \`${line}\` gives no tag`]])
})

const head = new Date('2020-01-08T12:00:00.000Z')
test.each<[string, Env, object, string]>([
  ['pull request', { DOCKER_METADATA_PR_HEAD_SHA: 'true' }, { headCommitDate: head }, '20200108'],
  ['pull request', {}, { headCommitDate: head }, '20200109'],
  ['push main', { DOCKER_METADATA_PR_HEAD_SHA: 'true' }, { headCommitDate: head }, '20200109'],
])('the commit date is that of the commit of the metadata, %s with %j', (event, env, change, expected) => {
  const metadata = parseImageMetadata({
    ...metadataInputs({ tags: "type=raw,value={{commit_date 'YYYYMMDD'}}" }),
    env,
    event: { ...eventOf(event), ...change },
    report: () => undefined,
  })
  expect([metadata.plan.names, metadata.warnings()]).toEqual([[expected], []])
  const date = `${expected.slice(0, 4)}-${expected.slice(4, 6)}-${expected.slice(6)}`
  expect(metadata.labels({}, '')['org.opencontainers.image.created']).toMatch(new RegExp(`^${date}T`))
})

test('an unknown commit date is the time of the run, with a warning', () => {
  const unknown: object = { commitDate: undefined }
  const event = { ...eventOf('push main'), ...unknown }
  for (const tags of ["type=raw,value={{commit_date 'YYYYMMDD'}}", 'x']) {
    const metadata = parseImageMetadata({ ...metadataInputs({ tags }), env: {}, event, report: () => undefined })
    const labels = metadata.labels({ date: "{{commit_date 'YYYYMMDD'}}" }, '')
    expect(labels).toMatchObject({ date: '20200110' })
    expect(labels).not.toHaveProperty(['org.opencontainers.image.created'])
    expect(metadata.warnings()).toEqual([expect.stringMatching(/^`{{commit_date}}` is the time of this run, since/)])
  }
})

test('a rule is checked even if it does not apply to the event', () => {
  expect(evaluate('pull request', 'type=schedule,patern=x').issues).toHaveLength(1)
})

test('tags are valid for any name of a branch or tag, and any prefix', () => {
  const name = fc.string({ minLength: 1, unit: 'binary' })
  fc.assert(
    fc.property(
      name,
      fc.constantFrom('heads', 'tags'),
      fc.stringMatching(/^[^\s",=#][^",\n\r]{0,6}$/),
      (ref, kind, prefix) => {
        const event = { ...eventOf('push main'), ref: `refs/${kind}/${ref}` }
        const tags = `type=ref,event=branch,prefix=${prefix}\ntype=ref,event=tag\ntype=raw,value={{branch}}{{tag}}`
        const { plan } = parseImageMetadata({ ...metadataInputs({ tags }), env: {}, event, report: () => undefined })
        expect(plan.names.length).toBeGreaterThan(0)
        expect(plan.names.filter((tag) => !isTag(tag))).toEqual([])
      },
    ),
  )
})

test.each([
  ['pull request', '', 'pr-4711-slim'],
  ['pull request', 'prefix=a-\nsuffix=-b', 'pr-4711-a-slim-b'],
  ['merge group', 'latest=false', 'pr-4711-slim'],
  ['push main', '', 'main'],
  ['push main', 'suffix=-b', 'main-b'],
  ['tag v1.2.3', '', '1.2.3 1.2 latest'],
])('the variant is part of the temporary tag only: %s %j', (event, flavor, expected) => {
  const inputs = metadataInputs({ flavor, variant: 'slim' })
  const { plan } = parseImageMetadata({ ...inputs, env: {}, event: eventOf(event), report: () => undefined })
  expect(plan.names.join(' ')).toBe(expected)
})

test('matrix jobs of one pull request have tags of their own', () => {
  const tags = ['suffix=-py311', 'suffix=-py312', 'prefix=py311-', ''].map((flavor) => {
    const inputs = metadataInputs({ flavor })
    return parseImageMetadata({ ...inputs, env: {}, event: eventOf('pull request'), report: () => undefined }).plan
      .names
  })
  expect(tags.flat()).toEqual(['pr-4711-py311', 'pr-4711-py312', 'pr-4711-py311', 'pr-4711'])
})
