import { describe, expect, test } from '@jest/globals'
import { setTimeout as delay } from 'node:timers/promises'
import { readCopyInputs } from '../../../src/inputs/copy-inputs.ts'
import { UserError } from '../../../src/lib/errors.ts'
import { dockerManifest, ociIndex, ociManifest } from '../../../src/registry/manifest.ts'
import type { RegistryAccess } from '../../../src/registry/client-factory.ts'
import { RunRecord } from '../../../src/report/run-record.ts'
import { copyImage, planCopyOnly } from '../../../src/stories/copy.ts'
import { event } from '../fixtures/job.ts'
import { behaviours, repository, withBehaviour, type Fake } from '../packages/oci/behaviour.ts'
import { content, makeImage, type Content, type TestImage } from '../packages/oci/images.ts'

const registries: RegistryAccess = { credentials: () => Promise.resolve(undefined), fetch, log: () => undefined }
const log = { info: () => undefined, warn: () => undefined }

type Given = Readonly<Record<string, string>>

async function inputsFor(given: Given) {
  const entries = Object.entries(given).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value] as const)
  return await readCopyInputs(Object.fromEntries(entries), event)
}

async function copy(given: Given, signal = new AbortController().signal, send = fetch) {
  return await copyImage(await inputsFor(given), {
    registries: { ...registries, fetch: send },
    log,
    signal,
    record: new RunRecord(),
    prepareSigning: () => Promise.resolve(undefined),
  })
}

async function failureOf(work: Promise<unknown>): Promise<UserError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof UserError)) throw new Error(`no UserError but ${String(error)}`)
  return error
}

/** Two registries; what is pushed by hand does not count as a request. */
async function between(
  from: keyof typeof behaviours,
  to: keyof typeof behaviours,
  use: (source: Fake, target: Fake) => Promise<void>,
): Promise<void> {
  await withBehaviour(behaviours[from], (source) => withBehaviour(behaviours[to], (target) => use(source, target)))
}

const nameOf = ({ host }: Fake, reference: string): string => `${host}/${repository}${reference}`

const describeContent = ({ digest, bytes, mediaType }: Content) => ({ mediaType, digest, size: bytes.length })

function makeReferrer(subject: Content, name: string): TestImage {
  const config = content('{}', 'application/vnd.oci.empty.v1+json')
  const layer = content(`${name} of ${subject.digest}`, 'application/vnd.dev.sigstore.bundle.v0.3+json')
  const manifest = content(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: ociManifest,
      artifactType: `application/vnd.example.${name}`,
      config: describeContent(config),
      layers: [describeContent(layer)],
      subject: describeContent(subject),
      annotations: { name },
    }),
    ociManifest,
  )
  return { index: manifest, children: [], intermediates: [], blobs: [config, layer] }
}

/** Cosign's classic form names its subject by the tag alone. */
function makeSignature(...names: string[]): TestImage {
  const config = content('{"classic":true}', 'application/vnd.oci.image.config.v1+json')
  const layers = names.map((name) => content(name, 'application/vnd.dev.cosign.simplesigning.v1+json'))
  const document = {
    schemaVersion: 2,
    mediaType: ociManifest,
    config: describeContent(config),
    layers: layers.map(describeContent),
  }
  const index = content(JSON.stringify(document), ociManifest)
  return { index, children: [], intermediates: [], blobs: [config, ...layers] }
}

const writesTo = ({ seen, refused }: Fake) =>
  seen.filter((line) => /^PUT|^POST(?!.*uploads\/$)/.test(line) && !refused.has(line))

const fallback = (digest: string): string => digest.replace(':', '-')

const listOf = (...entries: readonly Content[]): Content =>
  content(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: entries.map(describeContent) }), ociIndex)

/** As cosign does: the list is a tag where there is no API. */
async function attach(jobWith: Fake, subject: Content, hasApi: boolean, ...names: string[]): Promise<Content[]> {
  const referrers = names.map((name) => makeReferrer(subject, name))
  for (const referrer of referrers) await jobWith.hands.push(referrer, [])
  const manifests = referrers.map(({ index }) => index)
  if (!hasApi) await jobWith.hands.put(fallback(subject.digest), listOf(...manifests))
  return manifests
}

async function referrersOf(jobWith: Fake, { digest }: Content): Promise<readonly Record<string, unknown>[]> {
  const api = await fetch(`http://${jobWith.host}/v2/${repository}/referrers/${digest}`)
  const list = api.ok
    ? ((await api.json()) as Record<string, unknown>)
    : (JSON.parse(
        jobWith.manifests.get(jobWith.tags.get(fallback(digest)) ?? '')?.bytes.toString() ?? '{"manifests":[]}',
      ) as Record<string, unknown>)
  return list['manifests'] as readonly Record<string, unknown>[]
}

const digests = (list: readonly Record<string, unknown>[]): unknown[] => list.map(({ digest }) => digest).sort()

describe.each([
  ['Zot', 'distribution 3'],
  ['distribution 3', 'Zot'],
  ['Zot', 'Zot'],
  ['distribution 3', 'distribution 3'],
] as const)('from %s to %s', (from, to) => {
  test('everything comes along, with its digest', async () => {
    await between(from, to, async (source, target) => {
      const hasApi = from === 'Zot'
      const image = makeImage('17-1-mab')
      await source.hands.push(image, ['1.2.3'])
      const [onIndex, more] = await attach(source, image.index, hasApi, 'signature', 'sbom')
      const [onChild] = await attach(source, image.children[0]!, hasApi, 'signature')
      const [onReferrer] = await attach(source, onIndex!, hasApi, 'timestamp')
      const classic = makeSignature('one')
      await source.hands.push(classic, [`${fallback(image.index.digest)}.sig`])
      const result = await copy({ from: nameOf(source, ':1.2.3'), to: nameOf(target, '') })
      expect(result).toMatchObject({ digest: image.index.digest, sourceDigest: image.index.digest, referrers: 5 })
      expect(result.tags).toMatchObject([{ state: 'created', before: undefined }])
      expect(target.tags.get('1.2.3')).toBe(image.index.digest)
      expect(target.tags.get(`${fallback(image.index.digest)}.sig`)).toBe(classic.index.digest)
      expect(await target.hands.missing('1.2.3')).toEqual([])
      expect(digests(await referrersOf(target, image.index))).toEqual([onIndex!.digest, more!.digest].sort())
      expect(digests(await referrersOf(target, image.children[0]!))).toEqual([onChild!.digest])
      expect(digests(await referrersOf(target, onIndex!))).toEqual([onReferrer!.digest])
      for (const { digest } of [onIndex!, more!, onChild!, onReferrer!])
        expect(await target.hands.missing(digest)).toEqual([])
      // The list that we write has what readers filter by.
      if (to !== 'Zot')
        expect(await referrersOf(target, image.index)).toContainEqual({
          ...describeContent(more!),
          artifactType: 'application/vnd.example.sbom',
          annotations: { name: 'sbom' },
        })
      expect(target.seen.filter((line) => line.startsWith('PUT')).at(-1)).toMatch(/manifests\/1\.2\.3$/)
    })
  })

  test('a second copy uploads nothing', async () => {
    await between(from, to, async (source, target) => {
      const image = makeImage()
      await source.hands.push(image, ['1.2.3'])
      await attach(source, image.index, from === 'Zot', 'signature')
      const given = { from: nameOf(source, ':1.2.3'), to: nameOf(target, '') }
      await copy(given)
      target.seen.length = 0
      const { tags } = await copy(given)
      expect(tags).toMatchObject([{ state: 'unchanged', transfer: { blobs: { uploaded: 0 } } }])
      expect(writesTo(target)).toEqual([])
    })
  })
})

describe('referrers', () => {
  test('are left out with `referrers: false`', async () => {
    await between('Zot', 'Zot', async (source, target) => {
      const image = makeImage()
      await source.hands.push(image, ['1'])
      await attach(source, image.index, true, 'signature')
      await copy({ from: nameOf(source, ':1'), to: nameOf(target, ''), referrers: 'false' })
      expect(await referrersOf(target, image.index)).toEqual([])
      expect(source.seen.filter((line) => /referrers|sha256-/.test(line))).toEqual([])
    })
  })

  test('of the destination stay in its list', async () => {
    await between('distribution 3', 'distribution 3', async (source, target) => {
      const image = makeImage()
      for (const jobWith of [source, target]) await jobWith.hands.push(image, ['1'])
      const [theirs] = await attach(target, image.index, false, 'theirs')
      const [ours] = await attach(source, image.index, false, 'ours')
      await copy({ from: nameOf(source, ':1'), to: nameOf(target, '') })
      expect(digests(await referrersOf(target, image.index))).toEqual([theirs!.digest, ours!.digest].sort())
    })
  })

  test('that were deleted, or name something else, are not in the list', async () => {
    await between('distribution 3', 'distribution 3', async (source, target) => {
      const [image, other] = [makeImage(), makeImage('other')]
      await source.hands.push(image, ['1'])
      await source.hands.push(other, [])
      const stray = makeReferrer(other.index, 'stray')
      await source.hands.push(stray, [])
      const gone = content('{"schemaVersion":2}', ociManifest)
      const list = listOf(stray.index, gone)
      source.manifests.set(list.digest, list)
      source.tags.set(fallback(image.index.digest), list.digest)
      await copy({ from: nameOf(source, ':1'), to: nameOf(target, '') })
      expect([...target.tags.keys()]).toEqual(['1'])
    })
  })

  test.each([
    ['are replaced by more', ['one'], ['one', 'two'], 'source'],
    ['stay if they are more', ['one', 'two'], ['one'], 'target'],
  ] as const)('in a classic tag %s', async (_, there, here, kept) => {
    await between('distribution 3', 'distribution 3', async (source, target) => {
      const image = makeImage()
      await source.hands.push(image, ['1'])
      const tag = `${fallback(image.index.digest)}.sig`
      await target.hands.push(makeSignature(...there), [tag])
      await source.hands.push(makeSignature(...here), [tag])
      await copy({ from: nameOf(source, ':1'), to: nameOf(target, '') })
      const expected = kept === 'source' ? source : target
      expect(target.tags.get(tag)).toBe(expected.tags.get(tag))
      expect(target.tags.get(tag)).toBe(makeSignature(...(kept === 'source' ? here : there)).index.digest)
    })
  })

  test('in a classic tag are never lost', async () => {
    await between('distribution 3', 'distribution 3', async (source, target) => {
      const image = makeImage()
      await source.hands.push(image, ['1'])
      const tag = `${fallback(image.index.digest)}.sig`
      await target.hands.push(makeSignature('theirs'), [tag])
      await source.hands.push(makeSignature('ours'), [tag])
      const error = await failureOf(copy({ from: nameOf(source, ':1'), to: nameOf(target, '') }))
      expect(error.message).toContain('has signatures or attestations that the source does not have')
      expect(target.tags.get(tag)).toBe(makeSignature('theirs').index.digest)
      expect(target.tags.has('1')).toBe(false)
    })
  })
})

describe('platforms', () => {
  test('a subset has another digest, and complete images', async () => {
    await between('Zot', 'distribution 3', async (source, target) => {
      const image = makeImage('17-1-mab')
      await source.hands.push(image, ['1'])
      await attach(source, image.index, true, 'index')
      const [onChild] = await attach(source, image.children[1]!, true, 'child')
      const result = await copy({ from: nameOf(source, ':1'), to: nameOf(target, ''), platforms: 'linux/arm64' })
      expect(result.digest).not.toBe(image.index.digest)
      expect(result.notes).toContainEqual(expect.stringContaining(`instead of ${image.index.digest}`))
      expect(await target.hands.missing('1')).toEqual([])
      const index = JSON.parse(target.manifests.get(result.digest)!.bytes.toString()) as Record<string, unknown>
      const whole = JSON.parse(image.index.bytes.toString()) as Record<string, unknown[]>
      expect(index).toEqual({ ...whole, manifests: [whole['manifests']![1]] })
      expect(digests(await referrersOf(target, image.children[1]!))).toEqual([onChild!.digest])
      expect(target.manifests.has(image.children[0]!.digest)).toBe(false)
    })
  })

  test('all of them are the image itself', async () => {
    await between('Zot', 'Zot', async (source, target) => {
      const image = makeImage()
      await source.hands.push(image, ['1'])
      const platforms = 'linux/arm64, linux/amd64'
      const { digest } = await copy({ from: nameOf(source, ':1'), to: nameOf(target, ''), platforms })
      expect(digest).toBe(image.index.digest)
    })
  })

  test('one that is missing is named, and nothing is copied', async () => {
    await between('Zot', 'Zot', async (source, target) => {
      await source.hands.push(makeImage(), ['1'])
      const given = { from: nameOf(source, ':1'), to: nameOf(target, ''), platforms: 'linux/arm64, linux/s390x' }
      const error = await failureOf(copy(given))
      expect(error.message).toContain('has no linux/s390x')
      expect(error.hint).toContain('It has linux/amd64, linux/arm64')
      expect(target.manifests.size + target.blobs.size).toBe(0)
    })
  })

  test('of an image without an index come from its configuration', async () => {
    await between('Zot', 'Zot', async (source, target) => {
      const image = makeImage()
      await source.hands.push(image, [])
      await source.hands.put('single', image.children[0]!)
      const given = { from: nameOf(source, ':single'), to: nameOf(target, '') }
      expect((await failureOf(copy({ ...given, platforms: 'linux/arm64' }))).message).toContain('has no linux/arm64')
      expect((await copy({ ...given, platforms: 'linux/amd64' })).digest).toBe(image.children[0]!.digest)
    })
  })
})

describe('existing', () => {
  async function withTwo(use: (source: Fake, target: Fake, given: Given) => Promise<void>): Promise<void> {
    await between('Zot', 'Zot', async (source, target) => {
      await source.hands.push(makeImage('new'), ['new'])
      await target.hands.push(makeImage('old'), ['old'])
      target.seen.length = 0
      await use(source, target, {
        from: nameOf(source, ':new'),
        to: `${nameOf(target, ':fresh')}\n${nameOf(target, ':old')}`,
      })
    })
  }

  test('fail: nothing is written, and the tags are named', async () => {
    await withTwo(async (_, target, given) => {
      const error = await failureOf(copy({ ...given, existing: 'fail' }))
      expect(error.details).toEqual([`${nameOf(target, ':old')}: ${makeImage('old').index.digest}`])
      expect(writesTo(target)).toEqual([])
      expect([...target.tags.keys()]).toEqual(['old'])
    })
  })

  test('keep: the others are copied', async () => {
    await withTwo(async (_, target, given) => {
      const { tags } = await copy({ ...given, existing: 'keep' })
      expect(tags.map(({ state }) => state)).toEqual(['created', 'kept'])
      expect(target.tags.get('old')).toBe(makeImage('old').index.digest)
    })
  })

  test('update: is the default', async () => {
    await withTwo(async (_, target, given) => {
      const { tags } = await copy(given)
      expect(tags).toMatchObject([{ state: 'created' }, { state: 'updated', before: makeImage('old').index.digest }])
      expect(target.tags.get('old')).toBe(makeImage('new').index.digest)
    })
  })

  test('a dry run says what would be, and writes nothing', async () => {
    await withTwo(async (_, target, given) => {
      const prepareSigning = () => Promise.resolve(undefined)
      const ports = { registries, signal: new AbortController().signal, prepareSigning }
      const { report, problems } = await planCopyOnly(await inputsFor(given), ports)
      expect(problems).toEqual([])
      expect(report.tags).toEqual([
        { tag: nameOf(target, ':fresh'), now: '' },
        { tag: nameOf(target, ':old'), now: makeImage('old').index.digest },
      ])
      expect(target.seen.filter((line) => line.startsWith('PUT'))).toEqual([])
      const noKey = () => Promise.reject(new UserError({ code: 'inputs', message: 'no key', hint: 'Write one.' }))
      const unsigned = { ...ports, prepareSigning: noKey }
      const failing = await planCopyOnly(await inputsFor({ ...given, existing: 'fail' }), unsigned)
      expect(failing.problems).toHaveLength(2)
      expect(failing.report.problems).toContain('no key')
    })
  })
})

describe('nothing waits that need not', () => {
  /** Requests of one kind are held back until one of another kind arrives, or for so long that it does not come. */
  const held: readonly (readonly [what: string, held: RegExp, until: RegExp])[] = [
    ['tags for the end of the check for pushing', /^DELETE .*uploads/, /^PUT .*manifests\/1$/],
    ['manifests for blobs', /^PUT .*uploads/, /^HEAD .*manifests\/INDEX$/],
    ['the verification of images for their index', /^PUT .*manifests\/INDEX$/, /^GET .*manifests\/CHILD$/],
  ]

  test.each(held)('%s', async (_, one, other) => {
    await between('Zot', 'Zot', async (source, target) => {
      const image = makeImage()
      await source.hands.push(image, ['1'])
      const names = new Map([
        [image.index.digest, 'INDEX'],
        ...image.children.map((child) => [child.digest, 'CHILD'] as const),
      ])
      const withNames = (line: string) => line.replace(/sha256:\w+$/, (digest) => names.get(digest) ?? digest)
      let arrive: () => void = () => undefined
      const arrived = new Promise<void>((resolve) => (arrive = resolve))
      const ended: string[] = []
      target.before = async (line) => {
        if (other.test(withNames(line))) arrive()
        if (one.test(withNames(line))) await Promise.race([arrived, delay(8000, undefined, { ref: false })])
        ended.push(withNames(line))
      }
      await copy({ from: nameOf(source, ':1'), to: nameOf(target, '') })
      const [first, then] = [other, one].map((pattern) => ended.findIndex((line) => pattern.test(line)))
      expect(first).toBeGreaterThan(-1)
      expect(then).toBeGreaterThan(first ?? Infinity)
      // Nothing is left to be done.
      expect(ended).toHaveLength(target.seen.length)
    })
  })
})

test('within one repository a copy is a tag', async () => {
  await withBehaviour(behaviours['distribution 3'], async (jobWith) => {
    const image = makeImage()
    await jobWith.hands.push(image, ['pr-17'])
    const { tags } = await copy({ from: nameOf(jobWith, ':pr-17'), to: nameOf(jobWith, ':1.2.3') })
    expect(tags).toMatchObject([{ state: 'created', transfer: { blobs: { uploaded: 0, mounted: 0, existing: 0 } } }])
    expect(jobWith.tags.get('1.2.3')).toBe(image.index.digest)
    expect(jobWith.seen.filter((line) => line.startsWith('PUT'))).toEqual([`PUT /v2/${repository}/manifests/1.2.3`])
    expect(jobWith.seen.filter((line) => line.includes('/blobs/sha256'))).toEqual([])
  })
})

test('a temporary image is promoted with a warning, unless it gets a tag that stays', async () => {
  await withBehaviour(behaviours.Zot, async (registry) => {
    await registry.hands.push(makeImage('17000000001-1-abc'), ['pr-17000000001'])
    await registry.hands.push(makeImage(), ['main'])
    const promote = async (from: string, to: string) =>
      (await copy({ from: nameOf(registry, from), to: to.replaceAll('@', nameOf(registry, '')) })).notes
    expect(await promote(':pr-17000000001', '@:stable, @:tested')).toEqual([
      expect.stringMatching(/^The image is an ephemeral image of the run 17000000001: when `stable`, `tested` names/),
    ])
    expect(await promote(':pr-17000000001', '@:stable\n@:stable-0123abc')).toEqual([])
    expect(await promote(':pr-17000000001', '@:1.2.3')).toEqual([])
    expect(await promote(':main', '@:stable')).toEqual([])
  })
})

test('Docker’s media types and foreign layers stay as they are', async () => {
  await between('Zot', 'Zot', async (source, target) => {
    const config = content('{"os":"windows"}', 'application/vnd.docker.container.image.v1+json')
    const layer = content('layer', 'application/vnd.docker.image.rootfs.diff.tar.gzip')
    const foreign = content('base', 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip')
    const layers = [{ ...describeContent(foreign), urls: ['https://example.com/base'] }, describeContent(layer)]
    const document = { schemaVersion: 2, mediaType: dockerManifest, config: describeContent(config), layers }
    const index = content(JSON.stringify(document), dockerManifest)
    await source.hands.push({ index, children: [], intermediates: [], blobs: [config, layer] }, ['1'])
    const { notes } = await copy({ from: nameOf(source, ':1'), to: nameOf(target, '') })
    expect(notes).toEqual(['Layers at a URL outside the registry are not copied; the image has 1.'])
    expect(target.manifests.get(index.digest)?.mediaType).toBe(dockerManifest)
    expect([...target.blobs.keys()].sort()).toEqual([config.digest, layer.digest].sort())
  })
})

describe('a source that is not honest', () => {
  const entryOf = (entry: Content, size = entry.bytes.length) => ({ ...describeContent(entry), size })
  const indexOf = (manifests: readonly object[]) =>
    content(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests }), ociIndex)
  const nested = (levels: number, jobWith: Fake): Content => {
    const below = levels === 0 ? makeImage().index : nested(levels - 1, jobWith)
    const index = indexOf([entryOf(below)])
    jobWith.manifests.set(index.digest, index)
    return index
  }
  const many = Array.from({ length: 1200 }, (_, at) => content(`{"schemaVersion":2,"at":${at}}`, ociManifest))

  test.each<readonly [what: string, make: (jobWith: Fake) => Content, message: RegExp]>([
    ['is nested too deeply', (jobWith) => nested(9, jobWith), /nested in more than 6 levels/],
    ['has too many entries', () => indexOf(many.map((one) => entryOf(one))), /more than 1000 manifests/],
    ['lacks an image', () => indexOf([entryOf(many[0]!)]), /is incomplete: sha256:.* is missing/],
    ['has other sizes', () => indexOf([entryOf(makeImage().children[0]!, 7)]), /and 7 in its index/],
    ['has an invalid entry', () => indexOf([{ digest: 'sha256:abc' }]), /has an entry that is not valid/],
    ['is not an index', () => content('[]', ociIndex), /is not a valid image manifest or index/],
    ['is of another type', () => content(makeImage().index.bytes.toString(), ociManifest), /is not a valid image/],
  ])('an index that %s: nothing is copied', async (_, make, message) => {
    await between('Zot', 'Zot', async (source, target) => {
      await source.hands.push(makeImage(), [])
      const index = make(source)
      source.manifests.set(index.digest, index)
      source.tags.set('1', index.digest)
      const error = await failureOf(copy({ from: nameOf(source, ':1'), to: nameOf(target, '') }))
      expect(error.message).toMatch(message)
      expect(target.manifests.size + target.blobs.size).toBe(0)
    })
  })

  test.each([
    ['the destination verifies it, and it is read again', false, 2],
    ['the destination stores anything, and it is verified on the way', true, 1],
  ])('other content under a digest: no tag is updated, for %s', async (_, storesAnything, reads) => {
    await withBehaviour(behaviours.Zot, async (source) => {
      await withBehaviour({ ...behaviours.Zot, storesAnything }, async (target) => {
        const image = makeImage()
        await source.hands.push(image, ['1'])
        const [blob] = image.blobs
        source.blobs.set(blob!.digest, Buffer.from('x'.repeat(blob!.bytes.length)))
        const answered = new Promise<void>((resolve) => {
          // The question is over then, and no blob is read yet.
          target.before = async (line) =>
            line.startsWith('DELETE') ? resolve() : line.includes('/blobs/sha256:') && (await answered)
        })
        const error = await failureOf(copy({ from: nameOf(source, ':1'), to: nameOf(target, '') }))
        expect(error.details[0]).toContain(`${nameOf(source, '')}@${blob!.digest}: the content has the digest`)
        expect(source.seen.filter((line) => line.startsWith('GET') && line.includes(blob!.digest))).toHaveLength(reads)
        expect(target.blobs.has(blob!.digest)).toBe(false)
        expect(target.tags.size).toBe(0)
      })
    })
  })

  test('content that is damaged on its way to the destination is not what the source is blamed for', async () => {
    await between('Zot', 'Zot', async (source, target) => {
      const image = makeImage()
      await source.hands.push(image, ['1'])
      target.refuses = image.blobs[0]!.digest
      const error = await failureOf(copy({ from: nameOf(source, ':1'), to: nameOf(target, '') }))
      expect(error.details[0]).toMatch(new RegExp(`^${nameOf(target, '')}@.*DIGEST_INVALID`))
      expect(target.tags.size).toBe(0)
    })
  })
})

describe('failures', () => {
  test('a source that does not exist is named, with what to check', async () => {
    await between('Zot', 'Zot', async (source, target) => {
      const error = await failureOf(copy({ from: nameOf(source, ':none'), to: nameOf(target, ':1') }))
      expect(error.message).toBe(`${nameOf(source, ':none')} cannot be read`)
      expect(error.hint).toContain('`registry-auth`')
    })
  })

  test.each([
    ['which it may read', 404],
    ['which it may not read', 403],
  ])('a login that may not push to another repository of the registry: %s', async (_, whenRead) => {
    await withBehaviour(behaviours.Zot, async (source) => {
      await source.hands.push(makeImage(), ['1'])
      const posts: string[] = []
      const refusing: typeof fetch = async (input, init) => {
        const url = new URL(input instanceof Request ? input.url : input)
        if (!url.pathname.startsWith('/v2/acme/other/')) return await fetch(input, init)
        const method = init?.method ?? 'GET'
        if (method === 'POST') posts.push(url.search)
        return new Response(null, { status: method === 'POST' ? 403 : whenRead })
      }
      const given = { from: nameOf(source, ':1'), to: `${source.host}/acme/other:2` }
      const error = await failureOf(copy(given, undefined, refusing))
      expect(error.message).toBe(`Nothing can be pushed to ${source.host}/acme/other`)
      // The mount itself shows it: no upload is started only to find out.
      if (whenRead === 404) expect(posts[0]).toContain('mount=')
      expect(writesTo(source)).toEqual([])
    })
  })

  test('a cancellation before the tags leaves them as they are', async () => {
    await between('Zot', 'Zot', async (source, target) => {
      await source.hands.push(makeImage(), ['1'])
      const cancel = new AbortController()
      target.before = (line) => line.startsWith('PUT') && line.includes('manifests') && cancel.abort()
      const given = { from: nameOf(source, ':1'), to: nameOf(target, '') }
      expect(await failureOf(copy(given, cancel.signal))).toMatchObject({ code: 'cancelled' })
      expect(target.tags.size).toBe(0)
      target.before = () => undefined
      await copy(given)
      expect(await target.hands.missing('1')).toEqual([])
    })
  })

  test('a cancellation while tags are updated does not hide which ones are not', async () => {
    await between('Zot', 'Zot', async (source, target) => {
      await source.hands.push(makeImage(), ['1'])
      const cancel = new AbortController()
      target.before = (line) => line.startsWith('PUT') && line.endsWith('manifests/stable') && cancel.abort()
      const set = target.tags.set.bind(target.tags)
      target.tags.set = (tag, digest) => (tag === 'stable' ? target.tags : set(tag, digest))
      const given = { from: nameOf(source, ':1'), to: `${nameOf(target, ':stable')}\n${nameOf(target, ':edge')}` }
      const error = await failureOf(copy(given, cancel.signal))
      expect(error.details.map((line) => line.replace(/ \(.*/, ''))).toEqual([
        `updated:     ${nameOf(target, ':edge')}`,
        `not updated: ${nameOf(target, ':stable')}`,
      ])
    })
  })

  test('every tag is listed if one cannot be updated', async () => {
    await between('Zot', 'Zot', async (source, target) => {
      await source.hands.push(makeImage('new'), ['new'])
      await target.hands.push(makeImage('old'), ['1.2.3', 'stable'])
      const given = { from: nameOf(source, ':new'), to: `${nameOf(target, ':stable')}\n${nameOf(target, ':edge')}` }
      // As if another client wrote the tag at the same time, again and again.
      const set = target.tags.set.bind(target.tags)
      target.tags.set = (tag, digest) => (tag === 'stable' ? target.tags : set(tag, digest))
      const error = await failureOf(copy(given))
      expect(error.message).toBe('1 of 2 tags could not be updated')
      expect(error.details.map((line) => line.replace(/ \(.*/, ''))).toEqual([
        `updated:     ${nameOf(target, ':edge')}`,
        `not updated: ${nameOf(target, ':stable')}`,
      ])
    })
  })
})
