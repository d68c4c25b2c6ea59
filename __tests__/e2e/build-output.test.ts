import { beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Job, StepResult } from './runner.ts'
import { freshImage, leftovers, oneNodeInputs, tryRead, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'

const setup = useFarm()
let farm: Farm
let job: Job
let main: StepResult
let lines: readonly string[]
/** The peak memory of the action's process in kilobytes. */
let peak = 0

const total = 100_000
const commands = [
  '::error::boo',
  '::error file=a.ts,line=1::boo',
  '::set-output name=digest::stolen',
  '::save-state name=dir::/',
  '::stop-commands::x',
  '::add-mask::a',
  '  ::warning::boo',
  '##[error]boo',
  'before ##[error]boo',
  '##vso[task.complete]',
]

// Each kind of output has a step of its own, so that it is alone in the log.
const dockerfile = (base: string) => `FROM ${base}
COPY commands /commands
RUN seq ${total} | sed 's/.*/line & of many/'
RUN cat /commands; echo ::group::more >&2; printf 'cr\\r::error::boo\\n'; printf 'rewritten\\r::error::boo\\r\\n'
RUN printf '\\033[31mred\\033[0m\\n\\033]0;title\\007\\n\\033[2J\\033[Hcleared\\n'
RUN head -c 1000000 /dev/zero | tr '\\0' x; echo; \\
  printf 'caf\\303\\251 \\377\\376 \\303'; sleep 0.1; printf '\\251 end\\n'
RUN printf 'no newline at the end'
`

beforeAll(async () => {
  farm = setup.farm
  job = setup.job({ files: { Dockerfile: dockerfile(farm.images.base), commands: `${commands.join('\n')}\n` } })
  // BuildKit itself clips the output of a step after 2 MiB, or above 200 KiB/s.
  const unlimited = 'env.BUILDKIT_STEP_LOG_MAX_SIZE=-1\nenv.BUILDKIT_STEP_LOG_MAX_SPEED=-1'
  const running = job.start(
    oneNodeInputs(farm, {
      image: freshImage(farm),
      cache: 'off',
      'driver-opts': `image=${farm.images.buildkit}\nnetwork=host\n${unlimited}`,
    }),
  )
  const watch = setInterval(() => {
    peak = Number(/^VmHWM:\s*(\d+) kB/m.exec(tryRead(`/proc/${running.process.pid ?? 0}/status`))?.[1] ?? peak)
  }, 20)
  main = await running.result
  clearInterval(watch)
  lines = main.raw.split('\n')
  await job.post()
})

test('the build succeeds and leaves nothing behind', async () => {
  expect([main.code, main.code === 0 ? '' : main.log.slice(-2000)]).toEqual([0, ''])
  expect(await leftovers(farm, job)).toEqual([])
})

describe('100,000 lines', () => {
  test('are all logged in their order', () => {
    const numbers = lines.flatMap((line) => /^linux\/amd64 │ \[.*\] line (\d+) of many$/.exec(line)?.[1] ?? [])
    expect(numbers.length).toBe(total)
    expect(numbers.findIndex((number, index) => Number(number) !== index + 1)).toBe(-1)
  })

  test('need little memory', () => {
    expect(peak).toBeGreaterThan(20_000)
    // Kilobytes, of which Node's own program is 45,000; to keep all lines would take far more.
    expect(peak).toBeLessThan(100_000)
  })
})

describe('workflow commands in build output', () => {
  test('are logged and not executed', () => {
    expect([main.errors, main.warnings, main.outputs['digest']?.slice(0, 7)]).toEqual([[], [], 'sha256:'])
    expect(main.masks).not.toContain('a')
    expect(main.state['dir']).toContain(job.temp)
    const plain = lines.map((line) => line.replaceAll('\u200b', ''))
    for (const command of commands)
      expect({ command, lines: plain.filter((line) => line.endsWith(`] ${command}`)).length }).toEqual({
        command,
        lines: command === '::error::boo' ? 3 : 1,
      })
  })

  // https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs: `::` where a line begins, `##[`
  // anywhere
  test('occur in the log only where the action writes them', () => {
    const obeyed = lines
      .filter((line) => /^\s*::|##\[/.test(line))
      .filter((line) => !/^::(add-mask|debug)::/.test(line))
    expect(obeyed).toEqual([])
    expect(main.raw).not.toMatch(/\r(?!\n)/)
  })
})

describe('unusual build output', () => {
  test('colours and other escape sequences stay in their line', () => {
    expect(lines.filter((line) => line.includes('red\u001b[0m'))).toHaveLength(1)
    expect(main.raw).toContain('cleared')
  })

  test('a line of one megabyte is complete', () => {
    const long = lines.filter((line) => line.length > 100_000)
    expect(long.map((line) => /x+$/.exec(line)?.[0].length)).toEqual([1_000_000])
  })

  test('invalid UTF-8 does no harm, and a character may arrive in two parts', () => {
    expect(lines.filter((line) => /café \ufffd+ é end$/.test(line))).toHaveLength(1)
  })

  test('a last line without a newline is a line', () => {
    expect(lines.filter((line) => line.endsWith('] no newline at the end'))).toHaveLength(1)
  })
})

test('a runner that reads late receives everything', async () => {
  const late = setup.job()
  const running = late.start(
    oneNodeInputs(farm, {
      image: freshImage(farm),
      tags: Array.from({ length: 4000 }, (_, number) => `bad tag ${number}`).join('\n'),
    }),
  )
  running.process.stdout?.pause()
  // Enough time to exit for a process that does not wait until its output is read.
  await Promise.race([once(running.process, 'exit'), sleep(1500)])
  running.process.stdout?.resume()
  const { code, errors } = await running.result
  late.end()
  expect([code, errors[0]?.split('\n').length]).toEqual([1, 4001])
})
