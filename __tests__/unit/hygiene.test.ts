import { describe, expect, test } from '@jest/globals'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { load } from 'js-yaml'
import { asList, asRecord, asText } from '../../src/lib/json.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const parse = (path: string) => asRecord(load(read(path)))

describe('the actions', () => {
  const actions = ['action.yml', 'cleanup/action.yml', 'merge/action.yml', 'copy/action.yml'].map(parse)

  test('have names of their own', () => {
    expect(new Set(actions.map(({ name }) => name)).size).toBe(actions.length)
  })

  // GitHub's Marketplace shows no more.
  test.each(actions)('$name has a short description with the words that people search for', ({ name, description }) => {
    expect(asText(description).length).toBeLessThanOrEqual(125)
    expect(`${asText(name)} ${asText(description)}`).toMatch(/^Docker multi-(?:platform|arch) .*multi-arch/)
  })

  // GitHub and act refuse an action that has one in a description.
  test.each(actions)('$name has expressions in defaults only', (action) => {
    const texts = [action['inputs'], action['outputs']].flatMap((group) => Object.values(asRecord(group)))
    const descriptions = [action, ...texts.map(asRecord)].map(({ description }) => asText(description))
    expect(descriptions.length).toBeGreaterThan(5)
    expect(descriptions.filter((text) => text.includes('${{'))).toEqual([])
  })

  test('the main action names Buildx', () => {
    expect(asText(actions[0]?.['description'])).toMatch(/multi-platform \(multi-arch\) Docker images with Buildx/)
  })
})

describe('.github', () => {
  const files = readdirSync(join(root, '.github'), { recursive: true, encoding: 'utf8' })

  test.each(files.filter((name) => name.endsWith('.yml')))('%s is a YAML object', (name) => {
    expect(Object.keys(parse(`.github/${name}`)).length).toBeGreaterThan(1)
  })

  const workflows = files.filter((name) => name.startsWith('workflows/'))

  // A tag can be moved to other code, which would run with the permissions of these workflows and of their callers.
  test.each(workflows)('%s uses actions of others at a commit, with the version behind it', (name) => {
    const uses = [...read(`.github/${name}`).matchAll(/^ *(?:- )?uses: (?!\.)(.*)$/gm)].map(([, text = '']) => text)
    expect(uses.length).toBeGreaterThan(0)
    expect(uses.filter((text) => !/^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(text))).toEqual([])
  })

  test('one action has the same commit in all workflows', () => {
    const uses = workflows.flatMap((name) => [...read(`.github/${name}`).matchAll(/uses: ([\w/-]+)@(\w+)/g)])
    const commits = new Map(uses.map(([, action = '', commit = '']) => [action, commit]))
    expect(uses.filter(([, action = '', commit]) => commits.get(action) !== commit)).toEqual([])
  })

  // https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests
  test.each(['bug', 'feature'])('the form for %s reports has the fields that GitHub requires', (name) => {
    const { name: title, description, body } = parse(`.github/ISSUE_TEMPLATE/${name}.yml`)
    expect([asText(title), asText(description)]).not.toContain('')
    const elements = asList(body).map(asRecord)
    const ids = elements.filter(({ type }) => type !== 'markdown').map(({ id }) => asText(id))
    expect(new Set(ids).size).toBe(ids.length)
    for (const { type, attributes } of elements) {
      expect(['markdown', 'textarea', 'input', 'dropdown', 'checkboxes']).toContain(type)
      expect(asText(asRecord(attributes)[type === 'markdown' ? 'value' : 'label'])).not.toBe('')
    }
  })

  test('CODEOWNERS names paths that exist, each with an owner', () => {
    const lines = read('.github/CODEOWNERS').split('\n')
    const rules = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(/\s+/))
    expect(rules.length).toBeGreaterThan(5)
    for (const [path = '', ...owners] of rules) {
      expect(path === '*' || existsSync(join(root, path)) ? '' : path).toBe('')
      expect(owners.filter((owner) => !/^@[\w-]+(?:\/[\w-]+)?$/.test(owner))).toEqual([])
      expect(owners.length).toBeGreaterThan(0)
    }
  })

  test('the rules of Renovate name managers, kinds and packages that this repository has', () => {
    const rules = asList(asRecord(JSON.parse(read('.github/renovate.json')))['packageRules']).map(asRecord)
    const packages = asRecord(JSON.parse(read('package.json')))
    const named = (key: string) => rules.flatMap((rule) => asList(rule[key]).map(asText))
    expect(named('matchManagers').filter((name) => !['npm', 'github-actions'].includes(name))).toEqual([])
    expect(named('matchDepTypes').filter((name) => packages[name] === undefined)).toEqual([])
    const known = asRecord(packages['devDependencies'])
    expect(named('matchPackageNames').filter((name) => known[name] === undefined)).toEqual([])
  })
})

describe('the release workflow', () => {
  const { permissions, jobs } = parse('.github/workflows/release.yml')
  const release = asRecord(asRecord(jobs)['release'])
  const steps = asList(release['steps']).map(asRecord)
  const indexOf = (text: RegExp) =>
    steps.findIndex(({ name, uses, run }) => text.test([name, uses, run].map(asText).join('\n')))

  test('grants permissions only to its jobs, and waits for the checks and for a reviewer', () => {
    expect(permissions).toEqual({})
    expect(release).toMatchObject({ needs: 'test', environment: 'release' })
    expect(asRecord(asRecord(jobs)['test'])).toMatchObject({ uses: './.github/workflows/ci.yml' })
    expect(read('.ci/run')).toContain('.ci/build.mjs --check')
  })

  test('verifies the tag, then attests dist/, then publishes, then moves the major tag', () => {
    const order = [/verified its signature/, /is on main/, /attest-build-provenance/, /gh release create/, /git push/]
    const found = order.map(indexOf)
    expect(found).not.toContain(-1)
    expect([...found].sort((a, b) => a - b)).toEqual(found)
  })

  test('publishes the package of the command line under the name that the docs download, with its provenance', () => {
    const [, name = 'none'] = /releases\/latest\/download\/(\S+)/.exec(read('docs/command-line.md')) ?? []
    const [packed, attested, released] = [/npm pack/, /attest-build-provenance/, /gh release create/].map(
      (text) => steps[indexOf(text)],
    )
    expect(asText(packed?.['run'])).toContain(`mv "$(npm pack --silent)" ${name}`)
    // Its installation needs no registry of packages.
    expect(asText(packed?.['run'])).toMatch(/^npm pkg delete dependencies /)
    expect(asText(asRecord(attested?.['with'])['subject-path']).split('\n')).toContain(name)
    expect(asText(released?.['run'])).toContain(` ${name} `)
    expect(indexOf(/npm pack/)).toBeLessThan(indexOf(/attest-build-provenance/))
  })
})

describe('the configuration of Renovate in docs/operations.md', () => {
  const page = read('docs/operations.md')
  const config = asRecord(JSON.parse(/^```json\n([\s\S]*?)```$/m.exec(page)?.[1] ?? ''))

  test('finds the BuildKit image that the page pins, in workflows only', () => {
    const [manager] = asList(config['customManagers']).map(asRecord)
    const [pattern = ''] = asList(manager?.['matchStrings']).map(asText)
    const line = /image=\S+/.exec(page)?.[0].replace('…', 'ab'.repeat(32)) ?? ''
    const { depName, currentValue, currentDigest } = new RegExp(pattern).exec(line)?.groups ?? {}
    expect([depName, currentValue, currentDigest]).toEqual(['moby/buildkit', 'v0.34.2', `sha256:${'ab'.repeat(32)}`])
    const files = new RegExp(asText(asList(manager?.['managerFilePatterns'])[0]).replace(/^\/|\/$/g, ''))
    expect(['.github/workflows/image.yml', 'docs/image.yml'].map((path) => files.test(path))).toEqual([true, false])
  })
})
