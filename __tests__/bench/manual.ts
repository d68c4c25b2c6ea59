import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import type { Farm } from '../farm/farm.ts'
import { countConnections, now, type Measured, type Release } from './measure.ts'
import { hasRun, isStep, parseVertices, workByKind } from './trace.ts'

/** What people type: a builder with a node behind `ssh://` each, one build for both platforms, one cache. */
export async function releaseManually({ farm, image, files, tag, scratch }: Release): Promise<Measured> {
  const env = prepare(farm, scratch)
  const app = join(scratch, 'app')
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(app, name)), { recursive: true })
    writeFileSync(join(app, name), text)
  }
  const docker = (...args: string[]) => run(farm.tools.docker, ['buildx', ...args], env)
  const { amd, arm } = farm.nodes
  const options = [
    '--name',
    'by-hand',
    '--driver',
    'docker-container',
    '--driver-opt',
    `image=${farm.images.buildkit},network=host`,
  ]
  const cache = `type=registry,ref=${image}:buildcache`
  const { result, connections } = await countConnections(farm, async () => {
    const began = now()
    await docker('create', ...options, '--platform', 'linux/amd64', amd.endpoint)
    await docker('create', ...options, '--append', '--platform', 'linux/arm64', arm.endpoint)
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
      await docker('rm', '--force', 'by-hand')
      throw error
    })
    const built = now()
    await docker('rm', '--force', 'by-hand')
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

/**
 * OpenSSH takes the home from the user database, not from HOME, so that its private configuration comes by way of the
 * PATH.
 */
function prepare(farm: Farm, scratch: string): NodeJS.ProcessEnv {
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
