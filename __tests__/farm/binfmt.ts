import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run, tryRun } from './exec.ts'
import { binfmtPrefix } from './paths.ts'
import { locked } from './tools.ts'
import type { Tools } from './tools.ts'

const dir = '/proc/sys/fs/binfmt_misc'
const elf = (machine: string, bits: string): string =>
  `\\x7fELF${bits}\\x01\\x01${'\\x00'.repeat(9)}\\x02\\x00${machine}\\x00`
const mask = `\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00${'\\xff'.repeat(8)}\\xfe\\xff\\xff\\xff`

/**
 * Registers emulators for foreign programs, unless the host has them. Must be called in a private mount namespace.
 */
export async function registerEmulators(tools: Tools): Promise<void> {
  await locked(async () => {
    if (!existsSync(join(dir, 'register'))) await run('mount', ['-t', 'binfmt_misc', 'binfmt_misc', dir])
    await register('aarch64', elf('\\xb7', '\\x02'), tools.qemu.arm64)
    await register('arm', elf('\\x28', '\\x01'), tools.qemu.arm)
    await register('riscv64', elf('\\xf3', '\\x02'), tools.qemu.riscv64)
  })
}

async function register(arch: string, magic: string, interpreter: string): Promise<void> {
  const wanted = Buffer.from(magic.replace(/\\x/g, '').replace('ELF', '454c46'), 'hex').toString('hex')
  for (const name of await readdir(dir)) {
    const text = await readFile(join(dir, name), 'utf8').catch(() => '')
    if (
      text.startsWith('enabled') &&
      /^flags: (?=.*P)(?=.*F)/m.test(text) &&
      new RegExp(`^magic ${wanted}`, 'm').test(text)
    )
      return
  }
  // F: the kernel opens the interpreter now, so it works in every mount namespace and container. P: busybox needs its
  // argv[0].
  await writeFile(join(dir, 'register'), `:${binfmtPrefix}${arch}:M::${magic}:${mask}:${interpreter}:PF`)
}

/** Removes the emulators of a farm, in a private mount namespace because the host may not have mounted binfmt_misc. */
export async function unregisterEmulators(): Promise<void> {
  await inPrivateMounts(`for f in ${dir}/${binfmtPrefix}*; do [ ! -e "$f" ] || echo -1 > "$f"; done`)
}

export async function registeredEmulators(): Promise<string[]> {
  const listed = await inPrivateMounts(`ls ${dir}`)
  return listed.split('\n').filter((name) => name.startsWith(binfmtPrefix))
}

async function inPrivateMounts(script: string): Promise<string> {
  const { stdout } = await tryRun('unshare', [
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    `[ -e ${dir}/register ] || mount -t binfmt_misc binfmt_misc ${dir} || exit 0; ${script}`,
  ])
  return stdout
}
