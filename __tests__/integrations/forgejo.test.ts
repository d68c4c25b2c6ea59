import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { runWorkflow } from './act.ts'
import { appFiles, type Farm } from '../e2e/harness.ts'
import { useFarm } from '../e2e/setup.ts'
import type { PackageHost } from '../e2e/package-hosts.ts'
import { openGitea } from './optional-hosts.ts'

// The workflows of docs/forgejo.md on a runner, with a real Gitea. The runner numbers its runs from 1, as Gitea does.
const setup = useFarm()
let farm: Farm
let gitea: PackageHost
let dir: string
let image: string

const page = readFileSync(fileURLToPath(new URL('../../docs/forgejo.md', import.meta.url)), 'utf8')
const workflows = [...page.matchAll(/^```yaml\n(on:[\s\S]*?)```$/gm)].map((match) => match[1] ?? '')
const findWorkflow = (text: string) => workflows.find((workflow) => workflow.includes(text)) ?? ''

beforeAll(async () => {
  farm = setup.farm
  gitea = await openGitea(farm)
  dir = mkdtempSync(join(tmpdir(), 'forgejo-'))
  image = gitea.freshImage()
}, 1_200_000)
afterAll(async () => {
  await gitea.stop()
  rmSync(dir, { recursive: true, force: true })
})

async function runPage(text: string, event: string): Promise<string> {
  const { username = '', password = '', registries = '' } = gitea.inputs
  const [host = ''] = image.split('/')
  const options = `driver-opts: "image=${farm.images.buildkit}\\nnetwork=host"`
  const workflow = findWorkflow(text)
    .replaceAll('https://github.com/actions/', 'actions/')
    .replace(/https:\/\/github\.com\/org\/multiarch-build(\S*)@v1/g, '.$1/')
    // This action is in the checkout.
    .replace(/^( *)steps:\n(?! *- uses: actions\/checkout)/gm, '$1steps:\n$1  - uses: actions/checkout@v5\n')
    // The runner has buildx.
    .replace(/^ *version: .*\n/m, '')
    .replace(/ssh:\/\/ci@amd\S*/, farm.nodes.amd.endpoint)
    .replace(/ssh:\/\/ci@arm\S*/, farm.nodes.arm.endpoint)
    // The organization of the images of pull requests.
    .replace('forgejo.example.com/acme-pr/app', image)
    .replaceAll('forgejo.example.com', host)
    .replace(/^( *)image: .*$/m, (line, indent: string) => `${line}\n${indent}registries: '${registries}'`)
    .replace(/^( *)ssh-known-hosts: .*$/gm, (line, indent: string) => `${line}\n${indent}${options}`)
  const { code, log } = await runWorkflow(farm, dir, {
    workflow,
    files: appFiles(farm),
    event,
    repository: image.slice(host.length + 1),
    platformEnv: { ...gitea.env, FORGEJO_ACTIONS: 'true', GITEA_ACTIONS: 'true' },
    secrets: {
      ...(event === 'push' && { BUILDKIT_SSH_KEY: farm.privateKey, PACKAGES_TOKEN: password }),
      ...(event !== 'push' && { PR_SSH_KEY: farm.privateKey, PR_PACKAGES_TOKEN: password }),
    },
    variables: { BUILDKIT_KNOWN_HOSTS: farm.knownHosts, PACKAGES_USER: username, PR_PACKAGES_USER: username },
  })
  if (code !== 0) throw new Error(log)
  return log
}

const stored = async () => [...(await gitea.digests(image))].sort()

test('a push publishes an image for both platforms in the registry of the server', async () => {
  await runPage('push:', 'push')
  expect(await gitea.read(image, 'main')).toBeDefined()
})

test('a pull request with a small run id is built, and its post step deletes it through the packages API', async () => {
  const before = await stored()
  const log = await runPage('on: pull_request', 'pull_request')
  expect(log).toContain(`${image}:pr-1`)
  const tags = await gitea.tags(image)
  expect(tags).not.toContain('pr-1')
  const caches = tags.filter((tag) => /^buildcache-.*-pr/.test(tag))
  const cached = await Promise.all(caches.map(async (tag) => (await gitea.read(image, tag))?.digest))
  expect(cached.length).toBeGreaterThan(0)
  expect((await stored()).filter((digest) => !before.includes(digest) && !cached.includes(digest))).toEqual([])
  expect(await gitea.read(image, 'main')).toBeDefined()
})

test('the scheduled cleanup deletes nothing that a tag needs', async () => {
  const before = await stored()
  await runPage('cleanup@v1', 'schedule')
  expect(await stored()).toEqual(before)
})
