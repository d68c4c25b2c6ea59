import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { runWorkflow } from './act.ts'
import {
  appFiles,
  farmInputs,
  freshImage,
  storedIndex,
  storedTags,
  processesMentioning,
  type Farm,
} from '../e2e/harness.ts'
import { useFarm } from '../e2e/setup.ts'

const setup = useFarm()
let farm: Farm
let dir: string

beforeAll(() => {
  farm = setup.farm
  dir = mkdtempSync(join(tmpdir(), 'workflow-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** A step of a workflow, its inputs as block scalars. */
function uses(action: string, id: string, inputs: Readonly<Record<string, string>>, more = ''): string {
  const lines = Object.entries(inputs).flatMap(([name, value]) => [
    `          ${name}: |`,
    ...value
      .trim()
      .split('\n')
      .map((line) => `            ${line}`),
  ])
  return [
    `      - uses: ${action}`,
    `        id: ${id}`,
    ...(more === '' ? [] : [`        ${more}`]),
    '        with:',
    ...lines,
    '',
  ].join('\n')
}

/** Runs a workflow with one job. */
async function runSteps(steps: string, secrets: Readonly<Record<string, string>>) {
  const head = ['on: push', 'jobs:', '  image:', '    runs-on: ubuntu-latest', '    steps:']
  const workflow = [...head, '      - uses: actions/checkout@v5', steps].join('\n')
  return await runWorkflow(farm, dir, { workflow, files: appFiles(farm), secrets })
}

describe('a workflow on a runner', () => {
  test('builds, passes its outputs on, keeps its secrets, and leaves nothing behind', async () => {
    const image = freshImage(farm)
    const steps = [
      uses('./', 'build', farmInputs(farm, { image, 'ssh-private-key': '${{ secrets.KEY }}' })),
      [
        '      - run: |',
        '          echo "outputs: digest ${{ steps.build.outputs.digest }}, tags ${{ steps.build.outputs.tags }}"',
        '          echo "$KEY"',
        '        env: { KEY: "${{ secrets.KEY }}" }\n',
      ].join('\n'),
      uses('./cleanup', 'cleanup', { image, 'dry-run': 'true' }, 'if: always()'),
      '      - run: echo "deleted=${{ steps.cleanup.outputs.deleted }}"\n',
    ].join('')
    const { code, log, home } = await runSteps(steps, { KEY: farm.privateKey })
    if (code !== 0) throw new Error(log)
    const index = await storedIndex(farm, image, 'main')
    expect(log).toContain(`outputs: digest ${index?.digest}, tags ${image}:main`)
    expect(log).toMatch(/deleted=\[\]/)
    expect(log).toMatch(/Success - Post \.\//)
    // The PEM header and footer are not secret; every other line is.
    const secret = farm.privateKey
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('-----'))
    expect(secret.length).toBeGreaterThan(3)
    expect(secret.filter((line) => log.includes(line))).toEqual([])
    expect(await leftOver(home)).toEqual([])
    const caches = ['linux-amd64', 'linux-amd64-stats', 'linux-arm64'].map((name) => `buildcache-${name}`)
    expect((await storedTags(farm, image)).sort()).toEqual([...caches, 'main'])
  })

  test('a step with input errors fails, reports them as annotations, and its post step has nothing to do', async () => {
    const steps = [
      uses(
        './',
        'build',
        { nodes: 'linux/amd64 = ftp://nowhere', image: 'example.com/acme app' },
        'continue-on-error: true',
      ),
      '      - run: echo "outcome=${{ steps.build.outcome }}"\n',
    ].join('')
    const { code, log, home } = await runSteps(steps, {})
    expect({ code, outcome: /outcome=(failure)/.exec(log)?.[1] }).toEqual({ code: 0, outcome: 'failure' })
    expect(log).toMatch(/nodes: .*ftp:\/\/nowhere/)
    expect(log).toMatch(/image: .*example\.com\/acme app/)
    expect(await leftOver(home)).toEqual([])
  })
})

/** Leftovers on the nodes and on the runner, whose own cache is in HOME. */
async function leftOver(home: string): Promise<string[]> {
  const engines = [farm.nodes.amd, farm.nodes.arm, farm.local]
  const containers = (await Promise.all(engines.map((engine) => engine.containers()))).flat().map(({ name }) => name)
  const files = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((path) => /(^|\/)mab-[^/]*$/.test(path))
  const logins = readdirSync(home)
    .filter((name) => name === '.docker' || name === '.ssh')
    .map((name) => `${name}: ${readdirSync(join(home, name)).join(' ')}`)
  return [...containers, ...files, ...logins, ...processesMentioning(home)]
}
