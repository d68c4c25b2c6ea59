import { describe, expect, test } from '@jest/globals'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  exec,
  execTool,
  inheritedEnv,
  minimalEnv,
  startProcess,
  waitForExit,
  withholdVariables,
} from '../../../src/lib/exec.ts'
import { jobUmask } from '../../../src/lib/files.ts'

const both = [
  ['exec', exec],
  ['execTool', execTool],
] as const

describe.each(both)('%s', (_, run) => {
  test('the output, the exit code and arguments that a shell would interpret', async () => {
    const script = 'printf "%s|" "$@"; echo problem >&2; exit 3'
    expect(await run('sh', ['-c', script, 'sh', 'a b', '$HOME', '"; exit 0', ''])).toEqual({
      code: 3,
      stdout: 'a b|$HOME|"; exit 0||',
      stderr: 'problem\n',
    })
  })

  test('standard input is empty', async () => {
    expect(await run('cat', [])).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  test('the deadline holds even if a child of the process keeps its pipes', async () => {
    // Without the deadline it takes longer than the test may.
    const { code, stdout } = await run('sh', ['-c', 'sleep 300 & echo $!; exec sleep 300'], { deadline: 3000 })
    expect([code, stdout]).toEqual([124, expect.stringMatching(/^\d+\n$/)])
    try {
      process.kill(Number(stdout))
    } catch {
      // It ended with its parent.
    }
  })

  test('a process that prints too much is killed', async () => {
    const { code, stdout, stderr } = await run('yes', [], { maxOutput: 100_000 })
    expect(code).toBe(124)
    expect(stdout.length + stderr.length).toBeLessThan(400_000)
  })

  test('environment and directory', async () => {
    const env = { PATH: process.env['PATH'], NAME: 'value' }
    expect(await run('sh', ['-c', 'echo "$NAME $HOME $PWD"'], { env, cwd: '/' })).toMatchObject({
      stdout: expect.stringMatching(/^value\s+\/\n$/),
    })
  })
})

test('a command that does not exist', async () => {
  await expect(exec('/nowhere/at-all', [])).rejects.toThrow('ENOENT')
  expect(await execTool('/nowhere/at-all', [])).toMatchObject({ code: 127, stdout: '' })
})

test('processes write private files, unless they write for the job; the umask does not change', async () => {
  const usual = process.umask(0o027)
  const dir = mkdtempSync(join(tmpdir(), 'umask-'))
  const umaskOf = async (options: { writesForJob?: boolean }) => {
    await waitForExit(startProcess('sh', ['-c', 'umask > seen'], { cwd: dir, ...options }))
    return Number.parseInt(readFileSync(join(dir, 'seen'), 'utf8'), 8)
  }
  const seen: number[] = []
  try {
    seen.push(await umaskOf({}), await umaskOf({ writesForJob: true }))
  } finally {
    rmSync(dir, { recursive: true })
    seen.push(process.umask(usual))
  }
  expect(seen).toEqual([0o077, jobUmask, 0o027])
})

test('processes get no secrets of builds, inputs and headers of telemetry; ssh gets only what it needs', () => {
  const planted = {
    NPM_TOKEN_OF_A_TEST: 'one',
    AWS_SECRET_OF_A_TEST: 'two',
    INPUT_PASSWORD: 'three',
    OTEL_EXPORTER_OTLP_HEADERS: 'four',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'five',
    OTHER_OF_A_TEST: 'six',
  }
  Object.assign(process.env, planted)
  try {
    withholdVariables(['NPM_TOKEN_OF_A_TEST', 'AWS_SECRET_OF_A_TEST', 'PATH'])
    const names = (env: Readonly<Record<string, unknown>>) => Object.keys(planted).filter((name) => name in env)
    // Credential helpers log in with the variables of a cloud.
    expect(names(inheritedEnv())).toEqual(['AWS_SECRET_OF_A_TEST', 'OTHER_OF_A_TEST'])
    expect(inheritedEnv()['PATH']).toBe(process.env['PATH'])
    expect(names(minimalEnv())).toEqual([])
  } finally {
    for (const name of Object.keys(planted)) Reflect.deleteProperty(process.env, name)
  }
})
