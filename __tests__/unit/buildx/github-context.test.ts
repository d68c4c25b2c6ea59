import { afterAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { githubContext } from '../../../src/buildx/github-context.ts'

const dir = mkdtempSync(join(tmpdir(), 'context-'))
const path = join(dir, 'event.json')
writeFileSync(path, '{"number": 7}')
afterAll(() => rmSync(dir, { recursive: true }))

const job = { GITHUB_ACTIONS: 'true', GITHUB_EVENT_NAME: 'push', GITHUB_EVENT_PATH: path }
const parse = (env: Readonly<Record<string, string>>): unknown => JSON.parse(String(githubContext(env)))

describe('githubContext', () => {
  test('a group of variables is complete, or missing', () => {
    const actor = { GITHUB_ACTOR: 'ci', GITHUB_ACTOR_ID: '1', GITHUB_TRIGGERING_ACTOR: 'ci' }
    expect(parse({ ...job, ...actor, GITHUB_REF: 'refs/heads/main' })).toEqual({
      github_event_name: 'push',
      github_event_payload: { number: 7 },
      github_actor: 'ci',
      github_actor_id: '1',
      github_triggering_actor: 'ci',
    })
  })

  test('the variables of the runner get the names that buildx gives them', () => {
    const names = ['ImageOS', 'ImageVersion', 'RUNNER_OS', 'RUNNER_ARCH', 'RUNNER_ENVIRONMENT', 'RUNNER_NAME']
    const runner = Object.fromEntries([...names, 'RUNNER_TRACKING_ID'].map((name) => [name, 'x']))
    expect(Object.keys(parse({ ...job, ...runner }) as object)).toEqual([
      'github_event_name',
      'github_event_payload',
      'github_runner_image_os',
      'github_runner_image_version',
      'github_runner_os',
      'github_runner_arch',
      'github_runner_environment',
      'github_runner_tracking_id',
      'github_runner_name',
    ])
  })

  test('only in a job', () => {
    expect(githubContext({ ...job, GITHUB_ACTIONS: '' })).toBeUndefined()
    expect(githubContext({ ...job, GITHUB_EVENT_PATH: '' })).toBeUndefined()
  })
})
