import { resolve } from 'node:path'
import { secretInputs, secretVariable } from '../inputs/secret-options.ts'
import { asList, asRecord, asText } from '../lib/json.ts'
import type { Env } from '../lib/lists.ts'
import { formatValue, readYaml } from './config-file.ts'
import { didYouMean } from '../lib/issues.ts'
import { commands, UsageError, type Values } from './options.ts'

interface StepValues {
  readonly values: Values
  /** Inputs whose expressions need a CI platform, with the expressions. */
  readonly skipped: Values
}

const expression = /\$\{\{\s*(.*?)\s*\}\}/g

/**
 * The inputs of this action's step in a workflow.
 *
 * @param source `FILE` or `FILE:JOB`
 * @param facts the values of `github.…`, by the name after the dot
 * @throws UsageError
 */
export async function readWorkflow(
  source: string,
  action: string,
  { cwd, env, facts }: { readonly cwd: string; readonly env: Env; readonly facts: Env },
): Promise<StepValues> {
  const [, file = '', job] = /^(.*?)(?::([\w-]+))?$/s.exec(source) ?? []
  const jobs = asRecord(asRecord(await readYaml(resolve(cwd, file)))['jobs'])
  if (job !== undefined && !Object.hasOwn(jobs, job))
    throw new UsageError(`${file} has no job \`${job}\`; it has ${Object.keys(jobs).join(', ') || 'none'}`)
  const steps = Object.entries(jobs)
    .filter(([name]) => job === undefined || name === job)
    .flatMap(([, definition]) => asList(asRecord(definition)['steps']).map(asRecord))
    .filter((step) => usesAction(asText(step['uses']), action))
  const [step] = steps
  if (!step) throw new UsageError(`${source} has no step that uses multiarch-build${action}`)
  if (steps.length > 1)
    throw new UsageError(
      `${source} has ${steps.length} steps that use multiarch-build${action}: name a job with only one of them, as ` +
        '`FILE:JOB`',
    )
  const [values, skipped]: [Record<string, string>, Record<string, string>] = [{}, {}]
  for (const [name, value] of Object.entries(asRecord(step['with']))) {
    const text = await formatValue(value)
    const missing = [...text.matchAll(expression)].filter(([, path = '']) => evaluate(path, env, facts) === undefined)
    if (missing.length > 0) skipped[name] = missing.map(([whole]) => whole).join(' ')
    else values[name] = text.replace(expression, (_, path: string) => evaluate(path, env, facts) ?? '')
  }
  return { values, skipped }
}

/** Without these a cleanup fails or deletes less; without any other input it could delete more than the step would. */
const harmless = ['github-token', 'username', 'password', 'registry-auth', 'registries']

/**
 * PURE: rejects inputs that the action of a step does not have, and inputs of a cleanup that cannot be evaluated here
 * and are not given otherwise.
 *
 * @throws UsageError
 */
export function checkStep({ values, skipped }: StepValues, entry: string, given: Values): void {
  const known = Object.values(commands).flatMap((command) => (command.entry === entry ? command.inputs : []))
  for (const name of Object.keys({ ...values, ...skipped }))
    if (!known.includes(name))
      throw new UsageError(`\`${name}\` in the workflow is not an input of the action${didYouMean(name, known)}`)
  const missing = Object.keys(skipped).filter((name) => given[name] === undefined && !harmless.includes(name))
  if (entry === 'cleanup' && missing.length > 0)
    throw new UsageError(
      `\`${missing.join('`, `')}\` in the workflow cannot be evaluated here, and a cleanup without it could delete ` +
        `more: give ${missing.map((name) => `\`--${name}\``).join(' and ')}`,
    )
}

/**
 * PURE: the file has defaults for what the workflow does not set. Its value of an input that the workflow sets, with an
 * expression that cannot be evaluated here, could be another repository.
 *
 * @throws UsageError
 */
export function checkDefaults(skipped: Values, file: Values, given: Values): void {
  const problems = Object.entries(skipped)
    .filter(([name]) => given[name] === undefined && file[name] !== undefined)
    .map(([name, expressions]) => {
      const way = secretInputs.includes(name) ? `set ${secretVariable(name)}` : `give \`--${name}\``
      return (
        `\`${name}\` in the workflow cannot be evaluated here (${expressions}), and the default in your file does ` +
        `not replace it: ${way}`
      )
    })
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
}

/** `uses: org/multiarch-build@v1`, with any owner and server, or `./` in the repository of the action. */
function usesAction(uses: string, action: string): boolean {
  const [path = ''] = uses.split('@')
  return path.endsWith(`/multiarch-build${action}`) || path === `.${action || '/'}`
}

/** Secrets and variables come from environment variables of the same name. */
function evaluate(path: string, env: Env, facts: Env): string | undefined {
  const [, context = '', name = ''] = /^(\w+)\.(\w+)$/.exec(path) ?? []
  if (context === 'github') return facts[name]
  return ['secrets', 'vars', 'env'].includes(context) ? env[name] : undefined
}
