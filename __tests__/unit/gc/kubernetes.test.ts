import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collectClusterGarbage } from '../../../src/gc/kubernetes.ts'
import { RunDir } from '../../../src/run/run-dir.ts'
import { nodeSpec } from '../fixtures/nodes.ts'

const bin = mkdtempSync(join(tmpdir(), 'kubectl-'))
const calls = join(bin, 'calls')
const dir = new RunDir(join(bin, 'run'))
const { PATH } = process.env

beforeAll(() => {
  const record = `require('node:fs').appendFileSync(${JSON.stringify(calls)}, process.argv.slice(2).join(' ') + '\\n')`
  writeFileSync(join(bin, 'kubectl'), `#!${process.execPath}\n${record}\nconsole.log('{"items": []}')\n`)
  chmodSync(join(bin, 'kubectl'), 0o755)
  process.env['PATH'] = bin
})
afterAll(() => {
  process.env['PATH'] = PATH
  rmSync(bin, { recursive: true })
})

test('no call of kubectl caches in the home directory', async () => {
  const spec = nodeSpec('pods', ['linux/amd64'], 'kubernetes:///etc/kube')
  const runs = { isFinished: () => Promise.resolve(false) }
  expect(await collectClusterGarbage(spec, runs, dir)).toEqual({ node: 'pods', removed: [], failed: [] })
  const lines = readFileSync(calls, 'utf8').trim().split('\n')
  expect(lines.length).toBeGreaterThan(1)
  for (const line of lines) expect(line).toContain(`--cache-dir ${dir.kubectlCache} --kubeconfig /etc/kube`)
})
