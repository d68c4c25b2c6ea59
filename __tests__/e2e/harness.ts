import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from '../farm/client.ts'
import { attachFarm, type Farm, type FarmNode } from '../farm/farm.ts'
import { createJob, type Job, type JobOptions } from './runner.ts'

export { attachFarm }
export type { Farm, FarmNode }

/** An app with a step that a cache saves, and a step that changes with each release. */
export function appFiles(farm: Farm, lines: readonly string[] = []): Record<string, string> {
  return {
    Dockerfile: [
      `FROM ${farm.images.base}`,
      'ARG EXTRAS=none',
      'COPY deps.txt /deps.txt',
      'RUN echo "dependencies for $(uname -m) with $EXTRAS" | tee /deps.log',
      'COPY app.txt /app.txt',
      'RUN cat /app.txt > /app.log',
      ...lines,
      '',
    ].join('\n'),
    'deps.txt': 'one\ntwo\n',
    'app.txt': 'release 1\n',
  }
}

/** A job on a runner that has the farm's tools and its local engine. */
export function farmJob(farm: Farm, options: JobOptions = {}): Job {
  return createJob({
    ...options,
    files: options.files ?? appFiles(farm),
    env: { PATH: `${farm.tools.bin}:${process.env['PATH'] ?? ''}`, DOCKER_HOST: farm.local.dockerHost, ...options.env },
  })
}

/** The address of this host on the farm's bridge. */
export function bridgeOf(farm: Farm): string {
  return farm.nodes.amd.host.replace(/\d+$/, '1')
}

let images = 0

/** A repository that no other test uses. */
export function freshImage(farm: Farm): string {
  return `${farm.registry.host}/acme/app-${process.pid}-${Date.now()}-${images++}`
}

export interface StoredIndex {
  readonly digest: string
  readonly annotations: Readonly<Record<string, string>>
  readonly manifests: readonly {
    readonly digest: string
    readonly mediaType: string
    readonly platform: { readonly os: string; readonly architecture: string; readonly variant?: string }
    readonly annotations?: Readonly<Record<string, string>>
  }[]
}

/** The index in the farm's registry with this tag or digest; undefined if there is none. */
export async function storedIndex(farm: Farm, image: string, reference: string): Promise<StoredIndex | undefined> {
  const found = await farm.registry.manifest(repositoryOf(farm, image), reference)
  return found && { annotations: {}, manifests: [], ...found.json, digest: found.digest }
}

export async function storedTags(farm: Farm, image: string): Promise<string[]> {
  return await farm.registry.tags(repositoryOf(farm, image))
}

function repositoryOf(farm: Farm, image: string): string {
  return image.slice(farm.registry.host.length + 1)
}

/** The inputs for the farm's two machines. */
export function farmInputs(farm: Farm, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    nodes: `linux/amd64 = ${farm.nodes.amd.endpoint}\nlinux/arm64 = ${farm.nodes.arm.endpoint}`,
    'ssh-private-key': farm.privateKey,
    'ssh-known-hosts': farm.knownHosts,
    'driver-opts': `image=${farm.images.buildkit}\nnetwork=host`,
    ...more,
  }
}

/** Everything of the action that still exists on the nodes, in the runner's directories and as a process. */
export async function leftovers(farm: Farm, job: Job): Promise<string[]> {
  const engines = Object.entries<Engine>({ ...farm.nodes, local: farm.local })
  const found = await Promise.all(
    engines.map(async ([name, engine]) => {
      const [containers, volumes] = await Promise.all([engine.containers(), engine.volumes()])
      return [
        ...containers.map((container) => `container ${container.name} on ${name}`),
        ...volumes.map((volume) => `volume ${volume} on ${name}`),
      ]
    }),
  )
  const files = [job.temp, job.home].flatMap((dir) => readdirSync(dir).map((file) => `file ${join(dir, file)}`))
  return [...found.flat(), ...files, ...processesMentioning(job.dir).map((line) => `process ${line}`)]
}

/** Persistent builders spare each job the boot of a daemon, in files that do not test it. They stay on the nodes. */
export const keptBuilder = { 'keep-builder': 'true' } as const

/** Removes the persistent builders from all nodes, with their volumes. */
export async function removeKeptBuilders(farm: Farm): Promise<void> {
  const script =
    'docker rm -f -v $(docker ps -aq --filter name=mab-keep-); ' +
    'docker volume rm -f $(docker volume ls -q --filter name=mab-keep-)'
  await Promise.all(Object.values<Engine>({ ...farm.nodes, local: farm.local }).map((engine) => engine.exec(script)))
}

/** Command lines of running processes that contain one of the texts. */
export function processesMentioning(...texts: readonly string[]): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => tryRead(join('/proc', pid, 'cmdline')).replaceAll('\0', ' '))
    .filter((line) => texts.some((text) => line.includes(text)))
}

export function tryRead(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The inputs for the first machine only. */
export function oneNodeInputs(farm: Farm, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return farmInputs(farm, { nodes: `linux/amd64 = ${farm.nodes.amd.endpoint}`, ...more })
}

/** As `farmInputs`, with a BuildKit that runs on each machine, so that no job boots one; see `startBuildkitds`. */
export function buildkitdInputs(farm: Farm, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { amd, arm } = farm.nodes
  const nodes = `linux/amd64 = ${amd.buildkitdEndpoint}\nlinux/arm64 = ${arm.buildkitdEndpoint}`
  return farmInputs(farm, { nodes, 'driver-opts': '', ...more })
}

/** As `oneNodeInputs`, with the BuildKit that runs on the machine. */
export function oneBuildkitdInputs(farm: Farm, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return buildkitdInputs(farm, { nodes: `linux/amd64 = ${farm.nodes.amd.buildkitdEndpoint}`, ...more })
}

/** Starts a BuildKit on each machine, unless one runs there. */
export async function startBuildkitds(farm: Farm): Promise<void> {
  await Promise.all([farm.nodes.amd.startBuildkitd(), farm.nodes.arm.startBuildkitd()])
}

/** Removes all that the BuildKits of `startBuildkitds` have cached, as if they were new. Nothing may build on them. */
export async function emptyBuildkitds(farm: Farm): Promise<void> {
  const { amd, arm } = farm.nodes
  const buildctl = `buildctl --addr unix://${amd.buildkitdSocket}`
  const prune = `${buildctl} prune --all >/dev/null && ${buildctl} du --format '{{range .}}{{.ID}} {{end}}'`
  await Promise.all(
    [amd, arm].map(async (node) => {
      const isEmpty = async () => {
        const { code, stdout, stderr } = await node.exec(prune)
        if (code !== 0) throw new Error(stderr)
        return stdout.trim() === ''
      }
      // BuildKit 0.34 does not release every result of a step that failed.
      await waitFor(`the end of the cache on ${node.name}`, isEmpty, 5000).catch(() => replaceBuildkitd(node))
    }),
  )
}

async function replaceBuildkitd(node: FarmNode): Promise<void> {
  const { code, stderr } = await node.exec(
    'pid=$(pgrep -of "^/opt/farm/buildkitd --addr=unix:///run/buildkit/") && kill "$pid" && ' +
      'timeout 30 sh -c "while grep -q buildkitd /proc/$pid/cmdline; do sleep 0.05; done" 2>/dev/null; ' +
      'rm -rf /var/lib/buildkit/farm /share/buildkitd.sock',
  )
  if (code !== 0) throw new Error(stderr)
  await node.startBuildkitd()
}

/** Runs up to `most` at a time: enough to use two processors, few enough not to slow each other down. */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  most = 4,
): Promise<R[]> {
  const results: R[] = []
  const queue = items.entries()
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: most }, worker))
  return results
}

/** Waits until a condition is true; the deadline only ends a failing test. */
export async function waitFor<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  deadline = 60_000,
): Promise<T> {
  const end = Date.now() + deadline
  for (;;) {
    const found = await check()
    if (found !== undefined && found !== false) return found
    if (Date.now() > end) throw new Error(`${what} did not come`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** The image configuration of a platform. */
export async function imageConfig(farm: Farm, image: string, reference: string, platform: string): Promise<unknown> {
  const repository = repositoryOf(farm, image)
  const index = await storedIndex(farm, image, reference)
  const child = index?.manifests.find(
    (manifest) => `${manifest.platform.os}/${manifest.platform.architecture}` === platform,
  )
  const manifest = await farm.registry.manifest(repository, child?.digest ?? '')
  const { digest } = manifest?.json['config'] as { digest: string }
  return JSON.parse(Buffer.from(await farm.registry.blob(repository, digest)).toString('utf8'))
}
