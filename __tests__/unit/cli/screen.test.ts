import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { TargetState } from '../../../src/buildx/live.ts'
import { displayWidth, renderFrame, type ShownTarget } from '../../../src/cli/frame.ts'
import { canShowView, Screen } from '../../../src/cli/screen.ts'
import { TestTerminal } from './terminal.ts'

const target = (id: string, more: Partial<ShownTarget> = {}): ShownTarget => ({
  id,
  label: `linux/${id}`,
  node: `${id}-node`,
  state: 'running',
  step: '[build 2/5] RUN make all install',
  took: 12_345,
  cached: 1,
  total: 3,
  sent: 0,
  rate: 4_500_000,
  ...more,
})

describe('a frame', () => {
  const both = [
    target('amd64'),
    target('arm64', { state: 'done', step: '', rate: 0, took: 70_000, cached: 5, total: 5 }),
  ]

  test('has one line per target: node, step, time, cached steps, upload', () => {
    expect(renderFrame(both, { columns: 100, rows: 24 })).toEqual(
      [
        'linux/amd64  amd64-node  [build 2/5] RUN make all install          12.3 s     1/3 cached   ↑ 4.5 MB/s',
        'linux/arm64  arm64-node  done                                  1 min 10 s     5/5 cached             ',
      ].map((line) =>
        expect.stringMatching(new RegExp(`^${line.replace(/[[\]()/.]/g, '\\$&').replace(/ {2,}/g, ' +')}$`)),
      ),
    )
  })

  test.each([24, 30, 49, 50, 69, 70, 89, 90, 200])('never reaches the last of %i columns', (columns) => {
    const steps = [
      'RUN echo 構築しています構築しています構築しています',
      '🚀'.repeat(80),
      'x'.repeat(500),
      'a\u0301'.repeat(100),
    ]
    const targets = steps.map((step, index) => target(String(index), { step: `[1/2] ${step}` }))
    for (const line of renderFrame(targets, { columns, rows: 24 })) expect(displayWidth(line)).toBeLessThan(columns)
    const [narrow = ''] = renderFrame(both, { columns, rows: 24 })
    expect(narrow).toContain('linux/amd64')
    expect(narrow).toContain('12.3 s')
  })

  test('a low terminal shows failed and running targets, and how many others there are', () => {
    const many = Array.from({ length: 60 }, (_, index) =>
      target(`t${index}`, { state: index < 50 ? 'done' : 'running' }),
    )
    const frame = renderFrame([...many, target('bad', { state: 'failed' })], { columns: 80, rows: 10 })
    expect(frame).toHaveLength(8)
    expect(frame.filter((line) => line.includes('linux/bad'))).toHaveLength(1)
    expect(frame.filter((line) => line.includes(' done '))).toEqual([])
    expect(frame.at(-1)).toBe('… and 54 more')
  })

  test.each([
    { columns: 23, rows: 24 },
    { columns: 80, rows: 3 },
    { columns: 0, rows: 0 },
  ])('there is none on a terminal of $columns × $rows', (size) => {
    expect(renderFrame(both, size)).toEqual([])
  })

  test('no text of a build moves the cursor', () => {
    const hostile = '\x1b[2J\x1b]0;title\x07\r\n\u202e\x9b5A'
    const [line = ''] = renderFrame([target(hostile, { step: hostile, node: hostile })], { columns: 200, rows: 24 })
    expect(line).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/)
  })
})

test.each([
  [{}, {}, true],
  [{ isTTY: false }, {}, false],
  [{}, { CI: 'true' }, false],
  [{}, { CI: '' }, true],
  [{}, { TERM: 'dumb' }, false],
  [{}, { BUILDKIT_PROGRESS: 'plain' }, false],
])('whether the view is shown: %j %j', (stream, env, expected) => {
  expect(canShowView({ isTTY: true, ...stream }, env)).toBe(expected)
})

describe('the screen', () => {
  beforeEach(() => void jest.useFakeTimers())
  afterEach(() => void jest.useRealTimers())

  const state = (id: string, more: Partial<TargetState> = {}): TargetState => target(id, more)

  test('log lines scroll above the view, which follows them; at the end only the log stays', () => {
    const terminal = new TestTerminal(100)
    const screen = new Screen(terminal, {})
    screen.print('amd: Docker 28.5')
    screen.update([state('amd64'), state('arm64')])
    jest.advanceTimersByTime(100)
    expect(terminal.lines.map((line) => line.slice(0, 16).trim())).toEqual([
      'amd: Docker 28.5',
      'linux/amd64  amd',
      'linux/arm64  arm',
      '',
    ])
    screen.print('linux/amd64 │ done')
    jest.advanceTimersByTime(100)
    expect(terminal.lines[1]).toBe('linux/amd64 │ done')
    expect(terminal.lines).toHaveLength(5)
    screen.print('Took 10 s.')
    screen.close()
    expect(terminal.lines).toEqual(['amd: Docker 28.5', 'linux/amd64 │ done', 'Took 10 s.', ''])
  })

  test('a terminal that becomes narrower keeps nothing of an older view', () => {
    const terminal = new TestTerminal(100)
    const screen = new Screen(terminal, { NO_COLOR: '1' })
    screen.print('first')
    screen.update([state('amd64'), state('arm64')])
    jest.advanceTimersByTime(100)
    terminal.resize(40)
    jest.advanceTimersByTime(100)
    expect(terminal.lines.filter((line) => line.startsWith('linux/'))).toHaveLength(2)
    screen.close()
    expect(terminal.lines).toEqual(['first', ''])
  })

  test('a flood of lines is written in few pieces, and waits for the terminal', () => {
    const terminal = new TestTerminal(80)
    const screen = new Screen(terminal, {})
    const write = jest.spyOn(terminal, 'write')
    const accepted = Array.from({ length: 100_000 }, (_, index) => screen.print(`line ${index}`))
    expect(accepted.every(Boolean)).toBe(true)
    expect(write.mock.calls.length).toBeLessThan(201)
    terminal.accepts = false
    expect(Array.from({ length: 500 }, () => screen.print('more')).at(-1)).toBe(false)
    screen.close()
    expect(terminal.lines).toHaveLength(100_501)
  })

  test('a line keeps its colors, and nothing else that it would do to the terminal', () => {
    const terminal = new TestTerminal(80)
    const written: string[] = []
    jest.spyOn(terminal, 'write').mockImplementation((text) => written.push(text) > 0)
    const screen = new Screen(terminal, {})
    screen.print('\x1b[31mred\x1b[0m \x1b[2J\x1b[10A\x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1bc\x9b2J\b\rend')
    screen.close()
    expect(written).toEqual(['\x1b[31mred\x1b[0m link2Jend\x1b[0m\n'])
  })

  test('the upload rate is measured between two reports', () => {
    const terminal = new TestTerminal(120)
    const screen = new Screen(terminal, {})
    for (let second = 0; second <= 20; second++)
      screen.update([state('amd64', { sent: second * 2_000_000 })], second * 1000)
    jest.advanceTimersByTime(100)
    expect(terminal.lines[0]).toContain('↑ 2.0 MB/s')
    screen.update([state('amd64', { state: 'done', sent: 42_000_000 })], 21_000)
    jest.advanceTimersByTime(100)
    expect(terminal.lines[0]).not.toContain('MB/s')
    screen.close()
  })
})
