import { asList, asRecord, asText, tryParseJson } from '../lib/json.ts'
import { renderBake } from './bake-definition.ts'
import type { Call } from '../inputs/settings/call.ts'
import { UserError } from '../lib/errors.ts'
import { writeDefinition } from './build-env.ts'
import type { Annotation, Log } from '../lib/log.ts'
import { explainLane } from './errors.ts'
import { runBuildx, type BuildxRequest } from './run.ts'
import { followProgress } from './progress.ts'
import { annotate, withoutRepeats } from './checks.ts'
import { targetLabel, type Target } from '../plan/target.ts'

interface CallRequest extends BuildxRequest {
  readonly call: Call
  readonly targets: readonly Target[]
  /** The builder that holds just a target's node. */
  readonly builder: (target: Target) => string
  readonly log: Log
}

/**
 * Asks about each variant's Dockerfile instead of building it; what it says is the same on every platform.
 *
 * @throws UserError of kind `build` where the Dockerfile cannot be read, or a check has found something
 */
export async function callTargets(request: CallRequest): Promise<void> {
  const { targets, log, call } = request
  const firsts = targets.filter(
    (target, index) => targets.findIndex(({ variant }) => variant === target.variant) === index,
  )
  const found: Annotation[] = []
  for (const target of firsts) {
    const said = await callTarget(target, request)
    if (call === 'check') found.push(...readWarnings(said, target, request.workspace))
    else said.split('\n').forEach((line) => log.line(line))
  }
  const differing = withoutRepeats(found)
  differing.forEach((warning) => log.annotate(warning))
  if (call !== 'check') return
  if (differing.length === 0) log.info('The check found nothing to warn of.')
  else
    throw new UserError({
      code: 'build',
      message: `The check of the Dockerfile found ${differing.length === 1 ? 'one thing' : `${differing.length} things`} to mend`,
      hint: 'Each is told in a warning above, with its line.',
      details: differing.map(({ file, line, message }) =>
        file === undefined ? message : `${file}:${line ?? 0} ${message}`,
      ),
    })
}

async function callTarget(target: Target, request: CallRequest): Promise<string> {
  const { call, dir } = request
  const builder = request.builder(target)
  const bake = writeDefinition(dir, `${builder}.call`, renderBake([target], request))
  let said = ''
  const progress = followProgress([{ id: target.id, label: targetLabel(target) }], () => undefined)
  const read = (lines: readonly string[]) => {
    lines.forEach(progress.read)
    return undefined
  }
  const args = ['bake', '--file', bake, '--builder', builder, '--call', call === 'check' ? 'check,format=json' : call]
  const code = await runBuildx(request, args, read, (text) => (said += text))
  request.signal.throwIfAborted()
  // A check ends with an exit code of its own where it has found something.
  if (code === 0 || (call === 'check' && asRecord(asRecord(tryParseJson(said))['target'])[target.id] !== undefined))
    return said
  throw explainLane({
    what: targetLabel(target),
    node: target.node.spec.name,
    code,
    failed: progress.failed(),
    words: progress.words(),
    lost: undefined,
  })
}

/** The warnings in what `bake --call check,format=json` printed (moby/buildkit, frontend/subrequests/lint). */
function readWarnings(text: string, { id, variant }: Pick<Target, 'id' | 'variant'>, workspace: string): Annotation[] {
  const check = asRecord(asRecord(asRecord(asRecord(tryParseJson(text))['target'])[id])['check'])
  const failed = asText(check['error'])
  if (failed !== '')
    throw new UserError({
      code: 'build',
      message: `The check of ${variant.file ?? 'the Dockerfile'} could not be made`,
      hint: 'The lines above say what in it cannot be read.',
      details: failed.trim().split('\n'),
    })
  return asList(check['warnings']).map((entry): Annotation => {
    const warning = asRecord(entry)
    const start = asRecord(asRecord(asList(asRecord(warning['location'])['ranges'])[0])['start'])
    const line = start['line']
    const message = asText(warning['detail']) || asText(warning['description'])
    return annotate(
      {
        rule: asText(warning['ruleName']),
        message,
        url: asText(warning['url']),
        ...(typeof line === 'number' && { line }),
      },
      variant,
      workspace,
    )
  })
}
