import type { Call } from '../inputs/settings/limits.ts'
import { UserError } from '../lib/errors.ts'
import { asList, asRecord, asText, tryParseJson } from '../lib/json.ts'
import type { Annotation, Log } from '../lib/log.ts'
import { isOnRunner } from '../nodes/node-spec.ts'
import { targetLabel, type Target } from '../plan/target.ts'
import { dockerConfigFile } from '../registry/credentials/docker-config.ts'
import { renderBake } from './bake-definition.ts'
import { annotate, withoutRepeats } from './checks.ts'
import { explainFailure, explainSilence } from './errors.ts'
import { startHeartbeat } from './heartbeat.ts'
import { findUnusable, localPathsOf } from './local-paths.ts'
import { Progress } from './progress.ts'
import { runBuildx, type BuildxRequest } from './process.ts'

interface CallRequest extends BuildxRequest {
  readonly call: Call
  readonly targets: readonly Target[]
  /** The builder instance that has only the node of a target. */
  readonly builder: (target: Target) => string
  readonly log: Log
}

/**
 * Runs a subrequest on each variant's Dockerfile instead of building it: `check`, `outline` or `targets`. Its result is
 * the same on every platform.
 *
 * @throws UserError with code `build` if the Dockerfile cannot be read, or if a check found a problem
 */
export async function callTargets(request: CallRequest): Promise<void> {
  const { targets, log, call } = request
  const isFirst = (target: Target, index: number) =>
    targets.findIndex(({ variant }) => variant === target.variant) === index
  const found: Annotation[] = []
  for (const target of targets.filter(isFirst)) {
    const output = await callTarget(target, request)
    if (call === 'check') found.push(...parseCheck(output, target, request.workspace))
    else output.split('\n').forEach((line) => log.line(line))
  }
  if (call === 'check') reportCheck(withoutRepeats(found), log)
}

function reportCheck(problems: readonly Annotation[], log: Log): void {
  problems.forEach((problem) => log.annotate(problem))
  if (problems.length === 0) {
    log.info('Dockerfile check passed.')
    return
  }
  throw new UserError({
    code: 'build',
    message: `Dockerfile check found ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`,
    hint: 'See the warnings above; each names its line.',
    details: problems.map(({ file, line, message }) =>
      file === undefined ? message : `${file}:${line ?? 0} ${message}`,
    ),
  })
}

/** Characters of a result that are read: the frontend of a Dockerfile may print any amount. */
const longestResult = 16 * 1024 * 1024

/** Resolves with the standard output of the subrequest. */
async function callTarget(target: Target, request: CallRequest): Promise<string> {
  const { call } = request
  const builder = request.builder(target)
  const progress = new Progress([{ id: target.id, label: targetLabel(target) }], () => undefined)
  const method = call === 'check' ? 'check,format=json' : call
  let output = ''
  const localPaths = localPathsOf([target], request)
  const unusable = findUnusable(localPaths, request)
  if (unusable) throw unusable
  const heartbeat = startHeartbeat({ progress, flush: () => undefined, log: request.log })
  const exitCode = await runBuildx(
    { ...request, localPaths, stop: heartbeat.stop.signal, definition: renderBake([target], request) },
    ['--builder', builder, '--call', method],
    (lines) => {
      lines.forEach((line) => progress.read(line))
      return undefined
    },
    (text) => {
      if (output.length < longestResult) output += text
    },
  ).finally(heartbeat.end)
  request.signal.throwIfAborted()
  const { silence } = heartbeat
  if (silence) throw explainSilence(silence, targetLabel(target))
  // A check that found problems exits with a code of its own.
  const isResult = call === 'check' && isRecordOf(target, output)
  if (exitCode === 0 || isResult) return output
  throw explainFailure({
    target: targetLabel(target),
    node: target.node.spec.name,
    isRunner: isOnRunner(target.node.spec),
    withoutSecrets: request.withoutSecrets,
    exitCode,
    failed: progress.failed(),
    output: progress.output(),
    dockerConfig: dockerConfigFile(),
    lost: undefined,
  })
}

function isRecordOf({ id }: Target, output: string): boolean {
  return asRecord(asRecord(tryParseJson(output))['target'])[id] !== undefined
}

/** Parses what `bake --call check,format=json` printed (moby/buildkit, frontend/subrequests/lint). */
function parseCheck(text: string, { id, variant }: Pick<Target, 'id' | 'variant'>, workspace: string): Annotation[] {
  const check = asRecord(asRecord(asRecord(asRecord(tryParseJson(text))['target'])[id])['check'])
  const error = asText(check['error'])
  if (error !== '')
    throw new UserError({
      code: 'build',
      message: `${variant.file ?? 'The Dockerfile'} could not be checked`,
      hint: 'Correct the syntax error in the lines above.',
      details: error.trim().split('\n'),
    })
  return asList(check['warnings']).map((entry) => {
    const warning = asRecord(entry)
    const { line } = asRecord(asRecord(asList(asRecord(warning['location'])['ranges'])[0])['start'])
    return annotate(
      {
        rule: asText(warning['ruleName']),
        message: asText(warning['detail']) || asText(warning['description']),
        url: asText(warning['url']),
        ...(typeof line === 'number' && { line }),
      },
      variant,
      workspace,
    )
  })
}
