import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const farmSources = dirname(fileURLToPath(import.meta.url))
export const projectRoot = dirname(dirname(farmSources))
const caches = process.env['XDG_CACHE_HOME'] ?? ''
export const cacheDir = join(caches === '' ? join(homedir(), '.cache') : caches, 'multiarch-build-farm')

/** Contains sockets, whose paths are limited to 104 characters, so TMPDIR is used only if it is short. */
const base = tmpdir().length <= 24 ? tmpdir() : '/tmp'
export const dirPrefix = 'mab-farm-'
export const farmDir = (id: number): string => join(base, `${dirPrefix}${id}`)
export const farmsRoot = base

export const bridgeName = (id: number): string => `mab${id}`
export const linkName = (id: number, node: string): string => `mab${id}-${node}`
export const subnet = (id: number): string => `10.213.${id}`
export const cgroupName = (id: number): string => `mab-farm-${id}`
export const binfmtPrefix = 'mab-farm-'
