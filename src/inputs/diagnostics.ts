import { InputError, shorten, type InputIssue, type IssueSink } from '../lib/issues.ts'

/** Reports an issue of one input; `given` is quoted, by default what `failFor` got. */
export type Fail = (expected: string, given?: string) => void

/** A condition that makes a value invalid, and the message for it. */
export type Problem = readonly [applies: boolean, expected: string]

/** Reports the first problem that applies; returns whether there was none. */
export function passes(fail: Fail, given: string | undefined, problems: readonly Problem[]): boolean {
  const problem = problems.find(([applies]) => applies)
  if (problem) fail(problem[1], given)
  return problem === undefined
}

/** Reports every problem that applies. */
export function failEach(fail: Fail, problems: readonly Problem[]): void {
  for (const [applies, expected] of problems) if (applies) fail(expected)
}

/** Makes the `Fail` of an input; `given` is what the issue quotes unless a call names something else. */
export function failFor(report: IssueSink, input: string, given?: string): Fail {
  return (expected, value = given) => report({ input, ...(value !== undefined && { given: shorten(value) }), expected })
}

/** Inputs that contradict others, or have no effect beside them: which, if the condition applies, and the message. */
type Conflict = readonly [applies: boolean, inputs: readonly string[], expected: string]

interface ConflictSource {
  readonly text: (input: string) => string
  readonly report: IssueSink
}

/** Reports each of these inputs that is given; flags only if they are set. */
export function failConflicts({ text, report }: ConflictSource, conflicts: readonly Conflict[]): void {
  for (const [applies, inputs, expected] of conflicts)
    for (const input of inputs.filter((name) => applies && !/^(false)?$/i.test(text(name))))
      failFor(report, input, /^true$/i.test(text(input)) ? text(input) : undefined)(expected)
}

/** Collects the issues and warnings of all inputs, so that the author sees all of them at once. */
export class Diagnostics {
  readonly #issues = new Map<string, InputIssue>()
  readonly #aliases = new Map<string, string>()
  readonly #warnings: string[] = []
  readonly #notes: string[] = []

  /** From now on issues of the input `name` are reported as those of `alias`, which the author wrote instead. */
  useAlias(name: string, alias: string): void {
    this.#aliases.set(name, alias)
  }

  readonly report: IssueSink = (issue) => {
    const input = this.#nameOf(issue.input)
    this.#issues.set(JSON.stringify([input, issue.given, issue.expected]), { ...issue, input })
  }

  /** What the author should know although the run goes on. */
  readonly warn = (text: string): void => {
    this.#warnings.push(text)
  }

  /** What the author should know and need not change. */
  readonly note = (text: string): void => {
    this.#notes.push(text)
  }

  /** Whether one of these inputs has an issue already, so that a check based on it would only repeat that. */
  readonly hasIssue = (...inputs: readonly string[]): boolean =>
    [...this.#issues.values()].some(({ input }) => inputs.some((name) => this.#nameOf(name) === input))

  get warnings(): readonly string[] {
    return this.#warnings
  }

  get notes(): readonly string[] {
    return this.#notes
  }

  /** @throws InputError with every issue, and the warnings, if there is any issue */
  throwIssues(): void {
    if (this.#issues.size > 0) throw new InputError([...this.#issues.values()], this.#warnings)
  }

  #nameOf(input: string): string {
    return this.#aliases.get(input) ?? input
  }
}
