import { describe, expect, test } from '@jest/globals'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { load } from 'js-yaml'
import { asRecord } from '../../src/lib/json.ts'
import { actionOf, findSteps, issuesOf, pages, yamlBlocks, type Step } from './fixtures/recipes.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const listed = (dir: string) => readdirSync(join(root, dir)).map((name) => join(dir, name))

/** The steps of a workflow, or of a part of one, that use an action of this repository. */
function ownSteps(yaml: string): readonly Step[] {
  if (!yaml.includes('org/multiarch-build')) return []
  const steps = [...findSteps(load(yaml))].filter((step) => actionOf(step) !== undefined)
  return steps.map((step) => (isPin(step) ? { ...step, inputs: { image: 'ghcr.io/acme/app', ...step.inputs } } : step))
}

/** An example that shows only how to pin the action. */
const isPin = ({ uses }: Step) => uses.includes('<')

/** Inputs without their step are those of the main action. */
function stepsOf(yaml: string): readonly Step[] {
  if (!/^ {4,}[\w-]+:/.test(yaml) || /^ *(?:uses|runs-on|container|path|image|permissions|steps):/m.test(yaml))
    return ownSteps(yaml)
  const inputs = { image: 'ghcr.io/acme/app', ...fragmentAccess, ...asRecord(load(yaml)) }
  return [{ uses: 'org/multiarch-build@v1', inputs, secrets: [] }]
}

/** What the examples that are not whole leave out. */
const fragmentAccess = { nodes: '${{ vars.NODES }}', 'ssh-private-key': 'evaluated', 'ssh-known-hosts': 'evaluated' }

describe('every example that uses our actions is valid:', () => {
  const examples = pages().flatMap((page) =>
    yamlBlocks(read(page))
      .flatMap(stepsOf)
      .map((step, at) => [page, at + 1, step] as const),
  )

  test.each(examples)('%s, step %i', async (_page, _at, step) => {
    expect(await issuesOf(step)).toEqual([])
  })

  test.each(listed('docs/examples'))('%s', async (path) => {
    const steps = ownSteps(read(path))
    expect(steps.length).toBeGreaterThan(0)
    for (const step of steps) expect(await issuesOf(step)).toEqual([])
  })
})

// The tasks of new users, solved with README.md and docs/ alone.
describe('what a reader wrote for', () => {
  test.each(listed('__tests__/unit/fixtures/reader'))('%s is valid', async (path) => {
    const steps = ownSteps(read(path))
    expect(steps.length).toBeGreaterThan(0)
    for (const step of steps) expect(await issuesOf(step)).toEqual([])
  })
})
