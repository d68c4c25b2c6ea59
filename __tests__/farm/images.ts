import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { run } from './exec.ts'
import { tar } from './tar.ts'
import type { Entry } from './tar.ts'
import { buildkitVersion, locked } from './tools.ts'
import type { Tools } from './tools.ts'

/** Content with its media type. */
export interface Blob {
  digest: string
  size: number
  mediaType: string
  file: string
}
export interface Image {
  repository: string
  tag: string
  blobs: Blob[]
  manifests: Blob[]
  index?: Blob
}

const config = 'application/vnd.oci.image.config.v1+json'
const manifest = 'application/vnd.oci.image.manifest.v1+json'
const index = 'application/vnd.oci.image.index.v1+json'
const layerType = 'application/vnd.oci.image.layer.v1.tar'

interface Platform {
  os: 'linux'
  architecture: string
  variant?: string
}

/** The farm's images as OCI blobs in the cache, created once from the tools. */
export async function ensureImages(tools: Tools): Promise<Image[]> {
  const key = createHash('sha256')
    .update(['2', tools.rootfs, tools.buildkitd, tools.busybox.arm64].map((p) => p.replace(tools.dir, '')).join('\n'))
    .digest('hex')
    .slice(0, 12)
  const dir = join(tools.dir, `images-${key}`)
  const list = join(dir, 'images.json')
  // Farms may start together, even in one process.
  if (!existsSync(list))
    await locked(async () => {
      if (existsSync(list)) return
      const half = `${dir}.half`
      await rm(half, { recursive: true, force: true })
      await mkdir(half, { recursive: true })
      const images = [await buildkitImage(tools, half), await baseImage(tools, half)]
      await writeFile(join(half, 'images.json'), JSON.stringify(images))
      await rename(half, dir)
    }, 'images')
  const images = JSON.parse(await readFile(list, 'utf8')) as Image[]
  const placed = (blob: Blob): Blob => ({ ...blob, file: join(dir, blob.file) })
  return images.map((i) => ({
    ...i,
    blobs: i.blobs.map(placed),
    manifests: i.manifests.map(placed),
    ...(i.index && { index: placed(i.index) }),
  }))
}

async function buildkitImage(tools: Tools, dir: string): Promise<Image> {
  const inRoot = (path: string): string => join(tools.rootfs, path)
  const entries: Entry[] = [
    ...directories([
      'bin',
      'etc',
      'etc/ssl',
      'etc/ssl/certs',
      'lib64',
      'root',
      'run',
      'tmp',
      'usr',
      'usr/bin',
      'usr/lib',
      'usr/lib/x86_64-linux-gnu',
      'var',
      'var/lib',
    ]),
    ...(await shell(tools.busybox.amd64, tools.busybox.amd64)),
    {
      path: 'etc/ssl/certs/ca-certificates.crt',
      data: await certificates(inRoot('usr/share/ca-certificates/mozilla')),
    },
    { path: 'usr/bin/buildkitd', mode: 0o755, data: await readFile(tools.buildkitd) },
    { path: 'usr/bin/buildctl', mode: 0o755, data: await readFile(tools.buildctl) },
    { path: 'usr/bin/buildkit-runc', mode: 0o755, data: await readFile(inRoot('usr/bin/runc')) },
    { path: 'lib64/ld-linux-x86-64.so.2', mode: 0o755, data: await readFile(inRoot('usr/lib64/ld-linux-x86-64.so.2')) },
  ]
  for (const library of await librariesOf(tools, 'usr/bin/runc'))
    entries.push({
      path: `usr/lib/x86_64-linux-gnu/${basename(library)}`,
      mode: 0o755,
      data: await readFile(await realpath(library)),
    })
  // Not compressed: every cold boot of a builder pulls and unpacks it on this machine.
  const platform: Platform = { os: 'linux', architecture: 'amd64' }
  const run = { Entrypoint: ['buildkitd'], Env: ['PATH=/usr/bin:/bin'] }
  const made = await makeImage(dir, { platform, layer: tar(entries), gzip: false, run })
  return { repository: 'farm/buildkit', tag: buildkitVersion, blobs: made.blobs, manifests: [made.manifest] }
}

async function baseImage(tools: Tools, dir: string): Promise<Image> {
  const variants: [Platform, string][] = [
    [{ os: 'linux', architecture: 'amd64' }, tools.busybox.amd64],
    [{ os: 'linux', architecture: 'arm64' }, tools.busybox.arm64],
    [{ os: 'linux', architecture: 'arm', variant: 'v7' }, tools.busybox.armhf],
    [{ os: 'linux', architecture: '386' }, tools.busybox.i386],
  ]
  const blobs: Blob[] = []
  const manifests: Blob[] = []
  const entries: object[] = []
  for (const [platform, busybox] of variants) {
    const files = [
      ...directories(['bin', 'etc', 'root', 'tmp', 'usr', 'usr/bin', 'var']),
      ...(await shell(busybox, tools.busybox.amd64)),
      { path: 'etc/passwd', data: Buffer.from('root:x:0:0:root:/root:/bin/sh\n') },
      { path: 'etc/group', data: Buffer.from('root:x:0:\n') },
    ]
    const run = { Cmd: ['sh'], Env: ['PATH=/usr/bin:/bin'] }
    const made = await makeImage(dir, { platform, layer: tar(files), gzip: true, run })
    blobs.push(...made.blobs)
    manifests.push(made.manifest)
    entries.push({ mediaType: manifest, digest: made.manifest.digest, size: made.manifest.size, platform })
  }
  return {
    repository: 'farm/base',
    tag: 'latest',
    blobs,
    manifests,
    index: await blob(dir, index, json({ schemaVersion: 2, mediaType: index, manifests: entries })),
  }
}

interface ImageContent {
  platform: Platform
  layer: Buffer
  gzip: boolean
  /** The `config` of the image configuration. */
  run: object
}

async function makeImage(
  dir: string,
  { platform, layer, gzip, run }: ImageContent,
): Promise<{ blobs: Blob[]; manifest: Blob }> {
  const diffId = digestOf(layer)
  const layerBlob = gzip ? await blob(dir, `${layerType}+gzip`, gzipSync(layer)) : await blob(dir, layerType, layer)
  const configBlob = await blob(
    dir,
    config,
    json({
      ...platform,
      created: '1970-01-01T00:00:00Z',
      config: run,
      rootfs: { type: 'layers', diff_ids: [diffId] },
      history: [{ created: '1970-01-01T00:00:00Z', created_by: 'multiarch-build farm' }],
    }),
  )
  const described = (b: Blob): object => ({ mediaType: b.mediaType, digest: b.digest, size: b.size })
  return {
    blobs: [layerBlob, configBlob],
    manifest: await blob(
      dir,
      manifest,
      json({ schemaVersion: 2, mediaType: manifest, config: described(configBlob), layers: [described(layerBlob)] }),
    ),
  }
}

async function blob(dir: string, mediaType: string, data: Buffer): Promise<Blob> {
  const digest = digestOf(data)
  const file = digest.replace('sha256:', '')
  await writeFile(join(dir, file), data)
  return { digest, size: data.length, mediaType, file }
}

/** Lists the applets with a busybox that this machine can run; all have the same version. */
async function shell(busybox: string, runnable: string): Promise<Entry[]> {
  const applets = (await run(runnable, ['--list'])).split('\n').filter((a) => a && a !== 'busybox')
  return [
    { path: 'bin/busybox', mode: 0o755, data: await readFile(busybox) },
    ...applets.map((a) => ({ path: `bin/${a}`, link: 'busybox' })),
  ]
}

/** The shared libraries of a program, listed by the loader of the same Debian. */
async function librariesOf(tools: Tools, program: string): Promise<string[]> {
  const libs = join(tools.rootfs, 'usr/lib/x86_64-linux-gnu')
  const out = await run(join(tools.rootfs, 'usr/lib64/ld-linux-x86-64.so.2'), [
    '--library-path',
    libs,
    '--list',
    join(tools.rootfs, program),
  ])
  return [...out.matchAll(/=> (\S+) \(/g)].map((m) => m[1] ?? '').filter((p) => p.startsWith(libs))
}

async function certificates(dir: string): Promise<Buffer> {
  const names = (await readdir(dir)).sort()
  return Buffer.concat(await Promise.all(names.map((name) => readFile(join(dir, name)))))
}

const directories = (paths: string[]): Entry[] =>
  paths.map((path) => ({ path: `${path}/`, directory: true, mode: path === 'tmp' ? 0o1777 : 0o755 }))
const json = (value: object): Buffer => Buffer.from(JSON.stringify(value))
const digestOf = (data: Buffer): string => `sha256:${createHash('sha256').update(data).digest('hex')}`
