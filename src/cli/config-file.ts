import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { errorMessage } from '../lib/errors.ts'
import { didYouMean } from '../lib/issues.ts'
import { asRecord, isRecord } from '../lib/json.ts'
import { UsageError, commands, type Command, type Values } from './options.ts'

const fileName = 'multiarch-build.yml'

/**
 * Names that mean something else to other commands: tags to delete, and the platforms that a copy keeps. In the file
 * they describe the image of `build` and `plan`.
 */
const onlyForBuilds: readonly string[] = ['tags', 'platforms']

/** Defaults for a command from `multiarch-build.yml`, or from the file of `--config`. @throws UsageError */
export async function readConfigFile(
  config: string | undefined,
  cwd: string,
  entry: Command['entry'],
): Promise<Values> {
  const path = config === undefined ? join(cwd, fileName) : resolve(cwd, config)
  if (config === undefined && !existsSync(path)) return {}
  const document = await readYaml(path)
  if (!isRecord(document)) throw new UsageError(`${path} is not a map of inputs, such as \`image: ghcr.io/acme/app\``)
  const known = [...new Set(Object.values(commands).flatMap(({ inputs }) => inputs))]
  const unknown = Object.keys(document).filter((name) => !known.includes(name))
  const problems = unknown.map((name) => `${path}: no command has the input \`${name}\`${didYouMean(name, known)}`)
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
  const entries = await Promise.all(
    Object.entries(document)
      .filter(([name]) => entry === 'main' || !onlyForBuilds.includes(name))
      .map(async ([name, value]) => [name, await formatValue(value)] as const),
  )
  return Object.fromEntries(entries)
}

/** @throws UsageError */
export async function readYaml(path: string): Promise<unknown> {
  const { FAILSAFE_SCHEMA, load } = await import('js-yaml')
  try {
    return load(readFileSync(path, 'utf8'), { schema: FAILSAFE_SCHEMA })
  } catch (error) {
    const isMissing = asRecord(error)['code'] === 'ENOENT'
    throw new UsageError(isMissing ? `${path} does not exist` : `${path} cannot be read: ${errorMessage(error)}`)
  }
}

/** A value of `readYaml`, whose scalars are texts, as an input: lists have one entry per line, and maps stay YAML. */
export async function formatValue(value: unknown): Promise<string> {
  if (typeof value === 'string') return value
  if (Array.isArray(value) && value.every((entry) => typeof entry !== 'object')) return value.map(String).join('\n')
  const { dump } = await import('js-yaml')
  return dump(value)
}
