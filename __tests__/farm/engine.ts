import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { acceptsConnections, waitFor } from './exec.ts'
import type { ExecResult } from './exec.ts'

/** Runs commands on a machine as root. */
export interface Shell {
  name: string
  /** The host's side of the machine's /share. */
  share: string
  run: (command: string) => Promise<ExecResult>
  spawn: (log: string, command: string[]) => void
}

/** The engine listens at the usual path and in the directory shared with the host. */
export async function startEngine({ name, share, run, spawn }: Shell): Promise<void> {
  await run('rm -f /run/docker.pid /run/docker.sock /share/docker.sock')
  spawn('dockerd', [
    'dockerd',
    '--host=unix:///run/docker.sock',
    '--host=unix:///share/docker.sock',
    '--group=docker',
    '--data-root=/var/lib/docker',
    '--exec-root=/run/docker',
    '--pidfile=/run/docker.pid',
    '--feature=containerd-snapshotter=true',
    '--exec-opt=native.cgroupdriver=cgroupfs',
    '--bridge=none',
    '--iptables=false',
    '--ip6tables=false',
    '--ip-forward=false',
    '--ip-masq=false',
    '--shutdown-timeout=2',
  ])
  await waitFor(`the engine of ${name}`, () => engineAnswers(share), 30_000)
}

/** Whether the engine of a machine answers within five seconds. */
export async function engineAnswers(share: string): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const asked = request({ socketPath: join(share, 'docker.sock'), path: '/_ping', timeout: 5000 }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    asked.once('timeout', () => asked.destroy(new Error('no answer')))
    asked.once('error', () => resolve(false))
    asked.end()
  })
}

export async function stopEngine({ run }: Shell): Promise<void> {
  await run(
    'pid=$(cat /run/docker.pid 2>/dev/null) || exit 0; kill "$pid" 2>/dev/null; ' +
      'for i in $(seq 100); do kill -0 "$pid" 2>/dev/null || exit 0; sleep 0.05; done; kill -9 "$pid"',
  )
}

export async function startBuildkitd({ name, share, spawn }: Shell): Promise<void> {
  if (existsSync(join(share, 'buildkitd.sock'))) return
  spawn('buildkitd', [
    '/opt/farm/buildkitd',
    '--addr=unix:///run/buildkit/buildkitd.sock',
    '--addr=unix:///share/buildkitd.sock',
    '--group=990',
    // Not the default, which a buildkitd of a test may use.
    '--root=/var/lib/buildkit/farm',
    '--oci-worker-binary=/usr/sbin/runc',
    '--oci-worker-net=host',
    '--allow-insecure-entitlement=network.host',
    '--containerd-worker=false',
  ])
  await waitFor(`buildkitd of ${name}`, () => acceptsConnections(join(share, 'buildkitd.sock')))
}
