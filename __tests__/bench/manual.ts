import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import type { Farm } from '../farm/farm.ts'
import { countConnections, now, type Measured, type Release } from './measure.ts'
import { hasRun, isStep, parseVertices, workByKind } from './trace.ts'

/** What people type: a builder with a node behind `ssh://` each, one build for both platforms, one cache. */
export async function releaseManually({ farm, image, files, tag, scratch }: Release): Promise<Measured> {
  const env = manualEnv(farm, scratch)
  const app = join(scratch, 'app')
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(app, name)), { recursive: true })
    writeFileSync(join(app, name), text)
  }
  const docker = (...args: string[]) => runDocker(farm, env, args)
  const cache = `type=registry,ref=${image}:buildcache`
  const { result, connections } = await countConnections(farm, async () => {
    const began = now()
    await createBuilder(farm, env, 'by-hand', ['amd', 'arm'])
    const created = now()
    const platforms = ['--platform', 'linux/amd64,linux/arm64']
    const progress = await docker(
      'build',
      '--builder',
      'by-hand',
      ...platforms,
      '--push',
      '-t',
      `${image}:${tag}`,
      '--cache-from',
      cache,
      '--cache-to',
      `${cache},mode=max`,
      '--progress=rawjson',
      app,
    ).catch(async (error: unknown) => {
      await removeBuilder(farm, env, 'by-hand')
      throw error
    })
    const built = now()
    await removeBuilder(farm, env, 'by-hand')
    return { began, created, built, removed: now(), vertices: parseVertices(progress) }
  })
  const { began, created, built, removed, vertices } = result
  const work = workByKind([result])
  const boot = work['boot of the daemons']
  const hits = (platform: string) =>
    vertices.filter((vertex) => isStep(vertex) && !hasRun(vertex) && vertex.name.startsWith(`[${platform} `)).length
  return {
    took: removed - began,
    connections,
    cached: { 'linux/amd64': hits('linux/amd64'), 'linux/arm64': hits('linux/arm64') },
    phases: {
      create: created - began,
      'boot of the daemons': boot,
      'build, push, cache': built - created - boot,
      rm: removed - built,
    },
    work,
  }
}

const nodePlatforms = { amd: ['linux/amd64', 'linux/386'], arm: ['linux/arm64'] } as const
type NodeName = keyof typeof nodePlatforms

/** A builder with a container on each node; one that an earlier builder of this name has left is used again. */
export async function createBuilder(
  farm: Farm,
  env: NodeJS.ProcessEnv,
  name: string,
  nodes: readonly NodeName[],
): Promise<void> {
  const driver = ['--driver', 'docker-container', '--driver-opt', `image=${farm.images.buildkit},network=host`]
  for (const [index, node] of nodes.entries()) {
    const own = ['--name', name, '--node', `${name}-${node}`, ...(index > 0 ? ['--append'] : [])]
    const platform = ['--platform', nodePlatforms[node].join(',')]
    await runDocker(farm, env, ['create', ...own, ...driver, ...platform, farm.nodes[node].endpoint])
  }
}

export async function removeBuilder(farm: Farm, env: NodeJS.ProcessEnv, name: string): Promise<void> {
  await runDocker(farm, env, ['rm', '--force', name])
}

/** Runs `docker buildx`. @returns what it says on stderr; throws with it if the command fails. */
export async function runDocker(farm: Farm, env: NodeJS.ProcessEnv, args: readonly string[]): Promise<string> {
  return await run(farm.tools.docker, ['buildx', ...args], env)
}

/**
 * The environment of a person's shell, in an empty directory. OpenSSH takes the home from the user database, not from
 * HOME, so that its private configuration comes by way of the PATH.
 */
export function manualEnv(farm: Farm, scratch: string): NodeJS.ProcessEnv {
  const [bin, home, config] = ['bin', 'home', 'docker'].map((name) => join(scratch, name)) as [string, string, string]
  for (const dir of [bin, home, config]) mkdirSync(dir)
  const path = process.env['PATH'] ?? ''
  const ssh =
    path
      .split(delimiter)
      .map((dir) => join(dir, 'ssh'))
      .find((file) => existsSync(file)) ?? 'ssh'
  writeFileSync(join(home, 'known_hosts'), farm.knownHosts)
  writeFileSync(
    join(home, 'ssh_config'),
    [
      'Host *',
      `  IdentityFile ${farm.privateKeyFile}`,
      '  IdentitiesOnly yes',
      `  UserKnownHostsFile ${join(home, 'known_hosts')}`,
      '  StrictHostKeyChecking yes',
      '  BatchMode yes',
      '',
    ].join('\n'),
  )
  writeFileSync(join(bin, 'ssh'), `#!/bin/sh\nexec ${ssh} -F ${join(home, 'ssh_config')} "$@"\n`, { mode: 0o755 })
  writeFileSync(join(config, 'config.json'), JSON.stringify({ cliPluginsExtraDirs: [farm.tools.plugins] }))
  return {
    PATH: `${bin}:${farm.tools.bin}:${path}`,
    HOME: home,
    DOCKER_CONFIG: config,
    DOCKER_HOST: farm.local.dockerHost,
  }
}

/** Gives what the command says on stderr; throws with it if the command fails. */
async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0)
    throw new Error(
      `docker ${args.slice(0, 2).join(' ')} failed:\n${output
        .split('\n')
        .filter((line) => !line.startsWith('{'))
        .join('\n')}`,
    )
  return output
}
