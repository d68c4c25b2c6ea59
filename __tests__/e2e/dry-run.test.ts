import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startPlatformApi, type PlatformApi } from './platform-api.ts'
import type { StepResult } from './runner.ts'
import { farmInputs, freshImage, leftovers, storedTags, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'

const setup = useFarm()
let farm: Farm
let platformApi: PlatformApi
let image: string

beforeAll(async () => {
  farm = setup.farm
  platformApi = await startPlatformApi()
  image = freshImage(farm)
  await farm.registry.resetRequests()
})
afterAll(() => {
  platformApi.close()
})

async function examine(
  inputs: Readonly<Record<string, string>>,
  event = 'pull_request',
): Promise<{ readonly main: StepResult; readonly post: StepResult; readonly made: readonly string[] }> {
  const job = setup.job({ event, env: { GITHUB_API_URL: platformApi.url } })
  const main = await job.main({ 'github-token': 'a-token', ...inputs, 'dry-run': 'true' })
  const made = (
    await Promise.all(
      [farm.nodes.amd, farm.nodes.arm, farm.local].map(async (engine) => [
        ...(await engine.containers()).map(({ name }) => name),
        ...(await engine.volumes()),
      ]),
    )
  ).flat()
  const post = await job.post()
  expect(await leftovers(farm, job)).toEqual([])
  return { main, post, made }
}

describe('dry-run', () => {
  test('reports a complete plan and creates nothing', async () => {
    const { main, post, made } = await examine(
      farmInputs(farm, { image, variants: 'slim: {}\nfull: {tag-suffix: ""}' }),
    )
    expect([main.code, main.errors, main.log]).toEqual([0, [], main.log])
    const run = setup.jobs.at(-1)?.runId ?? ''
    for (const line of [
      /^ {2}\S+: Docker .*, builds linux\/amd64; by ssh:\/\/ci@\S+, a BuildKit container for this run$/,
      new RegExp(
        '^  linux/arm64 slim: on \\S+ \\(emulated\\), ' +
          `cache ${image}:buildcache-slim-linux-arm64-pr \\(does not exist yet\\)$`,
      ),
      new RegExp(`^  ${image}:pr-${run}-slim: new$`),
      new RegExp(`^  ${image}:pr-${run}-slim, with its platforms$`),
      new RegExp(`^  push to ${image}: allowed$`),
      new RegExp(`^  \\S+: BuildKit image ${farm.images.buildkit} (can be pulled|is present)$`),
      new RegExp(`^  \\S+: ${farm.registry.host} is reachable$`),
      /^ {2}status of this repository’s runs: readable$/,
      new RegExp(`^  on \\S+ the container buildx_buildkit_mab-…-[0-9a-f]{8}-${run}-1-… and its volume$`),
      /^ {2}\S+ is a linux\/amd64 machine: it builds linux\/arm64 under emulation/,
    ])
      expect(main.log.split('\n').filter((one) => line.test(one)).length ? '' : String(line) + main.log).toBe('')
    expect(main.log.match(/: on \S+.*, cache /g)).toHaveLength(4)
    expect(main.summary).toContain('This would work. Nothing was built or pushed.')
    expect(main.outputs).toEqual({})
    expect(made).toEqual([])
    expect([post.code, post.warnings]).toEqual([0, []])
    expect(await storedTags(farm, image)).toEqual([])
    const written = (await farm.registry.requests()).filter(
      ({ method, path }) => path.includes(image.slice(image.indexOf('/') + 1)) && !['GET', 'HEAD'].includes(method),
    )
    // An upload that is started and cancelled, to check push access.
    expect(written.map(({ method }) => method)).toEqual(['POST', 'DELETE'])
  })

  test('accepts secrets of every kind', async () => {
    const files = { Dockerfile: `FROM ${farm.images.base}\n`, 'token.txt': 'S3CRET-FILE' }
    const job = setup.job({ files, env: { TOKEN: 'S3CRET-ENV' } })
    const main = await job.main({
      ...farmInputs(farm, { image: freshImage(farm) }),
      secrets: 'a=S3CRET-VALUE',
      'secret-files': 'b=token.txt',
      'secret-envs': 'c=TOKEN',
      'dry-run': 'true',
    })
    expect([main.code, main.errors, main.log]).toEqual([0, [], main.log])
    expect(main.summary).toContain('This would work.')
    expect(main.raw.replace(/^::add-mask::.*$/gm, '')).not.toContain('S3CRET-VALUE')
    await job.post()
    expect(await leftovers(farm, job)).toEqual([])
  })

  test('fails with every reason why the plan would not work', async () => {
    const { privateRegistry } = farm
    const closed = `${privateRegistry.host}/acme/closed`
    const { main, post, made } = await examine(
      {
        ...farmInputs(farm, { image: closed, username: privateRegistry.username, password: 'not-the-password' }),
        'ssh-private-key': farm.otherKey,
        tags: 'x',
      },
      'push',
    )
    expect([main.code, main.log]).toEqual([1, main.log])
    expect(main.errors.join('\n')).toMatch(/accepts none of the keys in ssh-private-key/)
    expect(main.errors.join('\n')).toContain(`Nothing can be pushed to ${closed}`)
    expect(main.log).toContain(`push to ${closed}: refused`)
    expect(main.summary).toContain('This would **not** work.')
    expect(main.log + main.summary).not.toContain('not-the-password')
    expect([made, post.code]).toEqual([[], 0])
  })

  test('names a BuildKit image that does not exist, and registries that a node cannot reach', async () => {
    const away = `unknown.invalid/acme/app`
    const { main, post, made } = await examine({
      ...farmInputs(farm, { image: `${image}\n${away}` }),
      nodes: [
        `- endpoint: ${farm.nodes.amd.endpoint}`,
        '  platforms: linux/amd64',
        `  driver-opts: image=${farm.registry.host}/farm/buildkit:none`,
        `- endpoint: ${farm.nodes.arm.endpoint}`,
        '  platforms: linux/arm64',
        `  driver-opts: image=unknown.invalid/buildkit:v1`,
      ].join('\n'),
      'driver-opts': '',
    })
    expect([main.code, main.log]).toEqual([1, main.log])
    expect(main.errors.join('\n')).toContain(
      `The BuildKit image ${farm.registry.host}/farm/buildkit:none does not exist`,
    )
    expect(main.log).toMatch(/\S+ cannot pull the BuildKit image unknown\.invalid\/buildkit:v1: .*lookup/)
    expect(main.log).toMatch(/\S+ cannot reach unknown\.invalid, to which it pushes: .*lookup/)
    expect([made, post.code]).toEqual([[], 0])
  })
})
