import { gzipSync } from 'node:zlib'
import { errorMessage } from '../lib/errors.ts'
import { tryRead } from '../lib/files.ts'
import { shorten } from '../lib/issues.ts'
import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import type { Env } from '../lib/lists.ts'
import { findErrorCode, type RawResponse } from '../lib/http.ts'
import { createRawFetch } from '../lib/raw-fetch.ts'
import type { SignalSettings } from '../inputs/telemetry.ts'

/** Milliseconds that a collector may cost a run. */
const longestExport = 2000
/** Characters of an answer that are read. */
const longestAnswer = 65_536
const movedEndpoint = 'redirects to another address, which is not followed: set the final one in `otlp-endpoint`'

/**
 * Sends a request to a collector, once: a run does not wait for one that is down.
 *
 * @returns why it was not accepted; undefined if it was
 */
export async function exportSignal(settings: SignalSettings, body: object, env: Env): Promise<string | undefined> {
  const { host } = new URL(settings.url)
  const signal = AbortSignal.timeout(Math.min(settings.timeout, longestExport))
  try {
    const problem = await post(settings, JSON.stringify(body), { env, signal })
    return problem && `${host} ${problem}`
  } catch (error) {
    return `${host} ${signal.aborted ? 'did not answer in time' : `cannot be reached: ${shorten(reasonOf(error))}`}`
  }
}

/** The error of a name with several addresses has no message. */
function reasonOf(error: unknown): string {
  return errorMessage(error) || (findErrorCode(error) ?? 'unknown error')
}

interface Context {
  readonly env: Env
  readonly signal: AbortSignal
}

async function post(settings: SignalSettings, body: string, { env, signal }: Context) {
  const { url, headers, gzip, certificate } = settings
  const ca = certificate === '' ? '' : tryRead(certificate)
  // Not Node's `fetch`, which a run does not use otherwise: to load it takes more time than all of this.
  const fetch = createRawFetch(env, ca === '' ? {} : { [new URL(url).host]: { ca, http: false, insecure: false } })
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', ...(gzip && { 'content-encoding': 'gzip' }) },
    body: gzip ? gzipSync(body) : body,
    signal,
  })
  const answer = await readAnswer(response)
  // The headers are for this server alone.
  if (response.status >= 300 && response.status < 400) return movedEndpoint
  const isOk = response.status >= 200 && response.status < 300
  const message = asText(asRecord(tryParseJson(answer))['message'])
  if (!isOk) return `answers ${response.status}${message === '' ? '' : `: ${shorten(message)}`}`
  return explainPartialSuccess(answer)
}

async function readAnswer({ body }: RawResponse): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > longestAnswer) break
  }
  return text
}

/** A collector may accept a request and reject a part of it. */
function explainPartialSuccess(answer: string): string | undefined {
  const {
    rejectedSpans,
    rejectedDataPoints,
    errorMessage: reason,
  } = asRecord(asRecord(tryParseJson(answer))['partialSuccess'])
  const count = Number(rejectedSpans ?? rejectedDataPoints ?? 0)
  return count > 0 ? `rejects ${count} of them: ${shorten(asText(reason))}` : undefined
}
