import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dropContainer, pingDaemon } from '../../../../src/nodes/engine/client.ts'

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

describe('pingDaemon', () => {
  test('a daemon that answers', async () => {
    await expect(pingDaemon(await engine(made), 'c', 5000)).resolves.toBeUndefined()
  })

  test('a daemon that hangs: the question never ends', async () => {
    await expect(pingDaemon(await engine(made, () => undefined), 'c', 100)).rejects.toThrow('no answer')
  })

  test('an engine that hangs', async () => {
    await expect(pingDaemon(await engine(() => undefined), 'c', 100)).rejects.toThrow('no answer')
  })

  test('a paused container', async () => {
    await expect(
      pingDaemon(await engine(refuse(409, 'container c is paused, unpause the container before exec')), 'c', 5000),
    ).rejects.toThrow('paused')
  })

  test.each([
    ['no container yet', 404, 'No such container: c'],
    ['one that does not run yet', 409, 'container c is not running'],
    ['one that has just ended', 500, 'cannot exec in a stopped state'],
  ])('%s is not silent', async (_, status, message) => {
    await expect(pingDaemon(await engine(refuse(status, message)), 'c', 5000)).resolves.toBeUndefined()
  })
})

describe('dropContainer', () => {
  const inTurn = (...answers: readonly ((answer: ServerResponse) => void)[]) => {
    let turn = 0
    return (answer: ServerResponse) => answers[Math.min(turn++, answers.length - 1)]?.(answer)
  }
  const busy = refuse(409, 'removal of container c is already in progress')

  test('waits for whoever removes it already', async () => {
    await expect(
      dropContainer(await engine(inTurn(busy, busy, refuse(404, 'No such container: c'))), 'c', 5000),
    ).resolves.toBeUndefined()
  })

  test('but not for ever', async () => {
    await expect(dropContainer(await engine(busy), 'c', 1000)).rejects.toThrow('already in progress')
  })

  test('and not for another conflict', async () => {
    await expect(
      dropContainer(await engine(refuse(409, 'you cannot remove a running container')), 'c', 5000),
    ).rejects.toThrow('running container')
  })
})
