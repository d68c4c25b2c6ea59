import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { load } from 'js-yaml'
import { asList, asRecord, asText } from '../../src/lib/json.ts'

const root = join(import.meta.dirname, '../..')
const text = readFileSync(join(root, '.github/workflows/image.yml'), 'utf8')
const workflow = asRecord(load(text))
const jobs = asRecord(workflow['jobs'])
const call = asRecord(asRecord(workflow['on'])['workflow_call'])

const stepsOf = (job: string) => asList(asRecord(jobs[job])['steps']).map(asRecord)
const inputsOf = (action: string) =>
  Object.keys(asRecord(asRecord(load(readFileSync(join(root, action, 'action.yml'), 'utf8')))['inputs']))

const dir = mkdtempSync(join(tmpdir(), 'image-workflow-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** Runs the step that plans the jobs, as a runner would. */
function plan(
  platforms: string,
  runners = '{}',
  annotations = '',
): { code: number | null; log: string; jobs: unknown; annotations: unknown } {
  const output = join(dir, `output-${Math.random()}`)
  const script = asText(stepsOf('plan')[0]?.['run'])
  const { status, stdout } = spawnSync(process.execPath, ['-'], {
    input: script,
    encoding: 'utf8',
    env: { PLATFORMS: platforms, RUNNERS: runners, ANNOTATIONS: annotations, GITHUB_OUTPUT: output },
  })
  const lines = status === 0 ? readFileSync(output, 'utf8').trim().split('\n') : []
  const outputs = Object.fromEntries(
    lines.map((line) => [line.replace(/=.*/, ''), JSON.parse(line.replace(/^\w+=/, '')) as unknown]),
  )
  return { code: status, log: stdout, jobs: outputs['jobs'], annotations: outputs['annotations'] }
}

describe('the plan', () => {
  test('has one job per platform, on its native runner', () => {
    expect(plan('linux/amd64, linux/arm64\n# old\nlinux/arm/v7,linux/amd64\n').jobs).toEqual([
      { part: 0, platform: 'linux/amd64', runner: 'ubuntu-latest' },
      { part: 1, platform: 'linux/arm64', runner: 'ubuntu-24.04-arm' },
      { part: 2, platform: 'linux/arm/v7', runner: 'ubuntu-24.04-arm' },
    ])
  })

  test('takes labels from `runners`', () => {
    expect(plan('linux/arm64', '{"linux/arm64":"arm-large"}').jobs).toEqual([
      { part: 0, platform: 'linux/arm64', runner: 'arm-large' },
    ])
  })

  const ofIndex = 'manifest-descriptor[linux/amd64]:a=b,c\nindex-descriptor:d=e'
  test.each<[annotations: string, build: string, merge: string]>([
    ['', '', ''],
    ['a=b\n\nmanifest:c=d', 'a=b\nmanifest:c=d', ''],
    ['index:a=b\nc=index:d', 'c=index:d', 'index:a=b'],
    ['manifest, index:a=x:y=z', 'manifest:a=x:y=z', 'index:a=x:y=z'],
    [ofIndex, '', ofIndex],
    ['"index,manifest[linux/arm64]:a=b ""c"""', '"manifest[linux/arm64]:a=b ""c"""', '"index:a=b ""c"""'],
    // The build jobs report what is wrong, before anything is built.
    ['indx:a=b\nindex', 'indx:a=b\nindex', ''],
  ])('gives the annotations %j to the jobs that set them', (annotations, build, merge) => {
    expect(plan('linux/amd64', '{}', annotations).annotations).toEqual({ build, merge })
  })

  test.each([
    ['', '{}', '::error::platforms: expected 1 to 16 platforms'],
    [Array.from({ length: 17 }, (_, n) => `linux/p${n}`).join(), '{}', 'found 17'],
    ['linux/amd64', '{', '::error::runners: not valid JSON'],
    [
      'linux/amd64',
      '{"linux/arm64":"x"}',
      '::error::runners: linux/arm64 is not listed in platforms: add it there, or remove it from runners',
    ],
    [
      'linux/amd64',
      '{"linux/arm64":"x","linux/386":"y"}',
      'runners: linux/arm64, linux/386 are not listed in platforms: add them there, or remove them from runners',
    ],
  ])('%s %s: %s', (platforms, runners, expected) => {
    const { code, log } = plan(platforms, runners)
    expect(code).toBe(1)
    expect(log).toContain(expected)
  })
})

describe('the jobs', () => {
  test('pass only inputs that the actions have', () => {
    const action = (job: string) => stepsOf(job).find((step) => asText(step['uses']).startsWith('./../'))
    const build = Object.keys(asRecord(action('build')?.['with']))
    expect(build.filter((name) => !inputsOf('.').includes(name))).toEqual([])
    const merge = Object.keys(asRecord(action('merge')?.['with']))
    expect(merge.filter((name) => !inputsOf('merge').includes(name))).toEqual([])
  })

  test('pass each input to every action that has it', () => {
    const given = Object.keys(asRecord(call['inputs']))
    const notPassed = (job: string, action: string) => {
      const step = stepsOf(job).find(({ uses }) => asText(uses).startsWith('./../'))
      const passed = Object.keys(asRecord(step?.['with']))
      return inputsOf(action).filter((name) => given.includes(name) && !passed.includes(name))
    }
    expect(notPassed('merge', 'merge')).toEqual([])
    // The merge signs.
    expect(notPassed('build', '.').filter((name) => !/^(sign|cosign)-?/.test(name))).toEqual([])
  })

  // A new input of the action belongs into the workflow, or into one of these lists.
  test('offer every input of the action, except those that have no use here', () => {
    const withoutUse = {
      'each job builds on the engine of its own runner, and only one platform': [
        ...['nodes', 'builder', 'endpoint', 'append', 'driver', 'ssh-private-key', 'ssh-known-hosts', 'ssh-config'],
        ...['fallback', 'fail-fast', 'keep-builder', 'keep-state', 'fork-secrets'],
      ],
      'that engine and its BuildKit have their usual settings': [
        ...['driver-opts', 'buildkitd-flags', 'buildkitd-config-inline', 'buildkitd-config', 'cgroup-parent'],
        ...['cache-binary', 'install'],
      ],
      'no other step follows in the job, and none comes before': [
        ...['use', 'load', 'outputs', 'login', 'logout', 'ecr', 'ssh', 'secret-envs', 'secret-files'],
      ],
      'the workflow decides them': ['push', 'partial', 'call', 'dry-run', 'github-token'],
    }
    const offered = [...Object.keys(asRecord(call['inputs'])), ...Object.keys(asRecord(call['secrets']))]
    const missing = inputsOf('.').filter((name) => !offered.includes(name))
    expect(missing.sort()).toEqual(Object.values(withoutUse).flat().sort())
  })

  test('use every input, and every secret where it is needed', () => {
    const used = (kind: string) =>
      new Set([...text.matchAll(new RegExp(`${kind}\\.([a-z-]+)`, 'g'))].map(([, name]) => name))
    expect([...used('inputs')].sort()).toEqual(Object.keys(asRecord(call['inputs'])).sort())
    expect([...used('secrets')].sort()).toEqual(Object.keys(asRecord(call['secrets'])).sort())
  })

  test('have an output for each of 16 parts, and no rights but those that they need', () => {
    const outputs = Object.values(asRecord(asRecord(jobs['build'])['outputs']))
    expect(outputs).toEqual(Array.from({ length: 16 }, (_, n) => `\${{ steps.part.outputs.part-${n} }}`))
    expect(asRecord(jobs['plan'])['permissions']).toEqual({})
    expect(asRecord(jobs['build'])['permissions']).toEqual({ contents: 'read', packages: 'write' })
  })

  // GitHub does not start a workflow that names a permission which its caller does not grant, whatever its `if` says.
  test('name no `id-token: write`: the merge has it if the caller grants it, and runs no code of the image', () => {
    expect(text).not.toMatch(/^[^#]*id-token/m)
    expect([workflow['permissions'], asRecord(jobs['merge'])['permissions']]).toEqual([undefined, undefined])
    const used = stepsOf('merge').map((step) => asText(step['uses']).replace(/@.*/, '') || asText(step['run']))
    const move = 'mv .multiarch-build ../multiarch-build-action'
    expect(used).toEqual(['actions/checkout', move, './../multiarch-build-action/merge'])
  })

  test('test every image where it is built, and sign it in the merge', () => {
    const inputs = (job: string) =>
      Object.keys(asRecord(stepsOf(job).find((step) => asText(step['uses']).startsWith('./../'))?.['with']))
    const trust = inputsOf('.').filter((name) => /^(test|sign|cosign)(-|$)/.test(name))
    expect(
      inputs('build')
        .filter((name) => trust.includes(name))
        .sort(),
    ).toEqual(['test', 'test-target', 'test-timeout'])
    const signing = trust.filter((name) => !name.startsWith('test'))
    expect(signing).toHaveLength(7)
    expect(
      inputs('merge')
        .filter((name) => trust.includes(name))
        .sort(),
    ).toEqual(signing.sort())
  })

  test('run the actions of the commit of this workflow', () => {
    for (const job of ['build', 'merge']) {
      const source = stepsOf(job).find((step) => asRecord(step['with'])['path'] === '.multiarch-build')
      expect(source?.['with']).toEqual({
        repository: '${{ job.workflow_repository }}',
        ref: '${{ job.workflow_sha }}',
        path: '.multiarch-build',
        'persist-credentials': false,
      })
    }
    expect(text).not.toMatch(/uses: org\//)
  })
})
