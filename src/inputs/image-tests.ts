import { tryParseJson } from '../lib/json.ts'
import { failFor, failEach, passes, type Fail } from './diagnostics.ts'
import type { Call } from './settings/limits.ts'
import type { InputSource } from './source.ts'
import { duration, parseTable } from './table.ts'

/** How the image of a variant is tested on every platform before a tag is updated. */
export interface ImageTests {
  /** Program and arguments that run in the image; undefined without `test`. */
  readonly command?: readonly string[]
  /** A stage of the Dockerfile that is built; undefined without `test-target`. */
  readonly stage?: string
  /** Milliseconds that the command, or one step of the stage, may take. */
  readonly timeout: number
}

/** The texts of the inputs, before they are parsed. */
export interface TestDraft {
  readonly test: string
  readonly testTarget: string
}

/** BuildKit reads lines of a Dockerfile up to 64 KiB; the command is one line. */
const longestCommand = 60_000

/** PURE: a command as a line of a Dockerfile: no text in it can end the line, start a heredoc or be expanded. */
export function renderCommand(command: readonly string[]): string {
  return JSON.stringify(command).replaceAll('<', '\\u003c')
}

/** Parses `test`, `test-target` and `test-timeout` for a variant. */
export function parseImageTests(
  { test, testTarget }: TestDraft,
  call: Call | undefined,
  source: InputSource,
): { readonly tests?: ImageTests } {
  const { timeout } = parseTable({ timeout: ['test-timeout', duration('10m', '30s` or `10m')] }, source)
  const failOf = (name: string, text: string) =>
    failFor(source.report, text === source.text(name) ? name : 'variants', text)
  const fail = failOf('test', test)
  const noBuild = `has no effect with \`call: ${call ?? ''}\`, which builds nothing: remove it`
  failEach(fail, [[test !== '' && call !== undefined, noBuild]])
  failEach(failOf('test-target', testTarget), [
    [testTarget !== '' && call !== undefined, noBuild],
    [/\s/.test(testTarget), 'is not the name of a stage: write one name, such as `unit-tests`'],
  ])
  if (test === '' && testTarget === '') return {}
  return {
    tests: {
      ...(test !== '' && { command: parseCommand(test, fail) }),
      ...(testTarget !== '' && { stage: testTarget }),
      timeout,
    },
  }
}

/** As in a Dockerfile: the exec form is a JSON array of strings, everything else is a script for the shell. */
function parseCommand(text: string, fail: Fail): readonly string[] {
  const parsed = text.startsWith('[') ? tryParseJson(text) : undefined
  const isExec = Array.isArray(parsed) && parsed.every((argument): argument is string => typeof argument === 'string')
  const command = isExec ? parsed : ['/bin/sh', '-ec', text]
  passes(fail, text, [
    [command[0] === undefined || command[0] === '', 'has no program: write `["/app", "--version"]`'],
    [
      renderCommand(command).length > longestCommand,
      'is longer than 60,000 characters: copy a script into the image, or use `test-target`',
    ],
  ])
  return command
}

/** A YAML list is the exec form too: `test: ["/app", "--version"]` in `variants` is a list. */
export function withTestCommand(variant: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { test } = variant
  return Array.isArray(test) ? { ...variant, test: JSON.stringify(test) } : variant
}
