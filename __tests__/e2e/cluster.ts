import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isolatedEnv, run } from '../farm/exec.ts'
import { ensureKubectl, ensureKubernetes } from '../farm/optional-tools.ts'
import type { Farm } from './harness.ts'

export interface Deployment {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly nodeSelector?: Readonly<Record<string, string>>
        readonly containers: readonly {
          readonly env?: readonly { readonly name: string; readonly value: string }[]
          readonly args?: readonly string[]
        }[]
      }
    }
  }
}

/** A cluster whose nodes are the farm's machines, one per architecture. */
export interface Cluster {
  readonly url: string
  /** The path of a kubeconfig: with the permissions that the documentation lists, or with too few. */
  kubeconfig(user: 'builder' | 'reader' | 'reaper' | 'admin'): string
  /** `deployment.apps/NAME` and `configmap/NAME` of everything in a namespace. */
  names(namespace?: string): Promise<string[]>
  /** The relevant fields of a Deployment. */
  deployments(namespace?: string): Promise<readonly Deployment[]>
  /** The relevant fields of its pod template. */
  log(): string
  end(): Promise<void>
}

export async function startCluster(farm: Farm): Promise<Cluster> {
  const dir = mkdtempSync(join(tmpdir(), 'cluster-'))
  const machines = Object.entries({ amd64: farm.nodes.amd, arm64: farm.nodes.arm }).map(
    ([arch, { dockerSocket }]) => `${arch}=${dockerSocket}`,
  )
  const child = spawn(await ensureKubernetes(), [dir, '127.0.0.1', ...machines], {
    env: isolatedEnv(dir, { PATH: `${farm.tools.bin}:${process.env['PATH'] ?? ''}` }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
  const [line] = (await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => {
      throw new Error(`the cluster ended: ${log}`)
    }),
  ])) as [Buffer]
  const path = (user: string): string => join(dir, user)
  const kubectl = async (args: readonly string[]): Promise<string> =>
    await run(join(await ensureKubectl(), 'kubectl'), ['--kubeconfig', path('admin'), ...args], {
      env: isolatedEnv(dir),
    })
  return {
    url: line.toString().trim(),
    kubeconfig: (user) => {
      if (!existsSync(path(user))) throw new Error(`the cluster has no user ${user}`)
      return path(user)
    },
    names: async (namespace = 'default') =>
      (await kubectl(['get', 'deployments,configmaps', '--namespace', namespace, '--output', 'name']))
        .split('\n')
        .filter((name) => name !== '')
        .sort(),
    deployments: async (namespace = 'default') =>
      (
        JSON.parse(await kubectl(['get', 'deployments', '--namespace', namespace, '--output', 'json'])) as {
          readonly items: readonly Deployment[]
        }
      ).items,
    log: () => log,
    end: async () => {
      const over = once(child, 'exit')
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM')
        await over
      }
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
