import { beforeAll, describe, expect, test } from '@jest/globals'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Job } from './runner.ts'
import {
  buildkitdInputs,
  farmInputs,
  freshImage,
  leftovers,
  oneBuildkitdInputs,
  startBuildkitds,
  storedIndex,
  type Farm,
} from './harness.ts'
import { useFarm } from './setup.ts'

// Existing settings of a job: logins in a file and in a variable, and an engine behind TLS that must not be used.
const setup = useFarm()
let farm: Farm
beforeAll(async () => {
  farm = setup.farm
  await startBuildkitds(farm)
})

const basic = () => Buffer.from(`${farm.privateRegistry.username}:${farm.privateRegistry.password}`).toString('base64')
const auths = (auth: string) => JSON.stringify({ auths: { [farm.privateRegistry.host]: { auth } } })

function open(env: Readonly<Record<string, string>>, lines: readonly string[] = []): Job {
  return setup.job({
    files: { Dockerfile: [`FROM ${farm.images.privateBase}`, 'RUN uname -m > /arch', ...lines, ''].join('\n') },
    env,
  })
}

describe('an existing login of the job', () => {
  const wrong = Buffer.from('nobody:nothing').toString('base64')
  // The registry of the CI platform, by its name.
  const own = () => ({
    GITHUB_SERVER_URL: `http://${farm.privateRegistry.host}`,
    GITHUB_API_URL: 'http://127.0.0.1:9/api/v1',
    GITHUB_ACTOR: farm.privateRegistry.username,
  })

  test.each<[string, string, () => Readonly<Record<string, string>>]>([
    ['in its configuration', 'file', () => ({})],
    ['in DOCKER_AUTH_CONFIG, which is over the file', 'variable', () => ({})],
    ['is used instead of the token', 'file', () => ({ 'github-token': 'a-token-that-may-not' })],
    [
      'is left alone where it is out of date, and the token is not',
      'wrong',
      () => ({ 'github-token': farm.privateRegistry.password }),
    ],
    [
      'is the one of the image, with a scope',
      'wrong',
      () => ({
        'registry-auth': [
          `- registry: '${farm.privateRegistry.host}'`,
          `  username: ${farm.privateRegistry.username}`,
          `  password: ${farm.privateRegistry.password}`,
          `- registry: '${farm.privateRegistry.host}'`,
          '  username: nobody',
          '  password: nothing',
          '  scope: acme/other',
        ].join('\n'),
      }),
    ],
    [
      'is replaced by the login of the step, and the log names the registry',
      'wrong',
      () => ({
        registry: `http://${farm.privateRegistry.host}`,
        username: farm.privateRegistry.username,
        password: farm.privateRegistry.password,
        'github-token': 'a-token-that-may-not',
      }),
    ],
  ])('%s', async (_, where, given) => {
    const job = open({ ...own(), ...(where === 'variable' && { DOCKER_AUTH_CONFIG: auths(basic()) }) })
    const [settings, text] = [join(job.home, '.docker'), auths(where === 'file' ? basic() : wrong)]
    mkdirSync(settings)
    writeFileSync(join(settings, 'config.json'), text)
    const path = `acme/login-${job.runId}`
    const main = await job.main(
      oneBuildkitdInputs(farm, {
        image: `${farm.privateRegistry.host}/${path}`,
        cache: 'off',
        'packages-api': 'oci',
        ...given(),
      }),
    )
    expect(main.code === 0 ? '' : main.log).toBe('')
    expect(await farm.privateRegistry.manifest(path, 'main')).toBeDefined()
    expect(await job.post()).toMatchObject({ code: 0, warnings: [] })
    expect(await leftovers(farm, job)).toEqual([`file ${settings}`])
    expect([readdirSync(settings), readFileSync(join(settings, 'config.json'), 'utf8')]).toEqual([
      ['config.json'],
      text,
    ])
  })
})

test.each([
  ['credsStore', () => ({ credsStore: 'absent' })],
  ['credHelpers', () => ({ credHelpers: { [farm.privateRegistry.host]: 'absent' } })],
])(
  'a missing credential helper in %s is named with its file, before the build and by the failure',
  async (_, config) => {
    const job = open({})
    mkdirSync(join(job.home, '.docker'))
    const file = join(job.home, '.docker/config.json')
    writeFileSync(file, JSON.stringify(config()))
    const main = await job.main(oneBuildkitdInputs(farm, { image: `${farm.privateRegistry.host}/acme/helper` }))
    const [headline = ''] = main.errors
    expect(main.code).toBe(1)
    expect(main.warnings.join('\n')).toContain(`docker-credential-absent is not installed, and ${file} names it in `)
    expect(headline).toContain('docker-credential-absent')
    expect(headline.length).toBeLessThanOrEqual(100)
    expect(main.log).toContain(file)
    expect([(await job.post()).code, (await leftovers(farm, job)).filter((one) => !one.endsWith('/.docker'))]).toEqual([
      0,
      [],
    ])
  },
)

test('variables of another engine are ignored', async () => {
  const job = setup.job({
    env: {
      DOCKER_HOST: 'tcp://docker.invalid:2376',
      DOCKER_TLS_VERIFY: '1',
      DOCKER_CERT_PATH: '/nowhere',
      DOCKER_CONTEXT: 'elsewhere',
      DOCKER_CUSTOM_HEADERS: 'x',
    },
  })
  const image = freshImage(farm)
  const main = await job.main(farmInputs(farm, { image, cache: 'off' }))
  expect(main.code === 0 ? '' : main.log).toBe('')
  expect((await storedIndex(farm, image, 'main'))?.manifests).toHaveLength(4)
  expect((await job.post()).code).toBe(0)
})

describe('a run for a fork', () => {
  test('pushes nothing: empty passwords and secrets are ignored, Dockerfile warnings are logged', async () => {
    const job = setup.job({
      files: {
        Dockerfile: [
          `FROM ${farm.images.base}`,
          'RUN --mount=type=secret,id=key test ! -e /run/secrets/key',
          'CMD echo hello',
          '',
        ].join('\n'),
      },
    })
    const image = freshImage(farm)
    const inputs = buildkitdInputs(farm, {
      image,
      username: 'somebody',
      password: '',
      secrets: 'key=',
      push: '',
      outputs: 'type=image,push=false',
      cache: 'off',
    })
    const main = await job.main(inputs)
    expect(main.code === 0 ? '' : main.log).toBe('')
    expect(await storedIndex(farm, image, 'main')).toBeUndefined()
    expect(main.warnings).toEqual(
      expect.arrayContaining([
        'The login is not used, because its `password` is empty. The run continues, because it pushes nothing.',
        expect.stringMatching(/^The secret `key` has no value, so the build does not get it/),
      ]),
    )
    expect(
      main.raw.match(
        new RegExp(
          '^::warning title=JSONArgsRecommended,file=Dockerfile,line=3::JSON arguments recommended .*' +
            '%0AMore: https://docs\\.docker\\.com/go/dockerfile/rule/json-args-recommended/$',
          'gm',
        ),
      ),
    ).toHaveLength(1)
    await job.post()

    const quiet = setup.job({
      files: { Dockerfile: `FROM ${farm.images.base}\nCMD echo hello\n` },
      env: { DOCKER_BUILD_CHECKS_ANNOTATIONS: 'false' },
    })
    expect((await quiet.main(oneBuildkitdInputs(farm, { image, push: 'false', cache: 'off' }))).warnings).toEqual([])
    await quiet.post()
    for (const one of [job, quiet]) expect(await leftovers(farm, one)).toEqual([])
  })
})
