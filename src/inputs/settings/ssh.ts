import { splitList, splitRecords } from '../../lib/lists.ts'
import { failFor, passes, type Problem } from '../diagnostics.ts'
import type { LocalPaths } from '../local-paths.ts'
import { parseSshKeys } from '../nodes/ssh-key.ts'
import type { InputSource } from '../source.ts'

/** `ssh`: `default`, or `id=path[,path…]` of a socket or keys, one per line. */
export function parseSsh(source: InputSource): readonly string[] {
  return splitRecords('ssh', source.text('ssh'), source.report)
    .flatMap(({ text }) => joinPaths(splitList(text)))
    .map((entry) => parseSshEntry(entry, source))
}

const otherAgent = 'set `ssh: default=/path/to/key`'

/** The SSH agent that BuildKit needs to fetch a Git repository; buildx passes it without `ssh` too. */
export function parseGitAgent(context: string, source: InputSource): readonly string[] {
  return passes(failFor(source.report, 'context'), context, agentProblems(source, otherAgent)) ? ['default'] : []
}

function parseSshEntry(entry: string, source: InputSource): string {
  const { paths, report } = source
  const [, id = '', rest = ''] = /^([^=]*)(?:=(.*))?$/s.exec(entry) ?? []
  const files = splitList(rest).map((path) => paths.use(path, 'ssh', 'connect'))
  passes(failFor(report, 'ssh'), entry, [
    [!/^[A-Za-z0-9_.-]+$/.test(id), 'has no id: write `default`, or `id=/path/to/key`'],
    ...(files.length === 0
      ? agentProblems(source, 'write `default=/path/to/key`')
      : files.flatMap((path) => fileProblems(path, files, paths))),
  ])
  return files.length === 0 ? id : `${id}=${files.join(',')}`
}

function agentProblems({ env, paths }: InputSource, instead: string): readonly Problem[] {
  const socket = env['SSH_AUTH_SOCK'] ?? ''
  const start = `start one in an earlier step, or ${instead}`
  return [
    [socket === '', `needs an agent, but SSH_AUTH_SOCK is not set: ${start}`],
    [!paths.exists(socket), `needs an agent, but SSH_AUTH_SOCK names ${socket}, which does not exist: ${start}`],
    [paths.isDirectory(socket), `needs an agent, but SSH_AUTH_SOCK names ${socket}, a directory: ${start}`],
  ]
}

/** As in BuildKit: one socket, or any number of keys (session/sshforward/sshprovider/agentprovider.go). */
function fileProblems(path: string, all: readonly string[], paths: LocalPaths): readonly Problem[] {
  const text = paths.isFile(path) ? paths.tryRead(path) : undefined
  return [
    [!paths.exists(path), `does not name a socket or key: ${path} was not found`],
    [paths.isDirectory(path), `does not name a socket or key: ${path} is a directory`],
    [text !== undefined && !isKey(text), `does not name a key: ${path} is not a private key without a passphrase`],
    [text === undefined && all.length > 1, `names several paths, but ${path} is not a readable key: write keys only`],
  ]
}

function isKey(text: string): boolean {
  const problems: unknown[] = []
  const keys = parseSshKeys(text, (issue) => problems.push(issue))
  return keys.length > 0 && problems.length === 0
}

/** `a=/x,/y,b` is the entries `a=/x,/y` and `b`. */
function joinPaths(parts: readonly string[]): readonly string[] {
  return parts.reduce<readonly string[]>((entries, part) => {
    const last = entries.at(-1)
    return /^[./]/.test(part) && last?.includes('=') ? [...entries.slice(0, -1), `${last},${part}`] : [...entries, part]
  }, [])
}
