import { RegistryError } from '../registry/error.ts'
import type { VariantSpec } from '../inputs/variants.ts'
import { errorMessage, UserError } from '../lib/errors.ts'
import { asRecord, asText } from '../lib/json.ts'
import { createClientFactory, type ClientFactory, type RegistryAccess } from '../registry/client-factory.ts'
import { pushLoginHint } from '../registry/credentials/origin.ts'
import { formatRepository, type Repository } from '../registry/reference.ts'
import type { PushCheck } from '../registry/uploads.ts'

/** The check runs in the background: what it waits for delays nothing. */
const ignore = () => undefined

export interface PushAccessRequest {
  readonly inputs: { readonly push: boolean; readonly variants: readonly Pick<VariantSpec, 'images' | 'mirrors'>[] }
  readonly registries: RegistryAccess
  readonly signal: AbortSignal
  /** Receives why a registry cannot be reached from this runner. */
  readonly warn: (text: string) => void
}

/**
 * Checks in the background whether this login may push, so that a refusal is reported early and not after hours of
 * building. Only a clear refusal counts, and a host name that does not exist; a registry that cannot be reached is a
 * warning, and any other problem is left to the push itself. The caller decides when to
 * `start`, while nothing else has to be done, and when to `enforce`, once an abort leaves nothing behind.
 */
export class PushAccessCheck {
  /** Aborts with the signal of the request, and once a registry has refused, with a `UserError` as its reason. */
  readonly signal: AbortSignal
  readonly #request: PushAccessRequest
  readonly #refused = new AbortController()
  readonly #stopped = new AbortController()
  #refusal: UserError | undefined
  #isEnforced = false

  constructor(request: PushAccessRequest) {
    this.#request = request
    this.signal = AbortSignal.any([request.signal, this.#refused.signal])
  }

  start(): void {
    const { inputs, registries } = this.#request
    if (!inputs.push) return
    const createClient = createClientFactory({ ...registries, log: ignore, onWait: ignore }, this.#stopped.signal)
    for (const repository of distinctMirrors(inputs.variants))
      void checkPushAccess(repository, createClient, registries).then(({ failure }) => this.#warnOfMirror(failure))
    for (const repository of distinctRepositories(inputs.variants))
      void checkPushAccess(repository, createClient, registries).then(({ denied, failure }) => {
        if (denied || isUnknownHost(failure, repository)) this.#refusal ??= failure
        else this.#warnIfUnreachable(failure)
        this.#abortIfRefused()
      })
  }

  /** From now on a refusal aborts the run. */
  enforce(): void {
    this.#isEnforced = true
    this.#abortIfRefused()
  }

  stop(): void {
    this.#stopped.abort()
  }

  /** The nodes push, and may reach what this runner cannot: the build goes on. */
  #warnIfUnreachable(failure: UserError | undefined): void {
    const isNetwork = failure?.cause instanceof RegistryError && failure.cause.kind === 'network'
    if (!isNetwork || this.#stopped.signal.aborted) return
    this.#request.warn([`${failure.message} from this runner.`, ...explain(failure)].join(' '))
  }

  #warnOfMirror(failure: UserError | undefined): void {
    if (failure && !this.#stopped.signal.aborted)
      this.#request.warn([`${failure.message}, which is a mirror: the run continues.`, ...explain(failure)].join(' '))
  }

  #abortIfRefused(): void {
    if (this.#refusal && this.#isEnforced && !this.#stopped.signal.aborted) this.#refused.abort(this.#refusal)
  }
}

/**
 * Whether the resolver says that the name of the registry does not exist: this runner pushes the index, and cannot. A
 * name that a proxy resolves, the name of the proxy and that of a token server do not count.
 */
function isUnknownHost(failure: UserError | undefined, { registry }: Repository): boolean {
  const name = registry.replace(/:\d+$/, '').toLowerCase()
  for (let error: unknown = failure?.cause; error !== undefined; error = asRecord(error)['cause']) {
    const { code, hostname } = asRecord(error)
    if (code === 'ENOTFOUND' && asText(hostname).toLowerCase() === name) return true
  }
  return false
}

/** Each repository once, without mirrors. */
export function distinctRepositories(variants: PushAccessRequest['inputs']['variants']): readonly Repository[] {
  return distinct(variants.flatMap(({ images }) => images))
}

/** Each mirror once. */
export function distinctMirrors(variants: PushAccessRequest['inputs']['variants']): readonly Repository[] {
  return distinct(variants.flatMap(({ mirrors = [] }) => mirrors.map(({ repository }) => repository)))
}

function distinct(repositories: readonly Repository[]): readonly Repository[] {
  return [...new Map(repositories.map((one) => [formatRepository(one), one])).values()]
}

interface PushAccess extends PushCheck {
  /** Whether the registry itself refuses this login. */
  readonly denied: boolean
  /** Why nothing can be pushed to the repository. */
  readonly failure?: UserError
}

interface AccessOptions {
  /** Whether to find out if the registry verifies what it receives. */
  readonly asksForVerification?: boolean
}

const otherHint = 'Check the name in `image`; if it is correct, check the registry’s status.'

/** What to do about a failed connection, by its error code; `{host}` is filled in. */
const connectionHints: readonly (readonly [code: RegExp, hint: string])[] = [
  [
    /CERT|SELF_SIGNED|UNABLE_TO/i,
    'Set the certificate authority of the registry: `registries: "{host}: {ca: /path/to/ca.pem}"`.',
  ],
  [/EPROTO|SSL/i, 'If the registry has no TLS, set `registries: "{host}: {http: true}"`.'],
  [/ENOTFOUND|EAI_AGAIN/, 'The name of {host} cannot be resolved: check `image`.'],
  [/ECONNREFUSED/, 'Nothing listens at {host}: check `image` and its port.'],
]

function accessHint(error: unknown): string {
  if (!(error instanceof RegistryError)) return otherHint
  const { code = '', host } = error
  const [, hint = otherHint] = connectionHints.find(([pattern]) => pattern.test(code)) ?? []
  return hint.replaceAll('{host}', host)
}

/** The cause and the remedy, one sentence each. */
function explain({ details, hint }: UserError): string[] {
  return [...details.map(asSentence), hint]
}

function asSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/** Checks whether a login may push to a repository. Does not throw; once it has `ended`, it leaves nothing there. */
export async function checkPushAccess(
  repository: Repository,
  createClient: ClientFactory,
  { missingHelper, asksForVerification = false }: Pick<RegistryAccess, 'missingHelper'> & AccessOptions,
): Promise<PushAccess> {
  try {
    const check = await (await createClient(repository)).checkPush(repository.path, asksForVerification)
    return { denied: false, ...check }
  } catch (error) {
    const failure = pushFailure(error, repository, missingHelper)
    return { denied: isRefusal(error), failure, verifies: Promise.resolve(false), ended: Promise.resolve() }
  }
}

/** Whether a registry has refused a login. */
export function isRefusal(error: unknown): error is RegistryError {
  return error instanceof RegistryError && ['denied', 'unauthorized'].includes(error.kind)
}

/** Why nothing can be pushed to a repository, from the error of its registry. */
export function pushFailure(
  error: unknown,
  repository: Repository,
  missingHelper: RegistryAccess['missingHelper'],
): UserError {
  const refused = isRefusal(error) ? error : undefined
  const helper = refused && !refused.origin ? missingHelper?.(repository.registry) : undefined
  return new UserError({
    code: 'registry',
    message: helper
      ? `${helper.command} is not installed: no login at ${repository.registry}`
      : `Nothing can be pushed to ${formatRepository(repository)}`,
    hint:
      helper?.text ?? (refused ? pushLoginHint(refused.origin, refused.kind === 'unauthorized') : accessHint(error)),
    details: [errorMessage(error)],
    cause: error,
  })
}
