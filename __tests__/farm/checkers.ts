import { join } from 'node:path'
import { ensureCheckers } from './optional-tools.ts'
import { tryRun } from './exec.ts'
import { projectRoot } from './paths.ts'

/** Runs a checker in its Debian, which sees docs/nodes as its current directory; returns what it found, or ''. */
export async function checkNodeFiles(command: readonly string[]): Promise<string> {
  const root = await ensureCheckers()
  // systemd-analyze looks for the program of a unit.
  const script = [
    'mount -t proc proc "$1/proc"',
    'mount -t tmpfs tmpfs "$1/tmp"',
    'mount -t tmpfs tmpfs "$1/usr/local"',
    'install -D /dev/null "$1/usr/local/bin/buildkitd"',
    'cp "$2"/* "$1/tmp/"',
    'root=$1; shift 2',
    'exec env -i PATH=/usr/sbin:/usr/bin HOME=/tmp chroot "$root" env --chdir=/tmp "$@"',
  ].join(' && ')
  const args = ['--mount', 'sh', '-c', script, 'sh', root, join(projectRoot, 'docs/nodes'), ...command]
  const { code, stdout, stderr } = await tryRun('unshare', args)
  return code === 0 ? '' : `${command.join(' ')} exited with ${code}:\n${stdout}${stderr}`
}
