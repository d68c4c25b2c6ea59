/** Whose turn it is: the workflow's author, a node's owner, the Dockerfile's author, the registry (`busy`: a while later it may work), that of a cache, nobody. */
export type FailureKind = 'inputs' | 'node' | 'build' | 'registry' | 'busy' | 'cache' | 'cancelled'

/** A failure that users can act on. Any other error that reaches the entry is a bug of ours. */
export class Failure extends Error {
  readonly kind: FailureKind
  /** What to do, and where. */
  readonly hint: string
  /** The last lines that matter, as the tool printed them. */
  readonly details: readonly string[]

  constructor(kind: FailureKind, headline: string, hint: string, details: readonly string[] = [], cause?: unknown) {
    super(headline, { cause })
    this.name = 'Failure'
    this.kind = kind
    this.hint = hint
    this.details = details
  }
}

/** Several nodes or platforms can fail at once; the author should see all of it. */
export class Failures extends Error {
  readonly failures: readonly Failure[]

  constructor(failures: readonly Failure[]) {
    super(failures.map((failure) => failure.message).join('; '))
    this.name = 'Failures'
    this.failures = failures
  }
}

/** One headline, one hint and the lines that matter; for the log, and for the annotation of the step. */
export function describeFailure(error: unknown): { readonly headline: string; readonly body: string } {
  if (error instanceof Failures && error.failures.length > 1) {
    const parts = error.failures.map((failure) => describeFailure(failure))
    return { headline: parts.map((part) => part.headline).join('\n'), body: parts.map((part) => `${part.headline}\n${part.body}`).join('\n\n') }
  }
  const failure = error instanceof Failures ? error.failures[0] : error
  if (failure instanceof Failure) {
    const details = failure.details.map((line) => `  | ${line}`)
    return { headline: failure.message, body: [...details, failure.hint].join('\n') }
  }
  const text = failure instanceof Error ? failure.message : String(failure)
  return {
    headline: `Unexpected error: ${text}`,
    body: [failure instanceof Error ? (failure.stack ?? '') : '', 'This looks like a bug of multiarch-build: please report it with the lines above.'].join('\n'),
  }
}
