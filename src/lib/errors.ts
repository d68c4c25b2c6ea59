/**
 * The kind of problem, and who can solve it: `inputs` the workflow author, `runner` the owner of the machine that runs
 * the job, `node` the owner of a node, `build` the Dockerfile author, `registry` the registry (`busy`: a retry may
 * help), `cache` the cache backend. `cancelled` is not a problem.
 */
type ErrorCode = 'inputs' | 'runner' | 'node' | 'build' | 'registry' | 'busy' | 'cache' | 'cancelled'

interface UserErrorOptions {
  readonly code: ErrorCode
  /** The headline: what happened, to what. One line. */
  readonly message: string
  /** What to do next, and where. */
  readonly hint: string
  /** The last relevant lines, as the tool printed them. */
  readonly details?: readonly string[]
  readonly cause?: unknown
}

/** An error that users can act on. Every other error that reaches an entry point is a bug in this action. */
export class UserError extends Error {
  readonly code: ErrorCode
  readonly hint: string
  readonly details: readonly string[]

  constructor({ code, message, hint, details = [], cause }: UserErrorOptions) {
    super(message, { cause })
    this.name = 'UserError'
    this.code = code
    this.hint = hint
    this.details = details
  }

  /** Whether the same request may succeed after a pause. */
  get retryable(): boolean {
    return this.code === 'busy'
  }
}

/** Several errors at once, for example one per node; all of them are reported. */
export class UserErrors extends Error {
  readonly errors: readonly UserError[]

  constructor(errors: readonly UserError[]) {
    super(errors.map(({ message }) => message).join('; '))
    this.name = 'UserErrors'
    this.errors = errors
  }
}

interface ErrorReport {
  /** For the annotation of the step. */
  readonly headline: string
  /** For the log: relevant lines and the hint. */
  readonly body: string
}

/** Formats any error for the log and the annotation of the step; one that is not a `UserError` with its stack. */
export function formatError(error: unknown): ErrorReport {
  if (error instanceof UserErrors && error.errors.length > 1) {
    const parts = error.errors.map(formatError)
    return {
      headline: parts.map(({ headline }) => headline).join('\n'),
      body: parts.map(({ headline, body }) => `${headline}\n${body}`).join('\n\n'),
    }
  }
  const single = error instanceof UserErrors ? error.errors[0] : error
  if (single instanceof UserError) {
    const details = single.details.map((line) => `  | ${line}`)
    return { headline: single.message, body: [...details, single.hint].join('\n') }
  }
  return {
    headline: `Unexpected error: ${errorMessage(single)}`,
    body: [
      single instanceof Error ? (single.stack ?? '') : '',
      'This looks like a bug in multiarch-build: please report it with the lines above.',
    ].join('\n'),
  }
}

const internalErrors = new Set(['TypeError', 'ReferenceError', 'RangeError', 'SyntaxError', 'EvalError'])

/** Whether only a bug in this action throws it: what a server or a file refuses has error classes of its own. */
export function isInternalError(error: unknown): error is Error {
  return error instanceof Error && internalErrors.has(error.name)
}

/** The message of any thrown value. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Whether a server answered that the resource does not exist; the error of every API client has the HTTP `status`. */
export function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'status' in error && error.status === 404
}
