import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { UserError } from '../../../src/lib/errors.ts'
import { localEngine } from '../../../src/nodes/drivers/local.ts'
import { openJournal, readJournal, type Entry } from '../../../src/run/journal.ts'
import { runAnnotation, runBuilderName } from '../../../src/run/names.ts'
import { RunDir } from '../../../src/run/run-dir.ts'
import { undoRun } from '../../../src/stories/undo.ts'
import type { UndoPorts, UndoRequest } from '../../../src/stories/undo-ports.ts'
import { behaviours, repository, withBehaviour } from '../packages/oci/behaviour.ts'
import { makeImage } from '../packages/oci/images.ts'
import { withRegistry } from '../registry/server.ts'
import { collectingLog, fakeEngine, newRunDir, registries, testPackages, testRun } from './fixtures.ts'

let dir: RunDir
let requests: string[]
let engine: Server
beforeEach(async () => {
  dir = newRunDir()
  ;({ requests, server: engine } = await fakeEngine(join(dir.path, 's')))
})
afterEach(() => {
  engine.closeAllConnections()
  engine.close()
})

const event = { runId: '1', runAttempt: 1, serverUrl: 'https://github.com', repository: 'acme/app' }
const noRegistry = () => Promise.reject(new Error('no registry may be queried'))

async function undo(request: Partial<UndoRequest> = {}, ports: Partial<UndoPorts> = {}): Promise<readonly string[]> {
  const { log, lines } = collectingLog()
  await undoRun(
    { dir, main: '', tags: 'auto', began: 0, event, images: [], ...request },
    {
      openPackages: () => Promise.resolve(testPackages({ ...registries, credentials: noRegistry, fetch: noRegistry })),
      authenticate: () => Promise.reject(new Error('no key may be used')),
      openNodes: () => Promise.reject(new Error('no node may be opened')),
      collectRunnerGarbage: () => Promise.resolve({ removed: [], failed: [], strays: 0 }),
      log,
      signal: new AbortController().signal,
      ...ports,
    },
  )
  return lines
}

const note = (...entries: readonly Entry[]) => {
  const journal = openJournal(dir)
  entries.forEach((entry) => journal.note(entry))
}
const socket = () => join(dir.path, 's')
const container = { kind: 'container', node: 'arm', container: 'c', volume: 'c_state' } as const

describe('the undo story', () => {
  test('removes what was created, and the run directory', async () => {
    note({ ...container, socket: socket() })
    expect(await undo()).toEqual(['Removed the builder on arm.'])
    expect(requests).toEqual(['DELETE /containers/c?force=1&v=1', 'DELETE /volumes/c_state?force=1'])
    expect(existsSync(dir.path)).toBe(false)
  })

  test('a builder that was never created is not reported as removed', async () => {
    engine.close()
    ;({ requests, server: engine } = await fakeEngine(join(dir.path, 's'), 404))
    note({ ...container, socket: socket() })
    expect(await undo()).toEqual([])
    expect(requests).toEqual(['DELETE /containers/c?force=1&v=1', 'DELETE /volumes/c_state?force=1'])
  })

  test('the warning about a builder on the local engine names the runner', async () => {
    note({ ...container, node: 'local', socket: join(dir.path, 'closed') })
    expect((await undo()).join('\n')).toMatch(/\. On this runner, `docker rm -f c && docker volume rm c_state` removes/)
  })

  test('every kind of entry on an engine is undone, even if others fail', async () => {
    note(
      { kind: 'lock', node: 'arm', socket: socket(), daemon: 'mab-keep-x', holder: 'me' },
      { kind: 'reservation', node: 'arm', socket: socket(), volume: 'mab_seat' },
      { ...container, node: 'lost', socket: join(dir.path, 'closed'), container: 'd' },
      { ...container, socket: socket() },
    )
    const lines = await undo()
    expect(lines).toContain('Removed the builder on arm.')
    const warning = lines.find((line) => line.startsWith('warning'))
    expect(warning).toMatch(/^warning: The builder on lost could not be removed: /)
    expect(warning).toMatch(/\. On that node, `docker rm -f d && docker volume rm c_state` removes it\.$/)
    expect(requests).toContain('DELETE /volumes/mab_seat?force=1')
    expect(requests.some((request) => request.startsWith('GET /volumes/buildx_buildkit_mab-keep-x_boot'))).toBe(true)
    expect(existsSync(dir.path)).toBe(false)
  })

  test('a post step that is run again after it was killed needs neither keys nor connections', async () => {
    note({ ...container, socket: join(dir.path, 'closed') }, { kind: 'removed', name: 'c' })
    expect(await undo()).toEqual([])
    expect([requests, existsSync(dir.path)]).toEqual([[], false])
  })

  test('records what it has removed before it deletes images', async () => {
    note({ ...container, socket: socket() })
    let recorded: readonly Entry[] = []
    const collectRunnerGarbage = () => Promise.resolve({ removed: [], failed: [], strays: 0 })
    engine.on('request', () => (recorded = readJournal(dir, { warn: () => undefined })))
    await undo({}, { collectRunnerGarbage })
    // The journal still exists while the engine is asked: it goes last, with the directory.
    expect(recorded.map(({ kind }) => kind)).toContain('container')
  })

  test('a registry that is down is a warning with the reason, and everything else is undone', async () => {
    note(
      { kind: 'tag', registry: 'registry.example.com', path: 'a/b', tag: 'pr-1', digest: 'sha256:0', ephemeral: true },
      { ...container, socket: socket() },
    )
    const lines = await undo()
    expect(lines).toContain('Removed the builder on arm.')
    expect(lines.filter((line) => line.startsWith('warning'))).toEqual([
      'warning: Kept registry.example.com/a/b: no registry may be queried. The `cleanup` action removes it later.',
    ])
  })

  test('if the logins cannot be used again, the nodes are cleaned up all the same', async () => {
    note(
      { kind: 'tag', registry: 'registry.example.com', path: 'a/b', tag: 'pr-1', digest: 'sha256:0', ephemeral: true },
      { ...container, socket: socket() },
    )
    const lines = await undo({}, { openPackages: () => Promise.reject(new Error('AWS does not answer')) })
    expect(requests).toContain('DELETE /volumes/c_state?force=1')
    expect([...lines].sort()).toEqual([
      'Removed the builder on arm.',
      'warning: Kept registry.example.com/a/b: AWS does not answer. The `cleanup` action removes it later.',
    ])
  })

  test('tags of other runs stay with `cleanup: auto`, and every tag with `never`', async () => {
    await withRegistry('none', async ({ host, seen }) => {
      const tag = { kind: 'tag', registry: host, path: 'a/b', digest: `sha256:${'0'.repeat(64)}` } as const
      const openPackages = () => Promise.resolve(testPackages(registries))
      note({ ...tag, tag: 'latest', ephemeral: false })
      await undo({}, { openPackages })
      dir = newRunDir()
      note({ ...tag, tag: 'pr-1', ephemeral: true })
      await undo({ tags: 'never' }, { openPackages })
      expect(seen).toEqual([])
    })
  })

  test('says which of the deleted manifests are only indexes of one platform', async () => {
    await withBehaviour(behaviours['distribution 3'], async ({ host, hands }) => {
      const image = makeImage(runAnnotation(event, dir.key))
      await hands.push(image, ['pr-1'])
      const pushed = (digest: string) => ({ registry: host, path: repository, digest })
      const { index, children, intermediates } = image
      note(...intermediates.map(({ digest }) => ({ kind: 'manifest', ...pushed(digest) }) as const))
      note({ kind: 'tag', tag: 'pr-1', ephemeral: true, ...pushed(index.digest) })
      const lines = await undo({}, { openPackages: () => Promise.resolve(testPackages(registries)) })
      const line = ({ digest }: { readonly digest: string }) => `Deleted ${host}/${repository}@${digest}`
      expect([...lines].sort()).toEqual(
        [
          ...[index, ...children].map((one) => `${line(one)}.`),
          ...intermediates.map((one) => `${line(one)}, a per-platform index, which the image does not need.`),
          `Deleted ${host}/${repository}:pr-1.`,
        ].sort(),
      )
    })
  })

  test('a journal that cannot be read is a warning, and the directory is removed', async () => {
    rmSync(dir.journal)
    mkdirSync(dir.journal)
    writeFileSync(join(dir.journal, 'x'), '')
    expect((await undo()).map((line) => line.slice(0, 73))).toEqual([
      'warning: The record of what this run created (journal) could not be read:',
    ])
    expect(existsSync(dir.path)).toBe(false)
  })

  test('without the journal, the builders of this run are found by their names', async () => {
    const lost = new RunDir(join(dir.path, 'mab-00000000aa'))
    const { run, nodes } = await testRun({ nodes: 'linux/amd64 = local' })
    const place = newRunDir()
    const names = ['own', 'other'].map((step) => {
      const key = step === 'own' ? lost.key : 'mab-0123456789'
      return `buildx_buildkit_${runBuilderName(key, event)}-0`
    })
    const { requests: sent, server } = await fakeEngine(join(place.path, 's'), 200, (url) =>
      url.startsWith('/containers/json') ? names.map((name) => ({ Id: name, Names: [`/${name}`], Created: 1 })) : {},
    )
    const [spec] = run.inputs.nodes
    const [node] = nodes
    if (!spec || !node) throw new Error('no node')
    const failure = new UserError({ code: 'node', message: 'arm does not answer', hint: '' })
    const lines = await undo(
      { dir: lost },
      {
        openNodes: () =>
          Promise.resolve([
            { spec, node: { ...node, driver: localEngine, socket: join(place.path, 's') } },
            { spec: { ...spec, name: 'arm' }, failure },
          ]),
      },
    )
    server.close()
    const removed = sent.filter((request) => request.startsWith('DELETE /containers/'))
    expect(removed).toEqual([`DELETE /containers/${names[0] ?? ''}?force=1&v=1`])
    expect(lines).toEqual([
      expect.stringMatching(
        /^The journal of this run in \S+ is lost: the action removes builders and tags with the id of the run\.$/,
      ),
      expect.stringMatching(
        /^warning: The builder mab-\S+ on arm was not removed: arm does not answer\. The next run on this node/,
      ),
      expect.stringMatching(/^Removed mab-\S+-0 on /),
      expect.stringMatching(/^warning: The journal of this run in \S+ is lost\./),
    ])
  })

  test('garbage of other runs is collected last, unless the post step is cancelled', async () => {
    let existed: boolean | undefined
    const collectRunnerGarbage = () => {
      existed = existsSync(dir.path)
      return Promise.resolve({ removed: ['/tmp/mab-1'], failed: [], strays: 0 })
    }
    expect(await undo({}, { collectRunnerGarbage })).toHaveLength(1)
    expect(existed).toBe(false)
    expect(await undo({ dir: newRunDir() }, { collectRunnerGarbage, signal: AbortSignal.abort() })).toEqual([])
  })
})
