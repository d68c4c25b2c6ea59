import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EngineClient } from '../../../../src/nodes/engine/client.ts'

const dir = mkdtempSync(join(tmpdir(), 'engine-'))
let server: Server | undefined
let servers = 0

/** An engine that answers the two requests of an exec as told. */
async function engine(
  create: (answer: ServerResponse) => void,
  start: (answer: ServerResponse) => void = (answer) => answer.end('workers'),
): Promise<string> {
  // A path of its own, since connections are kept for the next request.
  const socket = join(dir, `s${servers++}`)
  server = createServer(({ url = '' }, answer) => (url.startsWith('/containers/') ? create(answer) : start(answer)))
  await new Promise<void>((resolve) => server?.listen(socket, resolve))
  return socket
}

const made = (answer: ServerResponse) => answer.writeHead(201).end(JSON.stringify({ Id: 'e1' }))
const refuse = (status: number, message: string) => (answer: ServerResponse) =>
  answer.writeHead(status).end(JSON.stringify({ message }))

afterEach(async () => {
  server?.closeAllConnections()
  await new Promise((resolve) => server?.close(resolve))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('pingBuildkitd', () => {
  test('a daemon that answers', async () => {
    await expect(new EngineClient(await engine(made), 5000).pingBuildkitd('c')).resolves.toBeUndefined()
  })

  test('a daemon that hangs: the command does not end', async () => {
    await expect(new EngineClient(await engine(made, () => undefined), 100).pingBuildkitd('c')).rejects.toThrow(
      'no answer',
    )
  })

  test('an engine that hangs', async () => {
    await expect(new EngineClient(await engine(() => undefined), 100).pingBuildkitd('c')).rejects.toThrow('no answer')
  })

  test('a paused container', async () => {
    await expect(
      new EngineClient(
        await engine(refuse(409, 'container c is paused, unpause the container before exec')),
        5000,
      ).pingBuildkitd('c'),
    ).rejects.toThrow('paused')
  })

  test.each([
    ['no container', 404, 'No such container: c'],
    ['a container that does not run yet', 409, 'container c is not running'],
    ['a container that has just ended', 500, 'cannot exec in a stopped state'],
  ])('%s counts as an answer', async (_, status, message) => {
    await expect(
      new EngineClient(await engine(refuse(status, message)), 5000).pingBuildkitd('c'),
    ).resolves.toBeUndefined()
  })
})

describe('removeContainer', () => {
  const inTurn = (...answers: readonly ((answer: ServerResponse) => void)[]) => {
    let turn = 0
    return (answer: ServerResponse) => answers[Math.min(turn++, answers.length - 1)]?.(answer)
  }
  const busy = refuse(409, 'removal of container c is already in progress')

  test('waits if another client removes it already', async () => {
    await expect(
      new EngineClient(await engine(inTurn(busy, busy, refuse(404, 'No such container: c'))), 5000).removeContainer(
        'c',
      ),
    ).resolves.toBe(false)
  })

  test('until its deadline', async () => {
    await expect(new EngineClient(await engine(busy), 1000).removeContainer('c')).rejects.toThrow('already in progress')
  })

  test('not for another conflict', async () => {
    await expect(
      new EngineClient(await engine(refuse(409, 'you cannot remove a running container')), 5000).removeContainer('c'),
    ).rejects.toThrow('running container')
  })
})

test('an answer that is too large ends the request', async () => {
  const endless = (answer: ServerResponse) => {
    const chunk = Buffer.alloc(1024 * 1024, 32)
    const send = () => {
      if (!answer.destroyed) answer.write(chunk, send)
    }
    send()
  }
  await expect(new EngineClient(await engine(endless), 10_000).inspectContainer('c')).rejects.toThrow(
    'larger than 16 MiB',
  )
})

describe('volumes', () => {
  const volumes = async (...names: readonly string[]) =>
    await engine(made, (answer) => answer.end(JSON.stringify({ Volumes: names.map((Name) => ({ Name })) })))

  test('are listed by prefix, although the filter of the engine finds a text anywhere', async () => {
    const listed = await new EngineClient(await volumes('mab-1', 'x-mab-1', 'mab-2')).listVolumes('mab-')
    expect(listed.map(({ name }) => name)).toEqual(['mab-1', 'mab-2'])
  })

  test('one that does not exist is undefined, and counts as removed', async () => {
    const client = new EngineClient(await engine(refuse(404, ''), refuse(404, 'no such volume')))
    expect(await client.inspectVolume('v')).toBeUndefined()
    await expect(client.removeVolume('v')).resolves.toBeUndefined()
  })
})
