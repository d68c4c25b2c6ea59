import { describe, expect, test } from '@jest/globals'
import { Progress } from '../../../src/buildx/progress.ts'

const t = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1000).toISOString()
const vertex = (fields: Record<string, unknown>) => JSON.stringify({ vertexes: [{ digest: 'sha256:a', ...fields }] })
const output = (text: string, digest = 'sha256:a') =>
  JSON.stringify({ logs: [{ vertex: digest, stream: 1, data: Buffer.from(text).toString('base64') }] })

function follow(ids: readonly string[], lines: readonly string[]) {
  const logged: string[] = []
  const progress = new Progress(
    ids.map((id) => ({ id, label: id })),
    (line) => logged.push(line),
  )
  lines.forEach((line) => progress.read(line))
  return { logged, progress }
}

describe('Progress', () => {
  test('logs a step, its output and its end under the label of its target', () => {
    const name = '[arm 2/3] RUN make'
    const { logged } = follow(
      ['arm', 'amd'],
      [
        vertex({ name, started: t(0) }),
        output('one\ntw'),
        output('o\n'),
        vertex({ name, started: t(0), completed: t(3.2) }),
      ],
    )
    expect(logged).toEqual(['arm │ [2/3] RUN make', 'arm │ [2/3] one', 'arm │ [2/3] two', 'arm │ [2/3] done 3.2 s'])
  })

  test('one target in the call: bake writes no prefix', () => {
    const { logged, progress } = follow(
      ['arm'],
      [vertex({ name: '[build 2/3] RUN make', started: t(0), completed: t(1), cached: true })],
    )
    expect(logged).toEqual(['arm │ [build 2/3] RUN make CACHED'])
    expect(progress.measure('arm').steps).toEqual({ total: 1, cached: 1 })
  })

  test('a repeated vertex counts once, and stays cached once it was', () => {
    const name = '[2/3] RUN make'
    const { logged, progress } = follow(
      ['arm'],
      [
        vertex({ name }),
        vertex({ name, started: t(0), completed: t(0), cached: true }),
        vertex({ name, started: t(0), completed: t(0) }),
      ],
    )
    expect(logged).toEqual(['arm │ [2/3] RUN make CACHED'])
    expect(progress.measure('arm').steps).toEqual({ total: 1, cached: 1 })
  })

  test('FROM is not a step that a cache can serve', () => {
    const { progress } = follow(
      ['arm'],
      [vertex({ name: '[1/3] FROM docker.io/library/busybox', started: t(0), completed: t(1) })],
    )
    expect(progress.measure('arm').steps).toEqual({ total: 0, cached: 0 })
  })

  test('a step shared by two targets of a call counts for both', () => {
    const { progress } = follow(
      ['a', 'b'],
      [
        vertex({ name: '[a 2/2] RUN x', started: t(0) }),
        vertex({ name: '[b 2/2] RUN x', started: t(0), completed: t(1) }),
      ],
    )
    expect(progress.measure('a').steps).toEqual({ total: 1, cached: 0 })
    expect(progress.measure('b').steps).toEqual({ total: 1, cached: 0 })
  })

  test('a step that several targets name runs once, and is not a cache hit', () => {
    const of = (digest: string, fields: Record<string, unknown>) =>
      JSON.stringify({ vertexes: [{ digest, ...fields }] })
    const { logged, progress } = follow(
      ['a', 'b'],
      [
        of('1', { name: '[a base 2/2] RUN x', started: t(0), completed: t(3) }),
        of('2', { name: '[a base 2/2] RUN x', started: t(0), completed: t(3), cached: true }),
        of('3', { name: '[b base 2/2] RUN x', started: t(0), completed: t(0), cached: true }),
      ],
    )
    expect(progress.measure('a').steps).toEqual({ total: 1, cached: 0 })
    expect(progress.measure('b').steps).toEqual({ total: 1, cached: 1 })
    expect(logged).toEqual(['a │ [base 2/2] RUN x', 'a │ [base 2/2] done 3.0 s', 'b │ [base 2/2] RUN x CACHED'])
  })

  test('a failed step: its error, its last lines, its target', () => {
    const name = '[arm 2/3] RUN make'
    const { logged, progress } = follow(
      ['arm', 'amd'],
      [
        vertex({ name, started: t(0) }),
        output('boom\n'),
        vertex({
          name,
          started: t(0),
          completed: t(1),
          error: 'process "/bin/sh -c make" did not complete successfully: exit code: 2',
        }),
      ],
    )
    expect(logged.at(-1)).toBe(
      'arm │ [2/3] FAILED: process "/bin/sh -c make" did not complete successfully: exit code: 2',
    )
    expect(progress.failed()).toEqual([
      {
        target: 'arm',
        name: '[2/3] RUN make',
        error: 'process "/bin/sh -c make" did not complete successfully: exit code: 2',
        output: ['boom'],
      },
    ])
  })

  test('a cache that does not exist, or cannot be written, is not a failure', () => {
    const { logged, progress } = follow(
      ['arm'],
      [
        vertex({ name: 'importing cache manifest from r/a:b', completed: t(1), error: 'not found' }),
        JSON.stringify({
          vertexes: [{ digest: 'sha256:b', name: 'exporting cache to registry', completed: t(2), error: '503' }],
        }),
      ],
    )
    expect(logged).toEqual([])
    expect(progress.failed()).toEqual([])
    expect(progress.lostCaches()).toMatchObject([{ target: 'arm', error: '503' }])
  })

  test.each([
    'cache to registry',
    'to GitHub Actions Cache',
    'cache to Amazon S3',
    'cache to Azure Blob Storage',
    'cache to client directory',
    'inline cache',
  ])('a cache that cannot be exported does not fail the build: exporting %s', (what) => {
    const { progress, logged } = follow(['arm'], [vertex({ name: `exporting ${what}`, completed: t(2), error: '503' })])
    expect([progress.failed(), progress.lostCaches().map(({ error }) => error), logged]).toEqual([[], ['503'], []])
  })

  test('work inside BuildKit is logged only if it took long', () => {
    const { logged } = follow(
      ['arm'],
      [
        vertex({ name: 'exporting to image', started: t(0), completed: t(2.5) }),
        JSON.stringify({
          vertexes: [{ digest: 'sha256:b', name: '[internal] load build context', started: t(0), completed: t(0.2) }],
        }),
      ],
    )
    expect(logged).toEqual(['arm │ exporting to image 2.5 s'])
  })

  test('work for the whole call has the platform as its label', () => {
    const logged: string[] = []
    const progress = new Progress(
      [
        { id: 'a', label: 'linux/arm64 slim' },
        { id: 'b', label: 'linux/arm64 full' },
      ],
      (line) => logged.push(line),
    )
    progress.read(vertex({ name: '[internal] booting buildkit', started: t(0), completed: t(2) }))
    expect(logged).toEqual(['linux/arm64      │ [internal] booting buildkit 2.0 s'])
  })

  test('a line that rewrites itself is logged in its last state', () => {
    const name = '[2/2] RUN x'
    const { logged } = follow(['arm'], [vertex({ name, started: t(0) }), output('10%\r50%\r100%\r\n')])
    expect(logged.at(-1)).toBe('arm │ [2/2] 100%')
  })

  test('output after the end of a step is logged completely, and so is a last line without a line end', () => {
    const name = '[2/2] RUN x'
    const { logged, progress } = follow(
      ['arm'],
      [
        vertex({ name, started: t(0) }),
        output('one\nt'),
        vertex({ name, started: t(0), completed: t(1) }),
        output('wo\nthree'),
      ],
    )
    progress.end()
    expect(logged).toEqual([
      'arm │ [2/2] RUN x',
      'arm │ [2/2] one',
      'arm │ [2/2] done 1.0 s',
      'arm │ [2/2] two',
      'arm │ [2/2] three',
    ])
  })

  test('a push is reported when it starts, for its target', () => {
    const reported: string[] = []
    const progress = new Progress(
      [
        { id: 'amd', label: 'amd' },
        { id: 'arm', label: 'arm' },
      ],
      () => undefined,
      (target, digest) => reported.push(`${target} ${digest}`),
    )
    const digest = `sha256:${'1'.repeat(64)}`
    const status = (id: string) => JSON.stringify({ statuses: [{ id, vertex: 'sha256:a', started: t(1) }] })
    ;[
      vertex({ name: '[arm] exporting to image', started: t(0) }),
      status(`exporting manifest ${digest}`),
      status(`pushing manifest for r/acme/app@${digest}`),
    ].forEach((line) => progress.read(line))
    expect(reported).toEqual([`arm ${digest}`])
  })

  test('a character in two parts is one character', () => {
    const name = '[2/2] RUN x'
    const [head, tail] = [Buffer.from('caf\u00e9\n').subarray(0, 4), Buffer.from('caf\u00e9\n').subarray(4)]
    const logs = [head, tail].map((data) =>
      JSON.stringify({ logs: [{ vertex: 'sha256:a', stream: 1, data: data.toString('base64') }] }),
    )
    expect(follow(['arm'], [vertex({ name, started: t(0) }), ...logs]).logged.at(-1)).toBe('arm │ [2/2] caf\u00e9')
  })

  test('a failed step that is reported again as cancelled keeps its error', () => {
    const name = '[2/2] COPY x /'
    const { progress } = follow(
      ['arm'],
      [
        vertex({ name, completed: t(1), error: '"/x": not found' }),
        vertex({ name, completed: t(2), error: 'context canceled: context canceled' }),
      ],
    )
    expect(progress.failed().map(({ error }) => error)).toEqual(['"/x": not found'])
  })

  test('keeps only the tail of what a step and buildx print', () => {
    const name = '[2/2] RUN x'
    const { progress } = follow(
      ['arm'],
      [
        vertex({ name, started: t(0) }),
        ...Array.from({ length: 500 }, (_, i) => output(`${i}\n`)),
        ...Array.from({ length: 500 }, (_, i) => `word ${i}`),
        vertex({ name, completed: t(1), error: 'bad' }),
      ],
    )
    expect(progress.failed()[0]?.output).toHaveLength(30)
    expect(progress.failed()[0]?.output.at(-1)).toBe('499')
    expect(progress.output()).toHaveLength(30)
  })

  test('any other text is kept as the output of buildx', () => {
    const { logged, progress } = follow(
      ['arm'],
      ['', '{', '{"vertexes":[null,{"name":3}],"logs":[{"vertex":"x"},7]}', '[]', 'ERROR: no builder'],
    )
    expect(logged).toEqual([])
    expect(progress.output()).toEqual(['{', '[]', 'ERROR: no builder'])
  })

  test('the results of the Dockerfile checks, for their target', () => {
    const short = 'JSONArgsRecommended: JSON arguments recommended for CMD (line 3)'
    const warning = {
      vertex: 'sha256:a',
      level: 1,
      short: Buffer.from(short).toString('base64'),
      url: 'https://docs.docker.com/x',
      range: [{ start: { line: 3 } }],
    }
    const { progress } = follow(
      ['amd', 'arm'],
      [
        vertex({ name: '[arm internal] load build definition from Dockerfile' }),
        JSON.stringify({ warnings: [warning, { vertex: 'sha256:b' }] }),
      ],
    )
    expect(progress.warnings()).toEqual([
      {
        vertex: 'sha256:a',
        target: 'arm',
        rule: 'JSONArgsRecommended',
        message: 'JSON arguments recommended for CMD',
        url: 'https://docs.docker.com/x',
        line: 3,
      },
      { vertex: 'sha256:b', rule: '', message: '', url: '' },
    ])
  })

  test('a step that BuildKit cancelled is logged as cancelled', () => {
    const name = '[2/2] RUN x'
    const error = 'process "/bin/sh -c x" did not complete successfully: exit code: 4294967295'
    const { logged } = follow(['arm'], [vertex({ name, started: t(0), completed: t(1), error })])
    expect(logged.at(-1)).toBe('arm │ [2/2] CANCELLED')
  })

  test('FROM is done when its layers were pulled, not when it was resolved', () => {
    const name = '[1/2] FROM docker.io/library/busybox'
    const { logged } = follow(
      ['arm'],
      [
        vertex({ name, started: t(0), completed: t(0.01) }),
        vertex({ name, started: t(1) }),
        vertex({ name, started: t(1), completed: t(4.5) }),
      ],
    )
    expect(logged).toEqual(['arm │ [1/2] FROM docker.io/library/busybox', 'arm │ [1/2] done 3.5 s'])
  })

  test('a transfer of more than a second: bytes, time and rate, once all parts are complete', () => {
    const name = '[1/2] FROM docker.io/library/busybox'
    const part = (digit: string, current: number, fields: Record<string, unknown>) =>
      JSON.stringify({ statuses: [{ vertex: 'sha256:a', id: `sha256:${digit.repeat(64)}`, current, ...fields }] })
    const { logged } = follow(
      ['arm'],
      [
        vertex({ name, started: t(0) }),
        part('1', 10e6, { started: t(0) }),
        part('2', 20e6, { started: t(0.5), completed: t(1.5) }),
        part('1', 40e6, { started: t(0), completed: t(3) }),
        part('3', 5e6, { started: t(3), completed: t(3.2) }),
      ],
    )
    expect(logged.slice(1)).toEqual(['arm │ [1/2] pulled 60 MB in 3.0 s (20 MB/s)'])
  })

  test('the build context and pushed layers are transfers too', () => {
    const context = JSON.stringify({
      statuses: [{ vertex: 'sha256:a', id: 'transferring context:', current: 62e6, started: t(0), completed: t(2) }],
    })
    expect(follow(['arm'], [vertex({ name: '[internal] load build context', started: t(0) }), context]).logged).toEqual(
      ['arm │ [internal] load build context sent 62 MB in 2.0 s (31 MB/s)'],
    )
    const push = JSON.stringify({
      statuses: [{ vertex: 'sha256:a', id: 'pushing layers', started: t(0), completed: t(12) }],
    })
    expect(follow(['arm'], [vertex({ name: 'exporting to image', started: t(0) }), push]).logged).toEqual([
      'arm │ exporting to image pushed layers in 12.0 s',
    ])
  })

  test('a vertex that prints nothing for half a minute gets a line, and again half a minute later', () => {
    const { logged, progress } = follow(['arm'], [vertex({ name: '[2/2] RUN make', started: t(0) })])
    const start = performance.now()
    for (const seconds of [10, 31, 40, 62]) progress.heartbeat(start + seconds * 1000)
    expect(logged.slice(1)).toEqual(['arm │ [2/2] RUN make: running for 31.0 s', expect.stringMatching(/1 min 2 s$/)])
    progress.read(vertex({ name: '[2/2] RUN make', started: t(0), completed: t(70) }))
    expect(logged.at(-1)).toBe('arm │ [2/2] done 1 min 10 s')
    progress.heartbeat(start + 200_000)
    expect(logged.at(-1)).toMatch(/^arm │ waiting for buildx: no output for 3 min (?:19|20) s$/)
    expect(progress.running(start)).toEqual([])
  })
})

test('a transfer that takes long: bytes so far, and the rate', () => {
  const context = JSON.stringify({
    statuses: [{ vertex: 'sha256:a', id: 'transferring context:', current: 60e6, started: t(0) }],
  })
  const { logged, progress } = follow(
    ['arm'],
    [vertex({ name: '[internal] load build context', started: t(0) }), context],
  )
  expect(progress.running(0)).toMatchObject([{ parts: ['transferring context:'] }])
  progress.heartbeat(performance.now() + 40_000)
  expect(logged).toEqual(['arm │ [internal] load build context: running for 40.0 s, 60 MB so far (1.5 MB/s)'])
})

test('the time of a target is that of its own vertexes', () => {
  const { progress } = follow(
    ['arm', 'amd'],
    [
      vertex({ digest: 'sha256:1', name: '[arm 1/2] FROM x', started: t(0), completed: t(1) }),
      vertex({ digest: 'sha256:2', name: '[arm 2/2] RUN a', started: t(1), completed: t(4.5) }),
      vertex({ digest: 'sha256:3', name: '[amd 2/2] RUN b', started: t(2), completed: t(60) }),
    ],
  )
  const took = (target: string) => {
    const { whole } = progress.measure(target)
    return whole && whole.end - whole.start
  }
  expect([took('arm'), took('amd'), took('other')]).toEqual([4500, 58_000, undefined])
})

describe('the command of `test`', () => {
  const targets = [
    { id: 'arm', label: 'linux/arm64' },
    { id: 'arm--test', label: 'linux/arm64', command: 'make check' },
    { id: 'arm--stage', label: 'linux/arm64' },
  ]
  const named = (name: string, digest: string, fields: Record<string, unknown> = {}) =>
    vertex({ digest, name, started: t(0), ...fields })
  const played = (lines: readonly string[]) => {
    const logged: string[] = []
    const progress = new Progress(targets, (line) => logged.push(line))
    lines.forEach((line) => progress.read(line))
    return { logged, progress }
  }
  const runs = [
    named('[arm 2/2] RUN make', 'image', { completed: t(2) }),
    // BuildKit reports the steps of the image again for the target that tests it.
    named('[arm--test 2/2] RUN make', 'image', { completed: t(2), cached: true }),
    named('[arm--test internal] load .dockerignore', 'other', { completed: t(9) }),
    named('[arm--test test-of-image 2/2] RUN ["make","check"]', 'test'),
    output('fine\nünd', 'test'),
    named('[arm--test test-of-image 2/2] RUN ["make","check"]', 'test', { completed: t(3) }),
  ]

  test('is logged under the label of the image, and steps of the image only once', () => {
    const { logged, progress } = played(runs)
    progress.end()
    expect(logged).toEqual([
      'linux/arm64 │ [2/2] RUN make',
      'linux/arm64 │ [2/2] done 2.0 s',
      'linux/arm64 │ [test] make check',
      'linux/arm64 │ [test] fine',
      'linux/arm64 │ [test] done 3.0 s',
      'linux/arm64 │ [test] ünd',
    ])
    const took = (id: string) => {
      const { whole } = progress.measure(id)
      return whole && whole.end - whole.start
    }
    expect([progress.measure('arm').steps, took('arm'), took('arm--test')]).toEqual([
      { total: 1, cached: 0 },
      2000,
      3000,
    ])
    expect([progress.captured('arm'), progress.captured('arm--test')]).toEqual(['', 'fine\nünd'])
  })

  test('a step of the stage and of the image has one label', () => {
    const { logged } = played([
      named('[arm build 1/1] RUN make', 'image'),
      named('[arm--stage build 1/1] RUN make', 'image', { completed: t(1) }),
    ])
    expect(logged).toEqual(['linux/arm64 │ [build 1/1] RUN make', 'linux/arm64 │ [build 1/1] done 1.0 s'])
  })

  test('triggers of the image and failures are shown', () => {
    const { progress } = played([
      named('[arm--test test-of-image 2/3] ONBUILD RUN x', 'trigger', { completed: t(1), error: 'exit code: 1' }),
      named('[arm--test build 1/1] RUN y', 'image', { completed: t(1), error: 'exit code: 2' }),
    ])
    expect(progress.failed().map(({ name }) => name)).toEqual([
      '[test-of-image 2/3] ONBUILD RUN x',
      '[build 1/1] RUN y',
    ])
  })

  test('what is running has its targets and its last output', () => {
    const { progress } = played(runs.slice(0, 5))
    expect(progress.running(performance.now())).toMatchObject([
      { name: '[test] make check', targets: ['arm--test'], output: ['fine'] },
    ])
  })
})
