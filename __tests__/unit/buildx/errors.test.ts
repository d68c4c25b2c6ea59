import { describe, expect, test } from '@jest/globals'
import { explainFailure, explainTimeout, failingTarget, type GroupFailure } from '../../../src/buildx/errors.ts'
import { explainLostCache } from '../../../src/buildx/lost-caches.ts'
import type { Target } from '../../../src/plan/target.ts'
import { OutputTail } from '../../../src/buildx/output-tail.ts'
import { failureCases } from './errors.cases.ts'

const failureOf = (fields: Partial<GroupFailure>): GroupFailure => ({
  target: 'linux/arm64 slim',
  node: 'arm',
  exitCode: 1,
  failed: [],
  output: [],
  lost: undefined,
  ...fields,
})
const step = (error: string, name = '[2/3] RUN make', output: readonly string[] = []) => ({
  target: 'arm',
  name,
  error,
  output,
})
const exitCode = (code: number) => `process "/bin/sh -c make" did not complete successfully: exit code: ${code}`

describe('explainFailure', () => {
  test('the table has at least 120 real errors', () => expect(failureCases.length).toBeGreaterThanOrEqual(120))

  test.each(failureCases.map((failure) => [failure.error.slice(0, 90), failure] as const))('%s', (_, failure) => {
    const { vertex, error, code, message, hint } = failure
    const failed = vertex === '' ? [] : [step(error, vertex, ['output'])]
    const explained = explainFailure(failureOf({ failed, output: vertex === '' ? [error] : [] }))
    expect([explained.code, explained.message]).toEqual([code, message === '…' ? explained.message : message])
    expect(explained.hint).toContain(hint)
    expect(explained.message.length).toBeLessThanOrEqual(100)
    expect(explained.details.length).toBeGreaterThan(0)
  })

  test('a node that is lost, or does not answer', () => {
    const failed = [step('rpc error: code = Unavailable desc = error reading from server: EOF')]
    const cut = explainFailure(failureOf({ lost: 'Timeout, server arm not responding.', failed }))
    expect(cut.message).toBe('The connection to node arm ended during the build of linux/arm64 slim')
    const hung = explainFailure(failureOf({ lost: 'no response over the open connection for 9 s', failed }))
    expect(hung.message).toBe('Node arm stopped answering during the build of linux/arm64 slim')
  })

  test('a server that refused a session: MaxSessions, only where a connection failed', () => {
    const explain = (error: string, lacksSessions: boolean) =>
      explainFailure(failureOf({ lacksSessions, failed: [step(error, '[internal] booting buildkit')] })).message
    expect(explain('error during connect: EOF', true)).toBe('arm allows too few SSH sessions: raise MaxSessions')
    expect(explain('error during connect: EOF', false)).not.toContain('MaxSessions')
    expect(explain(exitCode(1), true)).not.toContain('MaxSessions')
  })

  test('a missing secret: of a fork, of Dependabot, or not configured', () => {
    const hintOf = (withoutSecrets?: 'fork' | 'Dependabot') =>
      explainFailure(failureOf({ withoutSecrets, failed: [step('secret npm: not found')] })).hint
    expect(hintOf('fork')).toMatch(/^This run builds the code of a fork.*`fork-secrets: true`/)
    expect(hintOf('Dependabot')).toMatch(/^Dependabot triggered this run.*Dependabot secrets/)
    expect(hintOf()).toMatch(/^The step sets no secret with the id `npm`, or an empty one/)
  })

  test('a refused push names the login of that registry', () => {
    const pushLogins = new Map([
      ['a.example.com', 'job'],
      ['b.example.com', 'token'],
    ] as const)
    const error = 'failed to push b.example.com/app: unexpected status from POST request: 403 Forbidden'
    const { hint } = explainFailure(failureOf({ pushLogins, failed: [step(error, 'exporting to image')] }))
    expect(hint).toMatch(/^The login is the job token/)
  })

  test('an engine of the runner is not called a node', () => {
    const full = step(exitCode(1), undefined, ['cp: /x: no space left on device'])
    const { message, hint } = explainFailure(failureOf({ isRunner: true, failed: [full] }))
    expect([message, hint.slice(0, 15)]).toEqual([
      'This runner is out of disk space (linux/arm64 slim)',
      'On this runner,',
    ])
  })

  test('only the output of a step, not its command, indicates a full disk', () => {
    const name = '[2/3] RUN echo no space left on device; false'
    const command =
      'process "/bin/sh -c echo no space left on device; false" did not complete successfully: exit code: 1'
    expect(explainFailure(failureOf({ failed: [step(command, name)] })).code).toBe('build')
    const full = step(exitCode(1), undefined, ['cp: /x: no space left on device'])
    expect(explainFailure(failureOf({ failed: [full] })).message).toBe(
      'Node arm is out of disk space (linux/arm64 slim)',
    )
  })

  test.each([
    [
      'the cache container that two nodes create',
      'ContainerAlreadyExists',
      'busy',
      /^Another node is creating the storage container/,
    ],
    ['a key that is not accepted', 'AuthenticationFailed', 'cache', /^The cache of .* cannot be written$/],
  ])('an Azure cache reports its code in a line below its error: %s', (_, reason, code, message) => {
    const error = 'ERROR: failed to solve: failed to configure azblob cache exporter: failed to create container client'
    const output = [error, '----', 'RESPONSE 4xx', `ERROR CODE: ${reason}`, '----']
    expect(explainFailure(failureOf({ output }))).toMatchObject({
      code,
      message: expect.stringMatching(message) as unknown,
    })
  })

  test('no output at all', () => {
    expect(explainFailure(failureOf({ exitCode: 137 })).message).toContain('buildx exited with code 137')
  })

  test('a sibling that was cancelled is not the cause, and is listed', () => {
    const failed = [
      step(`${exitCode(137)}: context canceled`, '[1/3] RUN other'),
      step(exitCode(2)),
      step('context canceled', '[3/3] RUN other'),
      step('process "x" did not complete successfully: exit code: 4294967295', '[3/3] RUN another'),
    ]
    const failure = explainFailure(failureOf({ failed, cancelled: ['linux/arm64 full'] }))
    expect(failure.message).toBe('linux/arm64 slim: [2/3] RUN make failed: exit code: 2')
    expect(failure.details.at(-1)).toBe('Cancelled because of this failure: linux/arm64 full')
  })

  test('the kept lines of a step are in the details', () => {
    const tail = new OutputTail()
    for (let line = 0; line < 500; line++) tail.push(line === 100 ? 'error: the cause' : `line ${line}`)
    const { details } = explainFailure(failureOf({ failed: [step(exitCode(1), undefined, tail.lines())] }))
    expect([details[0], details.length, details.at(-1)]).toEqual(['error: the cause', 31, 'line 499'])
  })

  test('a step that printed nothing', () => {
    const silent = explainFailure(failureOf({ failed: [step(exitCode(1), undefined, [' '])] }))
    expect(silent.details).toEqual(['The step printed nothing.'])
    expect(silent.hint).toBe('To see which command of the step failed, begin it with `RUN set -x;`.')
    const { hint } = explainFailure(failureOf({ failed: [step(exitCode(1), undefined, ['no'])] }))
    expect(hint).toMatch(/^The lines above are from the output of the step\./)
  })

  test('a long step name is shortened; the exit code stays', () => {
    const { message } = explainFailure(
      failureOf({ failed: [step(exitCode(2), `[2/3] RUN ${'make && '.repeat(40)}true`)] }),
    )
    expect(message).toHaveLength(100)
    expect(message).toMatch(/^linux\/arm64 slim: \[2\/3\] RUN make .*… failed: exit code: 2$/)
  })
})

test('a cache without credentials is explained; any other error is passed on', () => {
  const error =
    'operation error S3: HeadObject, exceeded maximum number of attempts, 3, get identity: get credentials: ' +
    'failed to refresh cached credentials, no EC2 IMDS role found'
  expect(explainLostCache(error)).toMatch(/^no credentials for S3 .*: operation error S3/)
  expect(explainLostCache('operation error S3: HeadObject, https response error StatusCode: 403')).toBe(
    'operation error S3: HeadObject, https response error StatusCode: 403',
  )
})

describe('a test of an image that fails', () => {
  const explain = (code: number, output: readonly string[]) =>
    explainFailure(failureOf({ failedStep: 'test', failed: [step(exitCode(code), '[test] make', output)] }))

  test.each([
    [3, ['one'], 'The test of linux/arm64 slim failed with exit code: 3', /No tag was updated/],
    [137, [], 'The test of linux/arm64 slim failed with exit code: 137', /killed a process/],
    [
      1,
      ['runc run failed: unable to start container process: exec: "x": executable file not found in $PATH'],
      'The test of linux/arm64 slim cannot start',
      /JSON array/,
    ],
    [255, ['exec /app: exec format error'], 'The test of linux/arm64 slim cannot start', /JSON array/],
  ] as const)('exit code %s with %j', (code, output, message, hint) => {
    const { message: actual, hint: actualHint, details, code: kind } = explain(code, output)
    expect([kind, actual]).toEqual(['build', message])
    expect(actualHint).toMatch(hint)
    expect(details).toEqual(output.length > 0 ? output : ['The test printed nothing.'])
  })

  test.each([
    ['/bin/sh -ec a\\nb', ['one'], /^No tag was updated\. The lines above .* If it does not show .* `set -x`/],
    ['/bin/sh -ec a\\nb', [], /^No tag was updated\. To see which command of the test failed, write `set -x` in the/],
    [
      '/app --version',
      ['one'],
      /^No tag was updated\. The lines above are the end of its output; the log has all of it\.$/,
    ],
    ['/app --version', [], /^No tag was updated\.$/],
  ])('the hint helps to find the command that failed: %s, %j', (command, output, expected) => {
    const error = `ERROR: failed to solve: process "${command}" did not complete successfully: exit code: 1`
    const failed = [step(error, '[test] x', output)]
    expect(explainFailure(failureOf({ failedStep: 'test', failed })).hint).toMatch(expected)
  })

  test('a headline stays within 100 characters, however long the name of the variant is', () => {
    const { message } = explainFailure(
      failureOf({
        failedStep: 'test',
        target: `linux/arm64 ${'v'.repeat(63)}`,
        failed: [step(exitCode(3), '[test] x')],
      }),
    )
    expect(message.length).toBeLessThanOrEqual(100)
    expect(message).toMatch(/exit code: 3$/)
  })

  test('one that takes too long', () => {
    const timeout = { target: {} as Target, limit: 90_000, output: ['waiting'] }
    expect(explainTimeout(timeout, 'linux/arm64 slim')).toMatchObject({
      code: 'build',
      message: 'The test of linux/arm64 slim did not end within 1 min 30 s',
      details: ['waiting'],
    })
  })
})

test('an error of buildx counts more than vertexes that were cancelled because of it', () => {
  const output = ['ERROR: target arm--stage: failed to solve: target stage "x" could not be found']
  const failed = [step('context canceled', '[internal] load metadata for r.example/a')]
  expect(explainFailure(failureOf({ failed, output }))).toMatchObject({
    code: 'build',
    message: 'linux/arm64 slim: target stage "x" could not be found',
  })
  expect(failingTarget(failed, output)).toBe('arm--stage')
  expect(failingTarget([], ['ERROR: failed to solve: x'])).toBeUndefined()
  expect(failingTarget([step('exit code: 1')], output)).toBe('arm')
})
