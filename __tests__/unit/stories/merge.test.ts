import { describe, expect, test } from '@jest/globals'
import type { Event } from '../../../src/forge/event.ts'
import { readMergeInputs } from '../../../src/inputs/merge-inputs.ts'
import { UserError, UserErrors } from '../../../src/lib/errors.ts'
import { publishParts } from '../../../src/publish/parts.ts'
import { openJournal, readJournal } from '../../../src/run/journal.ts'
import type { RunDir } from '../../../src/run/run-dir.ts'
import { RunRecord } from '../../../src/report/run-record.ts'
import { dryRunMerge } from '../../../src/stories/merge-dry-run.ts'
import { mergeImage, type MergeRun } from '../../../src/stories/merge.ts'
import { ociManifest } from '../../../src/registry/manifest.ts'
import { testNode, testVariant } from '../fixtures/nodes.ts'
import { event, jobWith } from '../fixtures/job.ts'
import { content, push, withPushed, type Content, type Pushed } from '../publish/parts.ts'
import { onNext, refusal, sha256, type FakeRegistry } from '../registry/server.ts'
import { collectingLog, newRunDir, registries, testPackages } from './fixtures.ts'

const path = 'acme/app'
const node = testNode('a', ['linux/amd64', 'linux/arm64'])
const names = ['linux/amd64', 'linux/arm64']

/** A platform as BuildKit pushes it, with provenance that names this run. */
function built(platform: string, run = event.runId, subject?: string): Pushed & { readonly statement: Buffer } {
  const { image } = push(platform)
  const statement = Buffer.from(
    JSON.stringify({
      subject: [{ digest: { sha256: (subject ?? image.digest).slice('sha256:'.length) } }],
      predicate: { builder: { id: `https://github.com/acme/app/actions/runs/${run}/attempts/1` } },
    }),
  )
  const layer = { mediaType: 'application/vnd.in-toto+json', digest: sha256(statement), size: statement.length }
  const attestation = content({ schemaVersion: 2, mediaType: ociManifest, layers: [layer] }, ociManifest)
  const change = (index: Record<string, unknown>) => {
    const [entry, ...others] = index['manifests'] as Record<string, unknown>[]
    return {
      ...index,
      manifests: [{ ...entry, digest: attestation.digest, size: attestation.bytes.length }, ...others],
    }
  }
  return { ...push(platform, { change }), attestations: [attestation], statement }
}

interface Part {
  readonly pushed: Pushed & { readonly statement?: Buffer }
  readonly variant?: string
  readonly attempt?: number
  readonly runId?: string
  readonly sha?: string
  readonly repository?: string
  readonly key?: string
}

/** Pushes a part as a job with `partial: true` does. */
async function pushPart(registry: FakeRegistry, part: Part): Promise<string> {
  const { pushed, variant: name = '', attempt = 1, key = 'mab-0000000001', ...changes } = part
  if (pushed.statement) registry.blobs.set(`${path}@${sha256(pushed.statement)}`, pushed.statement)
  const variant = testVariant(name, { images: [{ registry: registry.host, path }] })
  const [published] = await publishParts({
    variants: [variant],
    built: [{ target: { id: 'one', variant, platform: pushed.part.platform, node }, digest: pushed.part.digest }],
    event: { ...event, ...changes, runAttempt: attempt },
    key,
    journal: { note: () => undefined },
    signal: new AbortController().signal,
    registries,
  })
  return published?.tags[0]?.tag ?? ''
}

async function mergeAny(...given: Parameters<typeof runOf>) {
  const { run, waits } = await runOf(...given)
  return { result: await mergeImage(run, registries), waits, entries: readJournal(run.dir, run.log) }
}

async function runOf(
  registry: FakeRegistry,
  inputs: Readonly<Record<string, string>> = {},
  more: { readonly dir?: RunDir; readonly event?: Partial<Event> } = {},
): Promise<{ readonly run: MergeRun; readonly waits: readonly number[] }> {
  const dir = more.dir ?? newRunDir()
  const [, , files] = jobWith({})
  const given = { image: `${registry.host}/${path}`, platforms: names.join(), tags: '1.0', ...inputs }
  const env = Object.fromEntries(Object.entries(given).map(([name, text]) => [`INPUT_${name.toUpperCase()}`, text]))
  const waits: number[] = []
  const run = {
    inputs: await readMergeInputs(env, { ...event, ...more.event }, files),
    event: { ...event, ...more.event },
    dir,
    journal: openJournal(dir),
    log: collectingLog().log,
    signal: new AbortController().signal,
    sleep: (ms: number) => Promise.resolve(waits.push(ms)),
    record: new RunRecord(),
    prepareSigning: () => Promise.resolve(undefined),
  }
  return { run, waits }
}

async function merge(...args: Parameters<typeof mergeAny>) {
  const { result, ...others } = await mergeAny(...args)
  if (!result) throw new Error('nothing was merged')
  return { ...result, ...others }
}

/** The messages and details of the errors of a failing merge. */
async function failureOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  const errors = error instanceof UserErrors ? error.errors : error instanceof UserError ? [error] : []
  if (errors.length === 0) throw new Error(`not a failure for users: ${String(error)}`)
  return errors.map(({ message, details }) => [message, ...details].join('\n')).join('\n')
}

const all = [built('linux/amd64'), built('linux/arm64')]
const [amd = built('linux/amd64'), arm = built('linux/arm64')] = all
const tagged = (registry: FakeRegistry) => [...registry.tags.keys()].filter((tag) => !tag.includes(':build-'))

const withParts = async (parts: readonly Part[], use: (registry: FakeRegistry) => Promise<void>) => {
  await withPushed(
    parts.map(({ pushed }) => pushed),
    async (_, registry) => {
      for (const part of parts) await pushPart(registry, part)
      await use(registry)
    },
  )
}
const both: readonly Part[] = [{ pushed: amd }, { pushed: arm }]

test('a dry run of a merge names everything that would fail: parts, signing and push', async () => {
  await withParts([{ pushed: amd }], async (registry) => {
    const { run } = await runOf(registry)
    const noKey = new UserError({ code: 'inputs', message: '`sign-key` cannot be used', hint: 'Write another one.' })
    const failing = { ...run, prepareSigning: () => Promise.reject(noKey) }
    const { report, problems } = await dryRunMerge(failing, testPackages())
    expect(report.problems).toEqual([
      '`sign-key` cannot be used',
      expect.stringMatching(/^Missing in .*: linux\/arm64$/),
      expect.stringMatching(/^Nothing can be pushed to /),
    ])
    expect(problems).toHaveLength(3)
    expect(tagged(registry)).toEqual([])
  })
})

describe('the merge story', () => {
  test('merges nothing in a run whose jobs could not push', async () => {
    await withParts([], async (registry) => {
      const { result, entries } = await mergeAny(registry, {}, { event: { readOnlyTrigger: 'Dependabot' } })
      expect([result, entries]).toEqual([undefined, []])
    })
    await withParts([{ pushed: amd }], async (registry) => {
      const failing = mergeAny(registry, {}, { event: { readOnlyTrigger: 'Dependabot' } })
      expect(await failureOf(failing)).toContain('Missing in')
    })
  })

  test('needs no secrets in a run whose jobs could not push, unless there are parts', async () => {
    const options = { event: { readOnlyTrigger: 'Dependabot' } } as const
    const signed = { sign: 'key', 'sign-key': '', username: 'acme', password: '' }
    await withParts([], async (registry) => {
      expect((await mergeAny(registry, signed, options)).result).toBeUndefined()
      expect((await mergeAny(registry, { sign: 'keyless' }, options)).result).toBeUndefined()
      // As the reusable workflow passes them.
      expect((await mergeAny(registry, { digests: '["[]","[]",""]' }, options)).result).toBeUndefined()
      expect((await mergeAny(registry, { digests: '\n\n' }, options)).result).toBeUndefined()
    })
    await withParts(both, async (registry) => {
      const failing = mergeAny(registry, { sign: 'key', 'sign-key': '' }, options)
      await expect(failing).rejects.toMatchObject({ issues: [{ input: 'sign-key' }] })
      expect(tagged(registry)).toEqual([])
    })
  })

  test.each<[string, string, object]>([
    ['text', 'linux/amd64', { given: 'linux/amd64', expected: expect.stringContaining('`${{ toJSON(needs.build.') }],
    ['another list', '[{"a": 1}]', { given: '{"a":1}', expected: expect.stringContaining('is not a list of results') }],
    [
      'what act makes of `needs.build.outputs.*`',
      '{\n  "amd64": "[]",\n  "arm64": ""\n}',
      { given: '{"amd64":"[]","arm64":""}', expected: expect.stringContaining('there, write one job per platform') },
    ],
  ])('quotes what it cannot read in `digests`: %s', async (_, digests, issue) => {
    await withParts([], async (registry) => {
      await expect(merge(registry, { digests })).rejects.toMatchObject({ issues: [{ input: 'digests', ...issue }] })
    })
  })

  // Of jobs without the output, or of steps without an `id`.
  test.each(['[]', '["",""]', '["[]"]', 'null', '""', '\n', ' \n \n'])(
    'fails if the outputs in `digests` are empty: %j',
    async (digests) => {
      await withParts(both, async (registry) => {
        await expect(merge(registry, { digests })).rejects.toMatchObject({ issues: [{ input: 'digests' }] })
        expect(tagged(registry)).toEqual([])
      })
    },
  )

  test('accepts every part without `digests`', async () => {
    await withParts(both, async (registry) => {
      expect((await merge(registry, { digests: '' })).published).toHaveLength(1)
    })
  })

  test('publishes one index with the images and attestations of all parts', async () => {
    await withParts(both, async (registry) => {
      const { published, waits, entries } = await merge(registry)
      // The parts were compared with the inputs when they were built.
      const compared = { labels: null, annotations: null, attestations: { requested: null, found: ['sbom'] } }
      expect(published[0]?.platforms.map(({ content }) => content)).toEqual([compared, compared])
      const index = registry.manifests.get(`${path}@${published[0]?.digest ?? ''}`)
      const { manifests, annotations } = JSON.parse(index?.bytes.toString() ?? '') as Record<string, Content[]>
      expect(manifests?.map(({ digest }) => digest)).toEqual(
        all.flatMap(({ image, attestations }) => [image.digest, attestations[0]?.digest]),
      )
      expect([annotations, waits, tagged(registry)]).toEqual([undefined, [], [`${path}:1.0`]])
      // The parts are to be deleted only once every tag is updated.
      expect(entries.map(({ kind }) => kind)).toEqual(['manifest', 'tag', 'tag', 'merged', 'merged'])
    })
  })

  test('makes one image of each variant, with a tag of its own', async () => {
    const parts = ['', 'slim'].flatMap((variant) => both.map((part) => ({ ...part, variant })))
    await withParts(parts, async (registry) => {
      await merge(registry)
      expect(tagged(registry).sort()).toEqual([`${path}:1.0`, `${path}:1.0-slim`])
    })
    await withParts(parts.slice(2), async (registry) => {
      await merge(registry, { variants: 'slim: {tag-suffix: .small}' })
      expect(tagged(registry)).toEqual([`${path}:1.0.small`])
    })
  })

  test('takes a later attempt over an earlier one, and counts earlier ones', async () => {
    await withParts([{ pushed: amd, attempt: 2 }, { pushed: arm }], async (registry) => {
      const { parts } = await merge(registry)
      expect(parts.map(({ info }) => [info.platform, info.runAttempt])).toEqual([
        ['linux/amd64', 2],
        ['linux/arm64', 1],
      ])
    })
  })

  test('waits for a registry whose list of tags lags behind', async () => {
    await withParts(both, async (registry) => {
      const empty = JSON.stringify({ name: path, tags: [] })
      registry.faults.push(onNext('GET', '/tags/list', 200, {}, empty), onNext('GET', '/tags/list', 200, {}, empty))
      const { waits } = await merge(registry)
      expect([waits.length, tagged(registry)]).toEqual([2, [`${path}:1.0`]])
    })
  })

  test('needs no list if it knows the parts', async () => {
    await withParts(both, async (registry) => {
      registry.faults.push(onNext('GET', '/tags/list', 200, {}, JSON.stringify({ name: path, tags: [] })))
      const results = both.map(({ pushed: { part, image } }) => [
        { variant: '', platforms: { [part.platform]: image.digest } },
      ])
      const { waits } = await merge(registry, {
        digests: JSON.stringify(results.map((result) => JSON.stringify(result))),
      })
      expect([waits, tagged(registry)]).toEqual([[], [`${path}:1.0`]])
    })
  })

  test.each<[string, number]>([
    ['5xx', 503],
    ['429', 429],
  ])(
    'repeats requests that fail with %s',
    async (_, status) => {
      await withParts(both, async (registry) => {
        const after = { 'retry-after': '0' }
        for (const part of ['/tags/list', '/manifests/build-', '/blobs/'])
          registry.faults.push(onNext('GET', part, status, after, refusal('TOOMANYREQUESTS', 'later')))
        registry.faults.push(onNext('PUT', '/manifests/1.0', status, after, refusal('TOOMANYREQUESTS', 'later')))
        await merge(registry)
        expect(tagged(registry)).toEqual([`${path}:1.0`])
      })
    },
    30_000,
  )
})

describe('after a merge whose post step was killed', () => {
  const attempt = { event: { runAttempt: 2 } }
  const indexOf = (registry: FakeRegistry, tag: string) => registry.tags.get(`${path}:${tag}`)
  const untag = (registry: FakeRegistry, platforms: readonly string[]) => {
    for (const platform of platforms)
      registry.tags.delete(`${path}:build-0123456-4711-${platform.replace('linux/', 'linux-')}`)
  }

  test.each<[string, readonly string[]]>([
    ['no part is deleted', []],
    ['one part is deleted', ['linux/amd64']],
    ['all parts are deleted', names],
  ])('another one publishes the same image and deletes the rest: %s', async (_, deleted) => {
    await withParts(both, async (registry) => {
      await merge(registry)
      const digest = indexOf(registry, '1.0')
      const together = indexOf(registry, 'build-0123456-4711-merged')
      untag(registry, deleted)
      registry.tags.delete(`${path}:1.0`)
      const { entries, parts } = await merge(registry, {}, attempt)
      expect([indexOf(registry, '1.0'), parts.length]).toEqual([digest, 2])
      const tags = entries.flatMap((entry) => (entry.kind === 'merged' ? [entry.tag] : []))
      const rest = names.filter((name) => !deleted.includes(name)).map((name) => name.replace('/', '-'))
      expect(tags).toEqual([...rest, 'merged'].map((name) => `build-0123456-4711-${name}`))
      // What stands in for the parts is used again.
      expect(indexOf(registry, 'build-0123456-4711-merged')).toBe(together)
    })
  })

  test('another one without any part confirms the tags by the provenance of the image', async () => {
    await withParts(both, async (registry) => {
      await merge(registry, { tags: 'a\nb' })
      const before = [indexOf(registry, 'a'), indexOf(registry, 'b')]
      untag(registry, names)
      registry.tags.delete(`${path}:build-0123456-4711-merged`)
      const { entries } = await merge(registry, { tags: 'a\nb' }, attempt)
      expect([indexOf(registry, 'a'), indexOf(registry, 'b')]).toEqual(before)
      // Nothing of what tags name may be deleted.
      expect(entries.filter(({ kind }) => kind === 'merged')).toEqual([])
      const listed = JSON.stringify([{ variant: '', platforms: { 'linux/amd64': amd.image.digest } }])
      const cases: readonly Promise<unknown>[] = [
        merge(registry, { tags: 'a\nc' }, attempt),
        merge(registry, { tags: 'a', platforms: `${both.map(({ pushed }) => pushed.part.platform).join()},linux/386` }),
        merge(registry, { tags: 'a', digests: listed }, attempt),
      ]
      for (const failing of cases) expect(await failureOf(failing)).toContain('Missing in')
    })
    const others = names.map((name) => ({ pushed: built(name, '999') }))
    await withParts(others, async (registry) => {
      await merge(registry, {}, { event: { runId: '999' } }).catch(() => undefined)
      expect(await failureOf(merge(registry))).toContain('is not a part of this run')
    })
  })

  test('what stands in for the parts is checked as they are', async () => {
    await withParts(both, async (registry) => {
      await merge(registry)
      untag(registry, ['linux/amd64'])
      const other = { event: { sha: `${event.sha.slice(0, 7)}${'f'.repeat(33)}` } }
      expect(await failureOf(merge(registry, {}, other))).toMatch(/not a part of this run\nIt was built from/)
      const listed = JSON.stringify([{ variant: '', platforms: { 'linux/arm64': arm.image.digest } }])
      expect(await failureOf(merge(registry, { digests: listed }))).toMatch(/^Missing in \S+: linux\/amd64/)
    })
  })

  test('a part of a later attempt replaces it', async () => {
    await withParts(both, async (registry) => {
      await merge(registry)
      untag(registry, names)
      const later = push('linux/amd64', { plain: true, config: { os: 'linux', architecture: 'amd64', x: 1 } })
      registry.manifests.set(`${path}@${later.image.digest}`, { bytes: later.image.bytes, type: ociManifest })
      registry.blobs.set(`${path}@${sha256(later.config)}`, later.config)
      await pushPart(registry, { pushed: later, attempt: 2 })
      const { parts } = await merge(registry, {}, attempt)
      expect(parts.map(({ image }) => image).sort()).toEqual([later.image.digest, arm.image.digest].sort())
    })
  })

  test('another repository in which all parts are deleted', async () => {
    const image = (registry: FakeRegistry) => `${registry.host}/${path}\n${registry.host}/acme/second`
    await withPushed(
      both.map(({ pushed }) => pushed),
      async (_, registry) => {
        for (const part of both) await pushPart(registry, part)
        for (const { statement } of all) registry.blobs.set(`acme/second@${sha256(statement)}`, statement)
        await merge(registry)
        const digest = indexOf(registry, '1.0')
        const { published } = await merge(registry, { image: image(registry) }, attempt)
        expect(registry.tags.get('acme/second:1.0')).toBe(digest)
        expect(published[0]?.images).toHaveLength(2)
      },
      [path, 'acme/second'],
    )
  })
})

describe('a merge fails, updates no tag and keeps every part', () => {
  const foreign = built('linux/arm64', '999')
  const other = push('linux/amd64')
  const cases: readonly (readonly [string, readonly Part[], RegExp, Readonly<Record<string, string>>?])[] = [
    [
      'a missing part',
      [{ pushed: amd }],
      /^Missing in \S+: linux\/arm64\nlinux\/arm64: the tag build-0123456-4711-linux-arm64/,
    ],
    ['a missing variant', both, /Missing in \S+: linux\/amd64 slim, linux\/arm64 slim/, { variants: 'slim' }],
    ['no part at all', [], /Missing in \S+: linux\/amd64, linux\/arm64/],
    [
      'a part of another commit',
      [{ pushed: amd }, { pushed: arm, sha: `${event.sha.slice(0, 7)}${'f'.repeat(33)}` }],
      /not a part of this run\nIt was built from the commit 0123456f/,
    ],
    [
      'a part of another repository',
      [{ pushed: amd }, { pushed: arm, repository: 'acme/other' }],
      /not a part of this run\nIt was pushed by a run of another repository/,
    ],
    [
      'provenance of another run',
      [{ pushed: amd }, { pushed: foreign }],
      /not a part of this run\nits provenance names run 999/,
    ],
    [
      'an attestation of another image',
      [{ pushed: amd }, { pushed: built('linux/arm64', event.runId, sha256('other')) }],
      /describes another image/,
    ],
    ['an attestation without statement', [{ pushed: other }, { pushed: arm }], /is not an attestation/],
    [
      'a platform that was not requested',
      both,
      /build-0123456-4711-linux-arm64 was built, but not requested/,
      { platforms: 'linux/amd64' },
    ],
    [
      'a part that is not listed',
      both,
      /Missing in \S+: linux\/arm64\nlinux\/arm64: the tag \S+ with a digest of `digests` does not exist/,
      { digests: JSON.stringify([{ variant: '', platforms: { 'linux/amd64': amd.image.digest } }]) },
    ],
  ]

  test.each(cases)('%s', async (_, parts, message, ...[inputs]) => {
    await withParts(parts, async (registry) => {
      const before = [...registry.tags]
      const dir = newRunDir()
      expect(await failureOf(merge(registry, inputs, { dir }))).toMatch(message)
      expect([...registry.tags]).toEqual(before)
      expect(readJournal(dir, collectingLog().log)).toEqual([])
    })
  })

  test('a tag of this run that is no part', async () => {
    await withParts(both, async (registry) => {
      registry.tags.set(`${path}:build-0123456-4711-linux-riscv64`, amd.part.digest)
      expect(await failureOf(merge(registry))).toMatch(/not a part of this run\nIt has no annotations of a part/)
      expect(tagged(registry)).toEqual([])
    })
  })

  test('two digests of one platform and variant in one attempt', async () => {
    const second = built('linux/amd64', '4711')
    await withParts([...both], async (registry) => {
      const third = {
        ...second,
        ...push('linux/amd64', { plain: true, config: { os: 'linux', architecture: 'amd64', x: 1 } }),
      }
      for (const { digest, bytes, mediaType } of [third.image])
        registry.manifests.set(`${path}@${digest}`, { bytes, type: mediaType })
      registry.blobs.set(`${path}@${sha256(third.config)}`, third.config)
      const tag = `${path}:build-0123456-4711-linux-amd64`
      const first = registry.tags.get(tag) ?? ''
      registry.tags.delete(tag)
      await pushPart(registry, { pushed: { ...third, part: { ...third.part } }, key: 'mab-0000000002' })
      registry.tags.set(`${tag}-copy`, first)
      expect(await failureOf(merge(registry))).toMatch(/^Two jobs have pushed linux\/amd64/)
      expect(tagged(registry)).toEqual([])
    })
  })

  test('a tag that the registry refuses: the others are updated, and the parts stay', async () => {
    await withParts(both, async (registry) => {
      registry.faults.push(onNext('PUT', '/manifests/b', 403, {}, refusal('DENIED', 'denied')))
      const dir = newRunDir()
      const failure = await failureOf(merge(registry, { tags: 'a\nb' }, { dir }))
      expect(failure).toMatch(/^1 of 2 tags could not be updated\nupdated: .*:a\nnot updated: .*:b \(/)
      expect(tagged(registry)).toEqual([`${path}:a`])
      const kinds = readJournal(dir, collectingLog().log).map(({ kind }) => kind)
      expect(kinds).not.toContain('merged')
    })
  })
})
