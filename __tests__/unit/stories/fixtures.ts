import { mkdtempSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ScheduleRequest, ScheduleResult } from '../../../src/buildx/scheduler.ts'
import type { Event } from '../../../src/forge/event.ts'
import { readInputs, type Inputs } from '../../../src/inputs/inputs.ts'
import type { Log } from '../../../src/lib/log.ts'
import { unixBuildkitd } from '../../../src/nodes/drivers/unix.ts'
import type { Node } from '../../../src/nodes/node.ts'
import type { PackageAccess } from '../../../src/packages/backend.ts'
import type { RegistryAccess } from '../../../src/registry/client-factory.ts'
import { RunRecord } from '../../../src/report/run-record.ts'
import { createJournal, openJournal } from '../../../src/run/journal.ts'
import { RunDir } from '../../../src/run/run-dir.ts'
import type { BuildPorts, DryRunPorts, Run } from '../../../src/stories/ports.ts'
import { jobWith, type Given } from '../fixtures/job.ts'
import { fakeClock, user } from '../registry/server.ts'

/** A log that collects its lines; warnings begin with `warning: `. */
export function collectingLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = []
  const add = (text: string) => void lines.push(text)
  const ignore = () => undefined
  const log = { info: add, line: add, warn: (text: string) => add(`warning: ${text}`), debug: ignore }
  return { lines, log: { ...log, annotate: ignore, lines: ignore } }
}

export function newRunDir(): RunDir {
  const dir = new RunDir(mkdtempSync(join(tmpdir(), 'story-')))
  createJournal(dir)
  return dir
}

export interface TestRun {
  readonly run: Run
  readonly lines: string[]
  readonly nodes: readonly Node[]
}

/** A run on one buildkitd for both platforms, with these inputs. */
export async function testRun(inputs: Given, signal = new AbortController().signal): Promise<TestRun> {
  const [env, event, files] = jobWith({ nodes: 'linux/amd64,linux/arm64 = tcp://build.example.com:1234', ...inputs })
  const driver = `[{endpoint: "unix:///run/buildkit.sock", driver: remote, platforms: "linux/amd64,linux/arm64"}]`
  const parsed: Inputs = await readInputs({ ...env, INPUT_NODES: driver }, event, files)
  const { log, lines } = collectingLog()
  const dir = newRunDir()
  const nodes = parsed.nodes.map((spec): Node => ({
    spec,
    driver: unixBuildkitd,
    socket: '/run/buildkit.sock',
    platforms: spec.platforms,
    native: [],
    took: 1,
  }))
  // What the tests push in place of a build has no annotations.
  const variants = parsed.variants.map((variant) => ({ ...variant, annotations: [] }))
  const run = {
    inputs: { ...parsed, variants },
    event,
    dir,
    journal: openJournal(dir),
    log,
    signal,
    record: new RunRecord(),
    dockerConfig: {},
  }
  return { run, lines, nodes }
}

/** Access to registries on this machine, with the login `user`. */
export const registries: RegistryAccess = {
  fetch: (...args) => globalThis.fetch(...args),
  credentials: () => Promise.resolve(user),
  log: () => undefined,
}

/** The result of a group of which nothing is known. */
export const emptyResult = {
  took: 1,
  attempts: 1,
  progress: new Map<string, never>(),
  built: [],
  lostCaches: [],
  warnings: [],
}

/** Ports of the main action; every build succeeds at once and has the digest that `digestOf` returns. */
export function testPorts(
  { run, nodes }: TestRun,
  digestOf: (platform: string) => string,
): BuildPorts & DryRunPorts & { readonly calls: string[] } {
  const calls: string[] = []
  const buildGroups = ({ groups, onBegun, onPush }: ScheduleRequest): Promise<ScheduleResult> => {
    calls.push('build')
    onBegun()
    const results = groups.map((group) => ({
      ...emptyResult,
      group,
      built: group.targets.map((target) => {
        const digest = digestOf(target.platform)
        onPush(target, digest)
        return { target, digest, metadata: {} }
      }),
    }))
    return Promise.resolve({ results, notes: [] })
  }
  const buildx = { command: '/nonexistent/buildx', version: '0.38.2' }
  return {
    calls,
    openNodes: () => {
      calls.push('open')
      return Promise.resolve(
        run.inputs.nodes.map((spec, index) => ({ spec, ...(nodes[index] && { node: nodes[index] }) })),
      )
    },
    provideBuildx: () => Promise.resolve(buildx),
    findBuildx: () => Promise.resolve(undefined),
    buildGroups,
    callTargets: () => {
      calls.push('call')
      return Promise.resolve()
    },
    prepareSigning: () => Promise.resolve(undefined),
    registries,
    runs: { isFinished: () => Promise.resolve(false) },
    packages: testPackages(),
    fetchRunStatus: () => Promise.resolve('denied'),
  }
}

export function testPackages(access = registries): PackageAccess {
  return {
    choice: 'oci',
    platform: { serverUrl: '', apiUrl: '' },
    token: '',
    ownerKind: undefined,
    registries: access,
    githubClient: () => () => Promise.reject(new Error('not used')),
    clock: fakeClock(),
  }
}

/** An engine at `socket` that answers every request with `status`, and with what `answer` returns for the path. */
export async function fakeEngine(
  socket: string,
  status = 204,
  answer: (url: string) => unknown = () => undefined,
): Promise<{ readonly requests: string[]; readonly server: Server }> {
  const requests: string[] = []
  const server = createServer(({ method = '', url = '' }, response) => {
    requests.push(`${method} ${url}`)
    const body = status < 300 ? answer(url) : { message: 'it refuses' }
    response.writeHead(status).end(body === undefined ? undefined : JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return { requests, server }
}

export type { Event }
