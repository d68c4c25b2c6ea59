import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BuilderInstances } from '../../../src/buildx/instances.ts'
import { Scheduler, type ScheduleRequest } from '../../../src/buildx/scheduler.ts'
import { plainSettings } from '../../../src/inputs/settings/settings.ts'
import type { Node } from '../../../src/nodes/node.ts'
import { NodePool } from '../../../src/nodes/pool.ts'
import { RunDir } from '../../../src/run/run-dir.ts'
import { nodeSpec, platform, testNode, testVariant } from '../fixtures/nodes.ts'

/** A buildx that runs a shell script per node: `$node` is the node's name, `$metadata` the metadata file. */
const shim = (dir: string, script: string) => `#!/bin/bash
[ "$1" = bake ] || exit 0
while [ $# -gt 0 ]; do case $1 in --builder) node=$2 ;; --metadata-file) metadata=$2 ;; esac; shift; done
echo "$node" >> ${dir}/calls
failed() { echo '{"vertexes":[{"digest":"sha256:'$node'","name":"[1/1] RUN x","error":"'"$1"'"}]}' >&2; exit 1; }
${script}
echo '{}' > "$metadata"
`

describe('Scheduler', () => {
  let dir = ''
  const logged: string[] = []
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'scheduler-'))
    mkdirSync(join(dir, 'secrets'))
    logged.length = 0
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  function request(script: string, more: Partial<ScheduleRequest> = {}): ScheduleRequest {
    const command = join(dir, 'buildx-shim')
    writeFileSync(command, shim(dir, script), { mode: 0o755 })
    const spec = (name: string) => nodeSpec(name, ['linux/amd64'], `unix:///run/${name}.sock`)
    const nodes = ['a', 'b'].map((name) => testNode(name, ['linux/amd64'], { spec: spec(name) }))
    const runDir = new RunDir(dir)
    const journal = { note: () => undefined }
    const log = (text: string) => void logged.push(text)
    return {
      buildx: { command, version: '0.38.2' },
      env: {},
      workspace: dir,
      signal: new AbortController().signal,
      push: false,
      settings: plainSettings,
      dir: runDir,
      several: true,
      nonce: '1',
      ephemeral: false,
      groups: nodes.map((node) => ({
        node,
        targets: [{ id: `t-${node.spec.name}`, variant: testVariant(''), platform: platform('linux/amd64'), node }],
      })),
      pool: new NodePool(
        nodes.map((node) => ({ spec: node.spec, node })),
        spec('local'),
      ),
      instances: new BuilderInstances({
        dir: runDir,
        name: 'run',
        nodes,
        journal,
        persistent: new Map(),
        undo: { buildx: command, kubeconfig: '' },
      }),
      journal,
      failFast: true,
      boots: new Map(),
      fallback: ['fail'],
      emit: () => undefined,
      log: { info: log, line: log, warn: log, debug: log, annotate: () => undefined, lines: () => undefined },
      onPush: () => undefined,
      onBegun: () => undefined,
      ...more,
    }
  }
  const calls = () => readFileSync(join(dir, 'calls'), 'utf8').trim().split('\n').sort()

  test('builds every group once', async () => {
    let begun = 0
    const { results } = await new Scheduler(request('', { onBegun: () => begun++ })).run()
    expect(results.map(({ built, failure }) => [built.length, failure])).toEqual([
      [1, undefined],
      [1, undefined],
    ])
    expect([calls(), begun]).toEqual([['run-0', 'run-1'], 1])
  })

  test('buildx starts while a daemon boots, and gets the definition when that has ended', async () => {
    const scheduled = request('cat > "$metadata.definition"')
    const path = (call: number) => join(dir, `call-${call}.metadata.json.definition`)
    const definition = (call: number) => (existsSync(path(call)) ? readFileSync(path(call), 'utf8') : undefined)
    const boot = async () => {
      while (definition(0) === undefined || !definition(1)) await new Promise((resolve) => setTimeout(resolve, 20))
      expect(definition(0)).toBe('')
    }
    const boots = new Map<Node, Promise<unknown>>([[scheduled.groups[0]!.node, boot()]])
    await new Scheduler({ ...scheduled, boots }).run()
    expect([definition(0), definition(1)]).toEqual([expect.stringContaining('t-a'), expect.stringContaining('t-b')])
  })

  const failing = `
if [ "$node" = run-0 ]; then failed 'process \\"x\\" did not complete successfully: exit code: 1'; fi
sleep 20 > /dev/null 2>&1 & pid=$!
trap 'kill $pid; failed "context canceled"' INT
wait $pid`

  test('a failing step ends the builds of the other groups', async () => {
    const start = performance.now()
    const { results } = await new Scheduler(request(failing)).run()
    expect(performance.now() - start).toBeLessThan(10_000)
    expect(results.map(({ failure }) => failure?.code)).toEqual(['build', 'cancelled'])
    expect(logged).toEqual(['A build has failed: the other builds are cancelled (`fail-fast`).'])
  })

  test('without fail-fast the others finish', async () => {
    const script = failing.replace('sleep 20', 'sleep 1')
    const { results } = await new Scheduler(request(script, { failFast: false })).run()
    expect(results.map(({ failure }) => failure?.code)).toEqual(['build', undefined])
  })

  test('an abort while a group waits for a busy registry: no further buildx is started', async () => {
    const cancel = new AbortController()
    const busy = "failed 'failed to push r/a: unexpected status from PUT request to http://r/: 503 Service Unavailable'"
    const running = new Scheduler(request(busy, { signal: cancel.signal })).run()
    while (logged.length < 2) await new Promise((resolve) => setTimeout(resolve, 20))
    cancel.abort(new Error('cancelled'))
    const { results } = await running
    expect(results.map(({ failure }) => failure?.code)).toEqual(['busy', 'busy'])
    expect(calls()).toEqual(['run-0', 'run-1'])
    expect(existsSync(join(dir, 'call-2.metadata.json'))).toBe(false)
  })
})
