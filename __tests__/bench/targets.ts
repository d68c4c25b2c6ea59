import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { farmInputs, farmJob } from '../e2e/harness.ts'
import type { Farm } from '../farm/farm.ts'
import { alternate, pairRounds, type Benchmark } from './compare.ts'
import { createBuilder, manualEnv, removeBuilder, runDocker } from './manual.ts'
import { now } from './measure.ts'

const variants = Array.from({ length: 20 }, (_, index) => `v${index + 1}`)
const platforms = { amd: ['linux/amd64', 'linux/386'], arm: ['linux/arm64'] } as const

/** Builds and pushes 20 variants for three platforms on two nodes, by the action and by one `buildx bake`. */
export async function measureTargets(farm: Farm, scratch: string, rounds: number): Promise<Benchmark> {
  const { action, other } = await alternate(rounds, {
    action: (round) => buildByAction(farm, round),
    other: (round) => bakeManually(farm, mkdtempSync(join(scratch, 'targets-')), round),
  })
  const title = `${variants.length} variants × ${platforms.amd.length + platforms.arm.length} platforms`
  const rest = { other: '`buildx bake`: one builder, no check, one cache per variant', unit: 's' } as const
  return { details: '', comparisons: [{ title, ...rest, rounds: pairRounds(action, other) }] }
}

/** Each round has steps of its own, since no round may find the work of another. */
const dockerfile = (farm: Farm, round: number, method: string) =>
  `FROM ${farm.images.base}\nARG VARIANT\nRUN echo "$VARIANT ${method} ${round}" > /variant\n`

async function buildByAction(farm: Farm, round: number): Promise<number> {
  await wipe(farm)
  const job = farmJob(farm, { files: { Dockerfile: dockerfile(farm, round, 'action') } })
  try {
    const began = now()
    const { code, log } = await job.main(
      farmInputs(farm, {
        image: `${farm.registry.host}/bench/targets-action-${round}`,
        tags: '1.0',
        nodes: Object.entries(platforms)
          .map(([node, list]) => `${list.join(',')} = ${farm.nodes[node as keyof typeof platforms].endpoint}`)
          .join('\n'),
        variants: variants.map((name) => `${name}: {build-args: VARIANT=${name}}`).join('\n'),
      }),
    )
    if (code !== 0) throw new Error(log)
    const post = await job.post()
    if (post.code !== 0) throw new Error(post.log)
    return now() - began
  } finally {
    job.end()
  }
}

async function bakeManually(farm: Farm, dir: string, round: number): Promise<number> {
  await wipe(farm)
  const env = manualEnv(farm, dir)
  const app = join(dir, 'app')
  mkdirSync(app)
  writeFileSync(join(app, 'Dockerfile'), dockerfile(farm, round, 'manual'))
  const image = `${farm.registry.host}/bench/targets-manual-${round}`
  const target = (name: string) => {
    const cache = `type=registry,ref=${image}:buildcache-${name}`
    return {
      context: app,
      args: { VARIANT: name },
      platforms: Object.values(platforms).flat(),
      tags: [`${image}:1.0-${name}`],
      'cache-from': [cache],
      'cache-to': [`${cache},mode=max`],
      output: ['type=image,push=true'],
    }
  }
  const file = join(dir, 'bake.json')
  const targets = Object.fromEntries(variants.map((name) => [name, target(name)]))
  writeFileSync(file, JSON.stringify({ group: { default: { targets: variants } }, target: targets }))
  const began = now()
  await createBuilder(farm, env, 'by-hand', ['amd', 'arm'])
  try {
    const flags = ['--builder', 'by-hand', '--allow', `fs.read=${app}`, '--progress=rawjson']
    await runDocker(farm, env, ['bake', '--file', file, ...flags])
  } finally {
    await removeBuilder(farm, env, 'by-hand')
  }
  return now() - began
}

async function wipe({ nodes }: Farm): Promise<void> {
  await Promise.all(Object.values(nodes).map((node) => node.wipe()))
}
