// npm run fuzz [-- --sets N] [--definitions N] [--seed S]: random input sets. Parsing throws only InputError, and
// bake accepts the definitions of those that are valid. A failure is printed shrunk, with the seed that repeats it.
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import fc from 'fast-check'
import { readInputs } from '../../src/inputs/inputs.ts'
import { UserError, UserErrors } from '../../src/lib/errors.ts'
import { InputError } from '../../src/lib/issues.ts'
import { ensureTools } from '../farm/tools.ts'
import { bakeDefinition } from '../unit/fixtures/bake.ts'
import { jobWith, type Given } from '../unit/fixtures/job.ts'
import { inputSets } from './input-sets.ts'

const { values } = parseArgs({
  options: {
    sets: { type: 'string', default: '100000' },
    definitions: { type: 'string', default: '2000' },
    seed: { type: 'string' },
  },
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
const definitions = new Map<string, Given>()

/** Undefined if the set is invalid, or if nothing can be planned. */
async function definitionOf(given: Given): Promise<string | undefined> {
  try {
    return bakeDefinition(await readInputs(...jobWith(given)))
  } catch (error) {
    if (error instanceof InputError || error instanceof UserError || error instanceof UserErrors) return undefined
    throw error
  }
}

async function parseAll(): Promise<number> {
  let accepted = 0
  const property = fc.asyncProperty(inputSets, async (given) => {
    const definition = await definitionOf(given)
    if (definition === undefined) return
    accepted++
    if (definitions.size < Number(values.definitions)) definitions.set(definition, given)
  })
  await fc.assert(property, { numRuns: Number(values.sets), seed })
  return accepted
}

/** The definitions that bake rejects, with its message. */
async function bakeAll(): Promise<readonly string[]> {
  const { buildx } = await ensureTools()
  const dir = mkdtempSync(join(tmpdir(), 'fuzz-'))
  const env = {
    PATH: process.env['PATH'],
    HOME: dir,
    BUILDX_CONFIG: dir,
    DOCKER_CONFIG: dir,
    TOKEN: 't',
    SSH_AUTH_SOCK: join(dir, 'agent'),
  }
  const file = join(dir, 'bake.json')
  const rejected: string[] = []
  // Bake reads the files that the definitions name.
  for (const path of ['w', 'd/secrets']) mkdirSync(join(dir, path), { recursive: true })
  const { privateKey } = generateKeyPairSync('ed25519')
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' })
  for (const path of ['agent', 'w/README.md', ...[0, 1, 2, 3, 4].map((number) => `d/secrets/${number}`)])
    writeFileSync(join(dir, path), key)
  for (const [definition, given] of definitions) {
    writeFileSync(
      file,
      definition.replace(/([="])(\/[wd]\/)/g, (_, before: string, path: string) => before + dir + path),
    )
    await promisify(execFile)(buildx, ['bake', '--print', '--allow', 'fs=*', '--file', file], { env, cwd: dir }).catch(
      (error: unknown) => rejected.push(`${JSON.stringify(given)}\n${String((error as { stderr?: unknown }).stderr)}`),
    )
  }
  rmSync(dir, { recursive: true })
  return rejected
}

const accepted = await parseAll()
console.log(`${values.sets} sets, ${accepted} of them valid; repeat with --seed ${seed}`)
const rejected = await bakeAll()
rejected.slice(0, 20).forEach((text) => console.error(text))
console.log(`bake rejects ${rejected.length} of ${definitions.size} definitions`)
process.exitCode = rejected.length > 0 ? 1 : 0
