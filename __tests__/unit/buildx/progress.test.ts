import { describe, expect, test } from '@jest/globals'
import { Progress } from '../../../src/buildx/progress.ts'

const t = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1000).toISOString()
const vertex = (fields: Record<string, unknown>) => JSON.stringify({ vertexes: [{ digest: 'sha256:a', ...fields }] })
const output = (text: string, digest = 'sha256:a') =>
  JSON.stringify({ logs: [{ vertex: digest, stream: 1, data: Buffer.from(text).toString('base64') }] })

function follow(ids: readonly string[], lines: readonly string[]) {
  const told: string[] = []
  const progress = new Progress(
    ids.map((id) => ({ id, label: id })),
    (line) => told.push(line),
  )
  lines.forEach((line) => progress.read(line))
  return { told, progress }
}

describe('Progress', () => {
  test('tells a step, its output and its end under the label of its target', () => {
    const name = '[arm 2/3] RUN make'
    const { told } = follow(
      ['arm', 'amd'],
      [
        vertex({ name, started: t(0) }),
        output('one\ntw'),
        output('o\n'),
        vertex({ name, started: t(0), completed: t(3.2) }),
      ],
    )
    expect(told).toEqual(['arm │ [2/3] RUN make', 'arm │ [2/3] one', 'arm │ [2/3] two', 'arm │ [2/3] done 3.2 s'])
  })

  test('one target in the call: bake writes no prefix', () => {
    const { told, progress } = follow(
      ['arm'],
      [vertex({ name: '[build 2/3] RUN make', started: t(0), completed: t(1), cached: true })],
    )
    expect(told).toEqual(['arm │ [build 2/3] RUN make CACHED'])
    expect(progress.steps('arm')).toEqual({ total: 1, cached: 1 })
  })

  test('a repeated vertex counts once, and stays cached once it was', () => {
    const name = '[2/3] RUN make'
    const { told, progress } = follow(
      ['arm'],
      [
        vertex({ name }),
        vertex({ name, started: t(0), completed: t(0), cached: true }),
        vertex({ name, started: t(0), completed: t(0) }),
      ],
    )
    expect(told).toEqual(['arm │ [2/3] RUN make CACHED'])
    expect(progress.steps('arm')).toEqual({ total: 1, cached: 1 })
  })

  test('FROM is no step that a cache can serve', () => {
    const { progress } = follow(
      ['arm'],
      [vertex({ name: '[1/3] FROM docker.io/library/busybox', started: t(0), completed: t(1) })],
    )
    expect(progress.steps('arm')).toEqual({ total: 0, cached: 0 })
  })

  test('a step shared by two targets of a call counts for both', () => {
    const { progress } = follow(
      ['a', 'b'],
      [
        vertex({ name: '[a 2/2] RUN x', started: t(0) }),
        vertex({ name: '[b 2/2] RUN x', started: t(0), completed: t(1) }),
      ],
    )
    expect(progress.steps('a')).toEqual({ total: 1, cached: 0 })
    expect(progress.steps('b')).toEqual({ total: 1, cached: 0 })
  })

  test('a step that several targets name runs once, and is cached for nobody', () => {
    const of = (digest: string, fields: Record<string, unknown>) =>
      JSON.stringify({ vertexes: [{ digest, ...fields }] })
    const { told, progress } = follow(
      ['a', 'b'],
      [
        of('1', { name: '[a base 2/2] RUN x', started: t(0), completed: t(3) }),
        of('2', { name: '[a base 2/2] RUN x', started: t(0), completed: t(3), cached: true }),
        of('3', { name: '[b base 2/2] RUN x', started: t(0), completed: t(0), cached: true }),
      ],
    )
    expect(progress.steps('a')).toEqual({ total: 1, cached: 0 })
    expect(progress.steps('b')).toEqual({ total: 1, cached: 1 })
    expect(told).toEqual(['a │ [base 2/2] RUN x', 'a │ [base 2/2] done 3.0 s', 'b │ [base 2/2] RUN x CACHED'])
  })

  test('a failed step: its error, its last lines, its target', () => {
    const name = '[arm 2/3] RUN make'
    const { told, progress } = follow(
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
    expect(told.at(-1)).toBe(
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

  test('a cache that is not there, or cannot be written, is no failure', () => {
    const { told, progress } = follow(
      ['arm'],
      [
        vertex({ name: 'importing cache manifest from r/a:b', completed: t(1), error: 'not found' }),
        JSON.stringify({
          vertexes: [{ digest: 'sha256:b', name: 'exporting cache to registry', completed: t(2), error: '503' }],
        }),
      ],
    )
    expect(told).toEqual([])
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
  ])('a cache that cannot be kept is no failure of the build: exporting %s', (what) => {
    const { progress, told } = follow(['arm'], [vertex({ name: `exporting ${what}`, completed: t(2), error: '503' })])
    expect([progress.failed(), progress.lostCaches().map(({ error }) => error), told]).toEqual([[], ['503'], []])
  })

  test('work inside BuildKit is told only if it took long', () => {
    const { told } = follow(
      ['arm'],
      [
        vertex({ name: 'exporting to image', started: t(0), completed: t(2.5) }),
        JSON.stringify({
          vertexes: [{ digest: 'sha256:b', name: '[internal] load build context', started: t(0), completed: t(0.2) }],
        }),
      ],
    )
    expect(told).toEqual(['arm │ exporting to image 2.5 s'])
  })

  test('work for the whole call bears the platform', () => {
    const told: string[] = []
    const progress = new Progress(
      [
        { id: 'a', label: 'linux/arm64 slim' },
        { id: 'b', label: 'linux/arm64 full' },
      ],
      (line) => told.push(line),
    )
    progress.read(vertex({ name: '[internal] booting buildkit', started: t(0), completed: t(2) }))
    expect(told).toEqual(['linux/arm64      │ [internal] booting buildkit 2.0 s'])
  })

  test('a line that rewrites itself is told in its last state', () => {
    const name = '[2/2] RUN x'
    const { told } = follow(['arm'], [vertex({ name, started: t(0) }), output('10%\r50%\r100%\r\n')])
    expect(told.at(-1)).toBe('arm │ [2/2] 100%')
  })

  test('what is printed after the end was told is told whole, and so is a last line without an end', () => {
    const name = '[2/2] RUN x'
    const { told, progress } = follow(
      ['arm'],
      [
        vertex({ name, started: t(0) }),
        output('one\nt'),
        vertex({ name, started: t(0), completed: t(1) }),
        output('wo\nthree'),
      ],
    )
    progress.end()
    expect(told).toEqual([
      'arm │ [2/2] RUN x',
      'arm │ [2/2] one',
      'arm │ [2/2] done 1.0 s',
      'arm │ [2/2] two',
      'arm │ [2/2] three',
    ])
  })

  test('a push is heard of when it begins, for the target whose it is', () => {
    const heard: string[] = []
    const progress = new Progress(
      [
        { id: 'amd', label: 'amd' },
        { id: 'arm', label: 'arm' },
      ],
      () => undefined,
      (target, digest) => heard.push(`${target} ${digest}`),
    )
    const digest = `sha256:${'1'.repeat(64)}`
    const status = (id: string) => JSON.stringify({ statuses: [{ id, vertex: 'sha256:a', started: t(1) }] })
    ;[
      vertex({ name: '[arm] exporting to image', started: t(0) }),
      status(`exporting manifest ${digest}`),
      status(`pushing manifest for r/acme/app@${digest}`),
    ].forEach((line) => progress.read(line))
    expect(heard).toEqual([`arm ${digest}`])
  })

  test('a character in two parts is one character', () => {
    const name = '[2/2] RUN x'
    const [head, tail] = [Buffer.from('caf\u00e9\n').subarray(0, 4), Buffer.from('caf\u00e9\n').subarray(4)]
    const logs = [head, tail].map((data) =>
      JSON.stringify({ logs: [{ vertex: 'sha256:a', stream: 1, data: data.toString('base64') }] }),
    )
    expect(follow(['arm'], [vertex({ name, started: t(0) }), ...logs]).told.at(-1)).toBe('arm │ [2/2] caf\u00e9')
  })

  test('a failed step told again as cancelled keeps its reason', () => {
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

  test('keeps only the tail of what a step prints and of what buildx says', () => {
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
    expect(progress.failed()[0]?.output).toHaveLength(20)
    expect(progress.failed()[0]?.output.at(-1)).toBe('499')
    expect(progress.output()).toHaveLength(30)
  })

  test('anything else on the stream is kept as words and breaks nothing', () => {
    const { told, progress } = follow(
      ['arm'],
      ['', '{', '{"vertexes":[null,{"name":3}],"logs":[{"vertex":"x"},7]}', '[]', 'ERROR: no builder'],
    )
    expect(told).toEqual([])
    expect(progress.output()).toEqual(['{', '[]', 'ERROR: no builder'])
  })

  test('what the checks of a Dockerfile found, for its target', () => {
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
})
