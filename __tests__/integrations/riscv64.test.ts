import { beforeAll, expect, test } from '@jest/globals'
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { ensureRiscv64 } from '../farm/optional-tools.ts'
import { freshImage, leftovers, storedIndex, type Farm } from '../e2e/harness.ts'
import { useFarm } from '../e2e/setup.ts'

// The second machine as a riscv64 machine: QEMU runs its BuildKit and the steps of its builds.
const setup = useFarm()
let farm: Farm
let root: string

beforeAll(async () => {
  farm = setup.farm
  root = await ensureRiscv64()
  await farm.nodes.amd.startBuildkitd()
}, 1_500_000)

const access = () => ({ 'ssh-private-key': farm.privateKey, 'ssh-known-hosts': farm.knownHosts, fallback: 'fail' })

/** QEMU does not emulate the system calls by which runc creates namespaces: the kernel runs the runc of the machine. */
const runc = {
  'usr/bin/runc': 'usr/bin/buildkit-runc',
  'usr/lib64/ld-linux-x86-64.so.2': 'lib64/ld-linux-x86-64.so.2',
  'usr/lib/x86_64-linux-gnu/libc.so.6': 'usr/lib/x86_64-linux-gnu/libc.so.6',
  'usr/lib/x86_64-linux-gnu/libseccomp.so.2': 'usr/lib/x86_64-linux-gnu/libseccomp.so.2',
}

/** Builds a BuildKit image for riscv64 on the other machine, which runs none of its programs. */
async function buildBuildkit(image: string): Promise<void> {
  const dockerfile = 'FROM scratch\nCOPY root /\nENV PATH=/usr/bin:/bin\nENTRYPOINT ["buildkitd"]\n'
  const job = setup.job({ files: { Dockerfile: dockerfile } })
  cpSync(root, join(job.workspace, 'root'), { recursive: true })
  mkdirSync(join(job.workspace, 'root/tmp'))
  for (const [from, to] of Object.entries(runc))
    cpSync(join(farm.tools.rootfs, from), join(job.workspace, 'root', to), { dereference: true })
  const main = await job.main({
    ...access(),
    nodes: `linux/riscv64 = ${farm.nodes.amd.buildkitdEndpoint}`,
    image,
    tags: 'v1',
    // Its compression would take longer than its build.
    outputs: 'type=image,push=true,compression=uncompressed',
    cache: 'off',
    // In an index, the machine's engine, which is an amd64 program, would look for its own platform.
    provenance: 'false',
  })
  await job.post()
  if (main.code !== 0) throw new Error(main.log)
}

test('a riscv64 machine builds with the BuildKit image of its node, beside an amd64 machine', async () => {
  const [buildkit, image] = [freshImage(farm), freshImage(farm)]
  await buildBuildkit(buildkit)
  const dockerfile = 'FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /bin/sh\nRUN echo "built on $(uname -m)"\n'
  const job = setup.job({ files: { Dockerfile: dockerfile } })
  cpSync(join(root, 'usr/bin/busybox'), join(job.workspace, 'riscv64'))
  cpSync(farm.tools.busybox.amd64, join(job.workspace, 'amd64'))
  const entry = (endpoint: string, platform: string, used: string) => [
    `- endpoint: ${endpoint}`,
    `  platforms: ${platform}`,
    `  driver-opts: [image=${used}, network=host]`,
  ]
  const nodes = [
    ...entry(farm.nodes.amd.endpoint, 'linux/amd64', farm.images.buildkit),
    ...entry(farm.nodes.arm.endpoint, 'linux/riscv64', `${buildkit}:v1`),
  ]
  const main = await job.main({ ...access(), nodes: nodes.join('\n'), image, tags: 'v1' })
  const post = await job.post()
  if (main.code !== 0) throw new Error(main.log)
  expect([post.code, post.warnings]).toEqual([0, []])
  for (const machine of ['x86_64', 'riscv64']) expect(main.log).toContain(`built on ${machine}`)
  const platforms = (await storedIndex(farm, image, 'v1'))?.manifests.map(({ platform }) => platform.architecture)
  expect(platforms?.filter((name) => name !== 'unknown').sort()).toEqual(['amd64', 'riscv64'])
  expect(await leftovers(farm, job)).toEqual([])
}, 600_000)
