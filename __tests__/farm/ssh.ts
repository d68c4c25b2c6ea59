import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './exec.ts'

export const sshPort = 22
/** The same sshd, but forwarding is forbidden on this port. */
export const noForwardingPort = 2222
/** Forwarding is forbidden, and a connection may have two sessions. */
export const fewSessionsPort = 2223
export const sshPorts = [sshPort, noForwardingPort, fewSessionsPort]
const dockerGroup = 990

export async function makeKey(file: string, comment: string): Promise<void> {
  await rm(file, { force: true })
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file])
}

export async function knownHostsLines(address: string, hostKeyFile: string): Promise<string> {
  const [type, key] = (await readFile(`${hostKeyFile}.pub`, 'utf8')).split(' ')
  const hosts = sshPorts.map((port) => (port === sshPort ? address : `[${address}]:${port}`))
  return hosts.map((host) => `${host} ${type} ${key}\n`).join('')
}

export interface MachineFiles {
  dir: string
  node: string
  address: string
  publicKey: string
  keyExchange: KeyExchange
}

/** `default`: as OpenSSH ships. `fast`: without sntrup761, which costs older clients 80 ms of processor time. */
export type KeyExchange = 'default' | 'fast'

/** Writes the files of one machine: users, host key, authorised keys. They are copied over its Debian when it boots. */
export async function writeMachineFiles(files: MachineFiles): Promise<void> {
  const { dir, node, address, publicKey, keyExchange } = files
  const etc = join(dir, 'etc')
  await mkdir(join(etc, 'ssh/authorized'), { recursive: true })
  await chmod(dir, 0o755)
  await makeKey(join(etc, 'ssh/host_key'), node)
  await writeFile(join(etc, 'hostname'), `${node}\n`)
  await writeFile(join(etc, 'hosts'), `127.0.0.1 localhost\n${address} ${node}\n`)
  // No server answers there: a lookup fails at once instead of after a timeout.
  await writeFile(join(etc, 'resolv.conf'), 'nameserver 127.0.0.1\noptions attempts:1 timeout:1\n')
  await writeFile(
    join(etc, 'passwd'),
    [
      'root:x:0:0:root:/root:/bin/sh',
      'sshd:x:100:65534::/run/sshd:/usr/sbin/nologin',
      'nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin',
      '',
    ].join('\n'),
  )
  await writeFile(join(etc, 'group'), `root:x:0:\ntty:x:5:\nnogroup:x:65534:\ndocker:x:${dockerGroup}:\n`)
  await writeFile(join(etc, 'shadow'), 'root:*:20000::::::\nsshd:*:20000::::::\n', { mode: 0o600 })
  await writeFile(join(etc, 'ssh/authorized/keys'), publicKey)
  await writeFile(
    join(etc, 'ssh/sshd_config'),
    [
      ...sshPorts.map((port) => `ListenAddress 127.0.0.1:${port}`),
      'HostKey /etc/ssh/host_key',
      'PidFile /run/sshd.pid',
      'AuthorizedKeysFile /etc/ssh/authorized/keys .ssh/authorized_keys',
      ...(keyExchange === 'fast' ? ['KexAlgorithms mlkem768x25519-sha256,curve25519-sha256'] : []),
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'StrictModes no',
      'UseDNS no',
      'PrintMotd no',
      'MaxStartups 500',
      'MaxSessions 500',
      'LogLevel VERBOSE',
      'SetEnv PATH=/opt/farm:/usr/bin:/bin',
      // All logins come from the network front, so one invalid key would lock every client out.
      'PerSourcePenalties no',
      'Subsystem sftp internal-sftp',
      ...[noForwardingPort, fewSessionsPort].flatMap((port) => [
        `Match LocalPort ${port}`,
        '  AllowStreamLocalForwarding no',
        '  AllowTcpForwarding no',
        ...(port === fewSessionsPort ? ['  MaxSessions 2'] : []),
      ]),
      '',
    ].join('\n'),
  )
  await addUser(dir, { name: 'ci', docker: true })
  await addUser(dir, { name: 'guest', docker: false })
}

export interface User {
  name: string
  docker: boolean
}

/** `root` is where the machine's files are: its seed, or the machine itself while it runs. */
export async function addUser(root: string, { name, docker }: User): Promise<void> {
  const passwd = join(root, 'etc/passwd')
  const users = await readFile(passwd, 'utf8')
  if (!/^[a-z][a-z0-9_-]*$/.test(name)) throw new Error(`not a user name: ${name}`)
  if (!users.includes(`\n${name}:`)) {
    const uid = 1000 + users.split('\n').filter((line) => line.includes(':/home/')).length
    await mkdir(join(root, 'home', name), { recursive: true })
    await run('chown', [`${uid}:${uid}`, join(root, 'home', name)])
    await writeFile(passwd, `${users}${name}:x:${uid}:${uid}::/home/${name}:/bin/bash\n`)
    await writeFile(join(root, 'etc/group'), `${name}:x:${uid}:\n`, { flag: 'a' })
    await writeFile(join(root, 'etc/shadow'), `${name}:*:20000::::::\n`, { flag: 'a' })
  }
  if (docker) {
    const groups = await readFile(join(root, 'etc/group'), 'utf8')
    await writeFile(
      join(root, 'etc/group'),
      groups.replace(
        /^(docker:.*:)(.*)$/m,
        (_, head: string, members: string) =>
          `${head}${[...members.split(',').filter((m) => m && m !== name), name].join(',')}`,
      ),
    )
  }
}
