import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { downloadFile, DownloadError, type DownloadDeps } from '../../buildx/install/download.ts'
import type { CosignRelease } from '../../inputs/sign.ts'
import { UserError } from '../../lib/errors.ts'
import { isExecutable } from '../../lib/files.ts'

const releases = 'https://github.com/sigstore/cosign/releases/download'
const largestBinary = 512 * 1024 * 1024
const systems = ['linux', 'darwin']
/** Processors with another name in releases than in Node. */
const processors: Readonly<Record<string, string>> = { x64: 'amd64', ppc64: 'ppc64le' }

interface InstallDeps extends DownloadDeps {
  /** A private directory. */
  readonly dir: string
  readonly platform?: string
  readonly arch?: string
}

/**
 * Downloads the cosign of a release. It is not executed unless it has the digest that the workflow names: a checksum
 * from the same release as the program would prove nothing.
 *
 * @returns its path
 * @throws UserError
 */
export async function installCosign({ version, digest }: CosignRelease, deps: InstallDeps): Promise<string> {
  const { dir, platform = process.platform, arch = process.arch } = deps
  const url = `${releases}/v${version}/cosign-${platform}-${processors[arch] ?? arch}`
  if (!systems.includes(platform)) throw notInstalled(version, [`there is no release for ${platform}`])
  const path = join(dir, 'cosign')
  try {
    const file = await downloadFile(url, path, largestBinary, deps)
    if (file.digest === digest) return checkExecutable(path, version)
    throw notInstalled(version, [`expected: sha256:${digest}`, `actual:   sha256:${file.digest}`])
  } catch (error) {
    rmSync(path, { force: true })
    deps.signal.throwIfAborted()
    throw error instanceof DownloadError ? notInstalled(version, [error.message], error) : error
  }
}

function checkExecutable(path: string, version: string): string {
  if (isExecutable(path)) return path
  const message = `cosign ${version} cannot be executed: ${path}`
  throw new UserError({ code: 'runner', message, hint: noexecHint })
}

const noexecHint =
  'The temporary directory of this runner is probably mounted with `noexec`: mount it with `exec`, or install cosign ' +
  'on the runner and remove `cosign-release`.'

const hint =
  'Nothing was executed or built. Check `cosign-release`: its digest must be that of the binary for this runner’s ' +
  'processor. Or allow this runner to reach github.com, directly or through HTTPS_PROXY, or install cosign on it.'

function notInstalled(version: string, details: readonly string[], cause?: unknown): UserError {
  const message = `cosign ${version} could not be downloaded and verified`
  return new UserError({ code: 'runner', message, hint, details, cause })
}
