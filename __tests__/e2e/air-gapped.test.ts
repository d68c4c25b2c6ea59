import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import { isolatedEnv, run } from '../farm/exec.ts'
import { farmInputs, freshImage, storedIndex } from './harness.ts'
import { useFarm } from './setup.ts'

const setup = useFarm()
const page = readFileSync(fileURLToPath(new URL('../../docs/air-gapped.md', import.meta.url)), 'utf8')
const section = page.slice(page.indexOf('\n## Carry the images'), page.indexOf('\n## Certificates and logins'))

test('docs/air-gapped.md carries an image with all platforms and attestations, under the same digest', async () => {
  const { farm } = setup
  const [image, copy] = [freshImage(farm), freshImage(farm)]
  const job = setup.job()
  const built = await job.main(farmInputs(farm, { image, tags: '1.2.3', provenance: 'mode=max' }))
  expect([built.code, (await job.post()).code]).toEqual([0, 0])
  const dir = mkdtempSync(join(tmpdir(), 'carry-'))
  const env = isolatedEnv(dir, { DOCKER_CONFIG: join(dir, 'docker') })
  const [packed = [], unpacked = []] = [...section.matchAll(/^```sh\n([\s\S]*?)```$/gm)].map(([, text = '']) =>
    text.trim().split('\n'),
  )
  expect([packed.length, unpacked.length]).toEqual([4, 4])
  for (const name of ['docker', 'outside', 'inside']) mkdirSync(join(dir, name))
  const execute = async (line: string, cwd: string) => {
    const command = line
      .replace('docker buildx', farm.tools.buildx)
      .replace(/docker\.io\/\S+/, `${image}:1.2.3`)
      .replace(/registry\.example\.com\/\S+:/, `${copy}:`)
    await run('sh', ['-ec', command], { cwd: join(dir, cwd), env })
  }
  for (const line of packed) await execute(line, 'outside')
  await run('mv', [join(dir, 'outside/images.tar'), join(dir, 'inside')])
  for (const line of unpacked) await execute(line, 'inside')
  const source = await storedIndex(farm, image, '1.2.3')
  expect(source?.manifests).toHaveLength(4)
  for (const tag of ['buildx-stable-1', '1', '3.22'])
    expect([tag, await storedIndex(farm, copy, tag)]).toEqual([tag, source])
  for (const { digest } of source?.manifests ?? []) expect((await storedIndex(farm, copy, digest))?.digest).toBe(digest)
  rmSync(dir, { recursive: true })
})
