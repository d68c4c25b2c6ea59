import { describe, expect, jest, test } from '@jest/globals'
import { readCleanupInputs } from '../../../src/inputs/cleanup-inputs.ts'
import { readCopyInputs } from '../../../src/inputs/copy-inputs.ts'
import { readInputs } from '../../../src/inputs/inputs.ts'
import { readMergeInputs } from '../../../src/inputs/merge-inputs.ts'
import { checkNames } from '../../../src/inputs/unknown-inputs.ts'
import { InputError } from '../../../src/lib/issues.ts'
import { formatInputIssues } from '../../../src/report/input-issues.ts'
import { jobWith, type Given } from '../fixtures/job.ts'

const image = 'ghcr.io/acme/app'
type Read = (given: Given) => Promise<unknown>
const actions: readonly (readonly [string, Read])[] = [
  ['main', (given) => readInputs(...jobWith(given))],
  ['merge', (given) => readMergeInputs(...jobWith({ nodes: undefined, platforms: 'linux/amd64', ...given }))],
  [
    'copy',
    (given) =>
      readCopyInputs(
        ...jobWith({ nodes: undefined, image: undefined, from: `${image}:1`, to: `${image}:2`, ...given }),
      ),
  ],
  ['cleanup', (given) => readCleanupInputs(...jobWith({ nodes: undefined, ...given }))],
]

async function failureOf(
  result: Promise<unknown>,
): Promise<{ readonly log: string; readonly warnings: readonly string[] }> {
  const error: unknown = await result.then(
    () => 'no error',
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof InputError)) throw new Error(`not an input error: ${JSON.stringify(error)}`)
  return { log: formatInputIssues(error.issues), warnings: error.warnings }
}

const misspelled = { dry_run: 'true' }
const notAnInput = 'is not an input of this action; did you mean `dry-run`?'
const renamed =
  `dry_run: ${notAnInput} If the step does not set it, the job has a variable \`INPUT_DRY_RUN\`: ` +
  'rename the variable'

describe.each(actions)('%s', (_, read) => {
  test('an unknown input is an error, together with the other input errors', async () => {
    const { log } = await failureOf(read({ ...misspelled, 'my-secret': 'S3CRET', registries: '- no mapping' }))
    expect(log.split('\n').map((line) => line.replace(/ .*/, ''))).toEqual([
      '3',
      'dry_run:',
      'my-secret:',
      'registries:',
    ])
    expect(log).toContain(renamed)
    expect(log).not.toContain('S3CRET')
  })

  test('variables of other programs are no inputs', async () => {
    await expect(read({ MY_INPUT_DRY_RUN: 'true', DRY_RUN: 'true' })).resolves.toMatchObject({ warnings: [] })
  })

  test.each(['frob-nicate', 'platform'])(
    'an unknown input that looks like no variable of the job is an error: %s',
    async (name) => {
      expect((await failureOf(read({ [name]: 'x' }))).log).toContain(`${name}: is not an input of this action`)
    },
  )
})

describe.each(actions.slice(0, 3))('%s, where the job has variables', (_, read) => {
  test.each(['environment_name', 'what'])('one that resembles no input is a warning: %s', async (name) => {
    const variable = `INPUT_${name.toUpperCase()}`
    await expect(read({ [name]: 'x' })).resolves.toMatchObject({
      warnings: [
        `\`${name}\` is not an input of this action; the README lists all inputs. ` +
          `If the step does not set it, the job has a variable \`${variable}\`: rename the variable`,
      ],
    })
  })
})

describe.each(actions.slice(0, 3))('%s, where steps get the inputs of a composite action too', (_, read) => {
  test.each(['ACT', 'FORGEJO_ACTIONS', 'GITEA_ACTIONS'])('it is a warning: %s', async (runner) => {
    await expect(read({ ...misspelled, [runner]: 'true' })).resolves.toMatchObject({
      warnings: [`\`dry_run\` ${notAnInput}`],
    })
  })

  test('input errors come with that warning', async () => {
    const { log, warnings } = await failureOf(read({ ...misspelled, ACT: 'true', registries: '- no mapping' }))
    expect(log).toMatch(/^1 invalid input\nregistries: /)
    expect(warnings).toEqual([`\`dry_run\` ${notAnInput}`])
  })
})

test('no runner writes an input in small letters', () => {
  const [report, warn] = [jest.fn(), jest.fn()]
  checkNames({ env: { INPUT_dry_run: 'true', INPUT_Image: 'x' }, report, warn }, ['dry-run', 'image'])
  expect([...report.mock.calls, ...warn.mock.calls]).toEqual([])
})

test('the cleanup action would delete more than intended, so it is an error everywhere', async () => {
  const read = (given: Given) => readCleanupInputs(...jobWith({ nodes: undefined, FORGEJO_ACTIONS: 'true', ...given }))
  expect((await failureOf(read({ exclude: 'v*' }))).log).toBe(
    '1 invalid input\nexclude: is not an input of this action; the README lists all inputs. If it is an input of an ' +
      "enclosing composite action, write `INPUT_EXCLUDE: ''` in `env` of this step",
  )
  await expect(read({ exclude: '' })).resolves.toMatchObject({
    warnings: ['`exclude` is not an input of this action; the README lists all inputs.'],
  })
})
