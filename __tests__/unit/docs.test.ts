import { describe, expect, test } from '@jest/globals'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { load } from 'js-yaml'
import { readWorkflow } from '../../src/cli/workflow.ts'
import { readInputs } from '../../src/inputs/inputs.ts'
import { cleanupInputs, mainInputs } from '../../src/inputs/input-names.ts'
import { InputError } from '../../src/lib/issues.ts'
import { asList, asRecord, asText } from '../../src/lib/json.ts'
import { notesOn, renderNotes, type Note } from '../../src/report/notes.ts'
import { event } from './fixtures/job.ts'
import { defaultsOf, evaluate, files, findSteps, pages, yamlBlocks } from './fixtures/recipes.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const migrating = readFileSync(join(root, 'docs/migrating.md'), 'utf8')
const after = [...migrating.matchAll(/^After:\n\n```yaml\n([\s\S]*?)```$/gm)].map((match) => match[1] ?? '')

/** The inputs of the actions that docs/migrating.md covers. */
const otherActions = {
  'docker/build-push-action': [
    ...['add-hosts', 'allow', 'annotations', 'attests', 'build-args', 'build-contexts', 'builder', 'cache-from'],
    ...['cache-to', 'call', 'cgroup-parent', 'context', 'file', 'github-token', 'labels', 'load', 'network'],
    ...['no-cache', 'no-cache-filters', 'outputs', 'platforms', 'provenance', 'pull', 'push', 'sbom', 'secret-envs'],
    ...['secret-files', 'secrets', 'shm-size', 'ssh', 'tags', 'target', 'ulimit'],
  ],
  'docker/setup-buildx-action': [
    ...['append', 'buildkitd-config', 'buildkitd-config-inline', 'buildkitd-flags', 'cache-binary', 'cleanup'],
    ...['driver', 'driver-opts', 'endpoint', 'install', 'keep-state', 'name', 'platforms', 'use', 'version'],
  ],
  'docker/login-action': ['ecr', 'logout', 'password', 'registry', 'registry-auth', 'scope', 'username'],
  'docker/metadata-action': [
    ...['annotations', 'bake-target', 'context', 'flavor', 'github-token', 'images', 'labels', 'sep-annotations'],
    ...['sep-labels', 'sep-tags', 'tags'],
  ],
  // https://github.com/docker/github-builder/blob/main/.github/workflows/build.yml
  'docker/github-builder': [
    ...['annotations', 'artifact-name', 'artifact-retention-days', 'artifact-upload', 'build-args', 'cache'],
    ...['cache-mode', 'cache-scope', 'context', 'distribute', 'fail-fast', 'file', 'job-name-prefix', 'labels'],
    ...['meta-annotations', 'meta-flavor', 'meta-images', 'meta-labels', 'meta-tags', 'output', 'platforms', 'push'],
    ...['registry-identities', 'runner', 'sbom', 'set-meta-annotations', 'set-meta-labels', 'setup-qemu', 'shm-size'],
    ...['sign', 'target', 'ulimit'],
  ],
  // https://github.com/depot/build-push-action/blob/main/action.yml
  'depot/build-push-action': [
    ...['add-hosts', 'allow', 'annotations', 'attests', 'build-args', 'build-contexts', 'build-platform'],
    ...['buildx-fallback', 'cache-from', 'cache-to', 'cgroup-parent', 'context', 'file', 'github-token', 'labels'],
    ...['lint', 'lint-fail-on', 'load', 'network', 'no-cache', 'no-cache-filters', 'outputs', 'platforms', 'project'],
    ...['provenance', 'pull', 'push', 'save', 'save-tag', 'sbom', 'sbom-dir', 'secret-files', 'secrets', 'shm-size'],
    ...['ssh', 'tags', 'target', 'token', 'ulimit'],
  ],
  // https://github.com/dataaxiom/ghcr-cleanup-action#action-options
  'dataaxiom/ghcr-cleanup-action': [
    ...['delete-ghost-images', 'delete-orphaned-images', 'delete-partial-images', 'delete-tags', 'delete-untagged'],
    ...['dry-run', 'exclude-tags', 'expand-packages', 'github-api-url', 'keep-n-tagged', 'keep-n-untagged'],
    ...['log-level', 'older-than', 'owner', 'package', 'packages', 'registry-url', 'repository', 'tags', 'token'],
    ...['use-regex', 'validate'],
  ],
}

const workflowCall = asRecord(
  asRecord(asRecord(load(readFileSync(join(root, '.github/workflows/image.yml'), 'utf8')))['on'])['workflow_call'],
)

/** The inputs of our step in a workflow, or in a list of steps. */
function inputsOf(yaml: string): Readonly<Record<string, unknown>> {
  const document = load(yaml)
  const steps =
    asList(document).length > 0
      ? asList(document)
      : Object.values(asRecord(asRecord(document)['jobs'])).flatMap((job) => asList(asRecord(job)['steps']))
  return asRecord(asRecord(steps.find((step) => asText(asRecord(step)['uses']) === 'org/multiarch-build@v1'))['with'])
}

describe('docs/migrating.md', () => {
  test.each(after.map((yaml, index) => [index + 1, yaml] as const))(
    'the migrated workflow %i is valid',
    async (_, yaml) => {
      const inputs = Object.entries(inputsOf(yaml)).map(
        ([name, value]) => [`INPUT_${name.toUpperCase()}`, evaluate(name, String(value))] as const,
      )
      expect(inputs.length).toBeGreaterThan(4)
      const told: unknown = await readInputs(
        { ACTIONS_CACHE_URL: 'https://cache.example/', ACTIONS_RUNTIME_TOKEN: 'token', ...Object.fromEntries(inputs) },
        { ...event, ref: 'refs/tags/v1.2.3' },
        { exists: (path) => !/Dockerfile[^/]*\/\.$/.test(path), read: () => '' },
      ).then(
        ({ variants }) => variants.length > 0,
        (error: unknown) => (error instanceof InputError ? error.issues : error),
      )
      expect(told).toBe(true)
    },
  )

  test('has six workflows', () => {
    expect(after).toHaveLength(6)
  })

  test.each(Object.entries(otherActions))('has a row for every input of %s', (action, inputs) => {
    const section =
      migrating.slice(migrating.search(new RegExp(`\n###? ${action}\n`))).split(/\n##+ |\n\| output /)[1] ?? ''
    const rows = [...section.matchAll(/^\| ((?:`[\w-]+`(?:, )?)+) \| (same|different:|not supported:)/gm)]
    const documented = rows.flatMap(([, names = '']) => [...names.matchAll(/`([\w-]+)`/g)].map(([, name]) => name))
    expect(documented.sort()).toEqual([...inputs].sort())
  })

  const here = [...migrating.matchAll(/^Here:\n\n```yaml\n([\s\S]*?)```$/gm)].map(([, yaml = '']) => load(yaml))
  const inputNames: Readonly<Record<string, readonly string[]>> = {
    '': mainInputs,
    '/cleanup': cleanupInputs,
    '/.github/workflows/image.yml': Object.keys(asRecord(workflowCall['inputs'])),
  }

  test.each(here.map((yaml, index) => [index + 1, yaml] as const))('example %i has known inputs', (_, yaml) => {
    const found = [...findSteps(yaml)]
    expect(found).toHaveLength(1)
    const names = inputNames[/^org\/multiarch-build(\S*)@v1$/.exec(found[0]?.uses ?? '')?.[1] ?? 'none'] ?? []
    expect(Object.keys(found[0]?.inputs ?? {}).filter((name) => !names.includes(name))).toEqual([])
    const secrets = Object.values(asRecord(asRecord(yaml)['jobs'])).flatMap((job) =>
      Object.keys(asRecord(asRecord(job)['secrets'])),
    )
    expect(secrets.filter((name) => !Object.hasOwn(asRecord(workflowCall['secrets']), name))).toEqual([])
  })

  test('has an example for each of the other actions', () => {
    expect(here).toHaveLength(3)
  })

  test('calls only existing inputs and outputs the same', () => {
    const same = [...migrating.matchAll(/^\| ((?:`[\w-]+`(?:, )?)+) \| same\b/gm)].flatMap((match) =>
      [...(match[1] ?? '').matchAll(/`([\w-]+)`/g)].map((name) => name[1] ?? ''),
    )
    const outputs = Object.keys(asRecord(asRecord(load(readFileSync(join(root, 'action.yml'), 'utf8')))['outputs']))
    expect(same.length).toBeGreaterThan(30)
    expect(same.filter((name) => ![...mainInputs, ...cleanupInputs].includes(name) && !outputs.includes(name))).toEqual(
      [],
    )
  })
})

describe('docs/kubernetes.md', () => {
  const page = readFileSync(join(root, 'docs/kubernetes.md'), 'utf8')
  const blocks = [...page.matchAll(/^```yaml\n([\s\S]*?)```$/gm)].map((match) => match[1] ?? '')

  test('lists only the rights with which the tests build and collect garbage', () => {
    const role = asRecord(load(blocks.find((block) => block.includes('kind: Role')) ?? ''))
    const asked = asList(role['rules'])
      .map(asRecord)
      .flatMap((rule) =>
        asList(rule['resources']).flatMap((resource) =>
          asList(rule['verbs']).map((verb) => `${asText(verb)} ${asText(resource)}`),
        ),
      )
    const cluster = readFileSync(join(root, '__tests__/farm/tools/kubernetes/main.go'), 'utf8')
    const granted = [...(/^var builder = .*$/m.exec(cluster)?.[0] ?? '').matchAll(/"([^"]+)"/g)].map(
      ([, right = '']) => right,
    )
    expect(cluster).toMatch(/"reaper": +append\(\[\]string\{"list deployments"\}, builder\.\.\.\)/)
    expect(granted.length).toBeGreaterThan(5)
    expect(asked.sort()).toEqual([...granted, 'list deployments'].sort())
  })

  test.each(
    blocks.filter((block) => /^ +nodes:|uses:/m.test(block)).map((block, index) => [index + 1, block] as const),
  )('example %i is understood', async (_, block) => {
    const given = block.includes('uses:') ? inputsOf(block) : { ...asRecord(load(block)), image: 'ghcr.io/acme/app' }
    const inputs = Object.entries(given).map(
      ([name, value]) => [`INPUT_${name.toUpperCase()}`, evaluate(name, String(value))] as const,
    )
    const more = block.includes('ssh://')
      ? {
          'INPUT_SSH-PRIVATE-KEY': evaluate('ssh-private-key', ''),
          'INPUT_SSH-KNOWN-HOSTS': evaluate('ssh-known-hosts', ''),
        }
      : {}
    const told: unknown = await readInputs({ ...Object.fromEntries(inputs), ...more }, event, {
      exists: (path) => !path.endsWith('Dockerfile/.'),
      read: () => '',
    }).then(
      ({ nodes }) => nodes.length,
      (error: unknown) => (error instanceof InputError ? error.issues : error),
    )
    expect(told).toBeGreaterThan(1)
  })
})

describe('examples', () => {
  const blocks = pages().flatMap((page) => yamlBlocks(readFileSync(join(root, page), 'utf8')))

  // A run of a fork gets neither secrets nor variables.
  const proposals = [
    ...blocks,
    ...readdirSync(join(root, 'docs/examples')).map((name) => readFileSync(join(root, 'docs/examples', name), 'utf8')),
  ].filter((yaml) => /^jobs:/m.test(yaml) && /^on:.*\bpull_request\b|^ {2}pull_request:/m.test(yaml))
  const isForForks = (job: unknown) => !asText(asRecord(job)['if']).includes('head.repo.full_name == github.repository')
  const proposed = proposals
    .flatMap((yaml) => Object.values(asRecord(asRecord(load(yaml))['jobs'])).filter(isForForks))
    .flatMap((job) => [...findSteps(job)])

  test.each(
    proposed.filter(({ uses }) => uses === 'org/multiarch-build@v1').map((step, at) => [at + 1, step] as const),
  )('step %i of a workflow for pull requests is valid in a run of a fork', async (_, { inputs }) => {
    const env = Object.entries(inputs).map(([name, value]) => {
      const text = String(value).replace(/\$\{\{ (?:secrets|vars)\.\w+ \}\}/g, '')
      return [`INPUT_${name.toUpperCase()}`, text.includes('${{') ? evaluate(name, text) : text] as const
    })
    const fork = { ...event, name: 'pull_request', trust: 'fork', readOnlyTrigger: 'fork' } as const
    const read = await readInputs({ ...defaultsOf('action.yml'), ...Object.fromEntries(env) }, fork, files).catch(
      (error: unknown) => (error instanceof InputError ? error.issues : error),
    )
    expect(read).toMatchObject({ push: false, nodes: [{ endpoint: { kind: 'local' } }] })
  })
})

describe('docs/command-line.md', () => {
  const page = readFileSync(join(root, 'docs/command-line.md'), 'utf8')

  test('shows what the command line reads from the workflow of the page', async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'docs-'))
    writeFileSync(join(cwd, 'image.yml'), /^```yaml\n(on: [\s\S]*?)```$/m.exec(page)?.[1] ?? '')
    const facts = { repository: 'acme/app', sha: '0123', ref: 'refs/heads/main', ref_name: 'main' }
    const read = await readWorkflow('image.yml:image', '', { cwd, env: { NODES: 'of-the-user' }, facts })
    rmSync(cwd, { recursive: true })
    expect(read.values).toEqual({ nodes: 'of-the-user', image: 'ghcr.io/acme/app', target: 'final' })
    const notes = [...page.matchAll(/^note: the input `([\w-]+)` is left out: .*?(\$\{\{.*|set (\w+) in the .*)$/gm)]
    expect(notes.map(([, name]) => name)).toEqual(Object.keys(read.skipped))
    for (const [, name = '', expression = '', variable = expression] of notes)
      expect(read.skipped[name]).toContain(variable)
  })
})

describe('docs/tags.md', () => {
  const page = readFileSync(join(root, 'docs/tags.md'), 'utf8')
  const [list, proposals, versions] = yamlBlocks(page).map((yaml) => asRecord(load(yaml)))

  async function tagsOf(given: Readonly<Record<string, unknown>> | undefined, name: string, ref: string) {
    const isProposal = ['pull_request', 'pull_request_target', 'merge_group'].includes(name)
    const known = "contains('pull_request pull_request_target merge_group', github.event_name)"
    const evaluated = asText(given?.['tags'])
      .replaceAll(`\${{ !${known} }}`, String(!isProposal))
      .replace(`\${{ ${known} }}`, String(isProposal))
      .replace("${{ github.event_name != 'pull_request' }}", String(name !== 'pull_request'))
      .replace("${{ github.event_name == 'pull_request' }}", String(name === 'pull_request'))
      .replace("${{ !startsWith(github.ref, 'refs/tags/v0.') }}", String(!ref.startsWith('refs/tags/v0.')))
      .replace('${{ github.run_id }}', event.runId)
    const inputs = { INPUT_IMAGE: 'ghcr.io/acme/app', INPUT_TAGS: evaluated, INPUT_FLAVOR: asText(given?.['flavor']) }
    const env = { ...defaultsOf('action.yml'), ...inputs, INPUT_NODES: 'linux/amd64 = local' }
    const { variants } = await readInputs(env, { ...event, name, ref }, files)
    return variants[0]?.tags.map(({ tag }) => tag).sort()
  }

  const commit = `sha-${event.sha.slice(0, 7)}`
  test.each([
    ['push', 'refs/heads/main', ['main', commit]],
    ['push', 'refs/tags/v1.2.3', ['1', '1.2', '1.2.3', 'latest', commit]],
    ['schedule', 'refs/heads/main', ['main', 'nightly', commit]],
    ['pull_request', 'refs/pull/17/merge', [`pr-${event.runId}`]],
  ])('the first list of rules gives the default tags and more: %s %s', async (name, ref, tags) => {
    const defaults = await tagsOf(undefined, name, ref)
    expect(await tagsOf(list, name, ref)).toEqual(tags)
    expect(tags).toEqual(expect.arrayContaining(defaults ?? ['none']))
  })

  test.each([
    ['push', 'refs/heads/main', ['main', commit]],
    ['pull_request', 'refs/pull/17/merge', [`pr-${event.runId}`]],
    ['pull_request_target', 'refs/heads/main', [`pr-${event.runId}`]],
    ['merge_group', 'refs/heads/gh-readonly-queue/main/pr-17-0123abc', [`pr-${event.runId}`]],
  ])('the rules for merge queues give no other tag to a proposal: %s %s', async (name, ref, tags) => {
    expect(await tagsOf(proposals, name, ref)).toEqual(tags)
  })

  test('the list with `1` gives no `0`', async () => {
    expect(await tagsOf(versions, 'push', 'refs/tags/v1.2.3')).toEqual(['1', '1.2', '1.2.3', 'latest'])
    expect(await tagsOf(versions, 'push', 'refs/tags/v0.2.3')).toEqual(['0.2', '0.2.3', 'latest'])
  })

  test('the list with `1` gives a tag for every event of the quick start, and for a schedule', async () => {
    expect(await tagsOf(versions, 'push', 'refs/heads/main')).toEqual(['main'])
    expect(await tagsOf(versions, 'schedule', 'refs/heads/main')).toEqual(['main', 'nightly'])
    expect(await tagsOf(versions, 'pull_request', 'refs/pull/17/merge')).toEqual([`pr-${event.runId}`])
  })
})

describe('docs/signing.md', () => {
  const page = readFileSync(join(root, 'docs/signing.md'), 'utf8')
  const policies = [...page.matchAll(/^```yaml\n(apiVersion: [\s\S]*?)```$/gm)].map(([, yaml = '']) =>
    asRecord(load(yaml)),
  )

  // As in https://docs.sigstore.dev/policy-controller/overview and https://kyverno.io/docs/policy-types/cluster-policy.
  test('has an admission policy for each controller, with the identity of the same workflow', () => {
    expect(policies.map(({ kind }) => kind)).toEqual(['ClusterImagePolicy', 'ClusterPolicy'])
    const identity = {
      issuer: 'https://token.actions.githubusercontent.com',
      subjectRegExp: '^https://github\\.com/acme/app/\\.github/workflows/release\\.yml@refs/tags/v.*$',
    }
    const [authority] = asList(asRecord(policies[0]?.['spec'])['authorities']).map(asRecord)
    expect(authority).toMatchObject({ keyless: { identities: [identity] }, signatureFormat: 'bundle' })
    const [rule] = asList(asRecord(policies[1]?.['spec'])['rules']).map(asRecord)
    const [verified] = asList(rule?.['verifyImages'])
    const attestors = [{ entries: [{ keyless: identity }] }]
    expect(verified).toMatchObject({ type: 'SigstoreBundle', failureAction: 'Enforce', attestors })
    const workflow = 'https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2.3'
    expect(workflow).toMatch(new RegExp(identity.subjectRegExp))
    expect(page).toContain(workflow)
  })

  test('passes outputs of the build to actions/attest', () => {
    const steps = [...page.matchAll(/^```yaml\n([\s\S]*?)```$/gm)].flatMap(([, yaml = '']) => [
      ...findSteps(load(yaml)),
    ])
    const inputs = steps.find(({ uses }) => uses.startsWith('actions/attest@'))?.inputs
    // https://github.com/actions/attest/blob/main/action.yml
    expect(Object.keys(inputs ?? {})).toEqual(['subject-name', 'subject-digest', 'push-to-registry'])
    expect(inputs?.['subject-digest']).toBe('${{ steps.build.outputs.digest }}')
  })
})

describe('docs/examples', () => {
  const names = readdirSync(join(root, 'docs/examples'))

  test.each(names)('%s reads known outputs', (name) => {
    const text = readFileSync(join(root, 'docs/examples', name), 'utf8')
    const outputs = Object.keys(asRecord(asRecord(load(readFileSync(join(root, 'action.yml'), 'utf8')))['outputs']))
    const used = [...text.matchAll(/steps\.build\.outputs\.([\w-]+)/g)].map(([, output = '']) => output)
    expect(used.filter((output) => !outputs.includes(output))).toEqual([])
  })
})

describe('docs/troubleshooting.md', () => {
  const page = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8')
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
    .join('\n')
  const messages = [...page.matchAll(/^\| (`.*?) \| /gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)])

  test('quotes messages of the code', () => {
    const fragments = messages
      .flatMap(([, message = '']) => message.split('…'))
      .map((text) => text.trim())
      // This message is BuildKit's own.
      .filter((text) => text !== '' && !text.startsWith('[output clipped'))
    expect(fragments.length).toBeGreaterThan(40)
    expect(fragments.filter((text) => !sources.includes(text))).toEqual([])
  })
})

describe('links of the job summary', () => {
  // The compiler demands every topic.
  const topics: Readonly<Record<Note['topic'], true>> = {
    inputs: true,
    forks: true,
    emulation: true,
    machine: true,
    certificates: true,
    fallback: true,
    cache: true,
    mirror: true,
  }

  test.each(Object.keys(topics) as Note['topic'][])('the section about `%s` exists', (topic) => {
    const [note = ''] = renderNotes(notesOn(topic, ['Something is unusual.']))
    const [, path = '', anchor = ''] = /\/blob\/v1\/([^)#]+)#([^)]+)\)$/.exec(note) ?? []
    expect(anchorsOf(readFileSync(join(root, path), 'utf8'))).toContain(anchor)
  })
})

describe('links within the docs', () => {
  const pages = ['.', 'docs', 'docs/nodes', 'docs/observability'].flatMap((dir) =>
    readdirSync(join(root, dir)).flatMap((name) => (name.endsWith('.md') ? [join(dir, name)] : [])),
  )

  test.each(pages)('of %s lead somewhere', (page) => {
    const text = readFileSync(join(root, page), 'utf8')
    const links = [...text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map((match) => match[1] ?? '')
    const broken = links.filter((link) => {
      const [path = '', anchor] = link.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      return (
        !existsSync(join(root, file)) ||
        (anchor !== undefined && !anchorsOf(readFileSync(join(root, file), 'utf8')).includes(anchor))
      )
    })
    expect(broken).toEqual([])
  })
})

/** As GitHub makes them of headings. */
function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
