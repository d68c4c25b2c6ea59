import { gzipSync } from 'node:zlib'
import { errorMessage } from '../lib/errors.ts'
import { tryRead } from '../lib/files.ts'
import { createFetch } from '../lib/http.ts'
import { shorten } from '../lib/issues.ts'
import { asRecord, asText, isRecord, tryParseJson } from '../lib/json.ts'
import type { Env } from '../lib/lists.ts'
import type { SignalSettings } from '../inputs/telemetry.ts'

/** Milliseconds that a collector may cost a run. */
const longestExport = 2000
/** Characters of an answer that are read. */
const longestAnswer = 65_536

/**
 * Sends a request to a collector, once: a run does not wait for one that is down.
 *
 * @returns why it was not accepted; undefined if it was
 */
export async function exportSignal(settings: SignalSettings, body: object, env: Env): Promise<string | undefined> {
  const { host } = new URL(settings.url)
  try {
    const problem = await post(settings, JSON.stringify(body), env)
    return problem && `${host} ${problem}`
  } catch (error) {
    const isLate = isRecord(error) && error['name'] === 'TimeoutError'
    return `${host} ${isLate ? 'did not answer in time' : `cannot be reached: ${shorten(errorMessage(error))}`}`
  }
}

async function post({ url, headers, timeout, gzip, certificate }: SignalSettings, body: string, env: Env) {
  const ca = certificate === '' ? '' : tryRead(certificate)
  const fetch = createFetch(env, ca === '' ? {} : { [new URL(url).host]: { ca, http: false, insecure: false } })
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', ...(gzip && { 'content-encoding': 'gzip' }) },
    body: gzip ? gzipSync(body) : body,
    // The headers are for this server alone.
    redirect: 'manual',
    signal: AbortSignal.timeout(Math.min(timeout, longestExport)),
  })
  const answer = await readAnswer(response)
  if (response.status >= 300 && response.status < 400) return 'redirects, which is not followed: set its final address'
  const message = asText(asRecord(tryParseJson(answer))['message'])
  if (!response.ok) return `answers ${response.status}${message === '' ? '' : `: ${shorten(message)}`}`
  return explainPartialSuccess(answer)
}

async function readAnswer({ body }: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
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
