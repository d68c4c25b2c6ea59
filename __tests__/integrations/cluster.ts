import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { load } from 'js-yaml'
import { isolatedEnv } from '../farm/exec.ts'
import { ensureKubernetes } from '../farm/optional-tools.ts'
import type { Farm } from '../e2e/harness.ts'

/** The relevant fields of a Deployment. */
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
  deployments(namespace?: string): Promise<readonly Deployment[]>
  /** What it printed on standard error. */
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
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (log += chunk))
  const [line] = (await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => {
      throw new Error(`the cluster ended: ${log}`)
    }),
  ])) as [Buffer]
  const path = (user: string): string => join(dir, user)
  const list = createLister(path('admin'))
  const deployments = async (namespace: string) => await list(`/apis/apps/v1/namespaces/${namespace}/deployments`)
  return {
    url: line.toString().trim(),
    kubeconfig: (user) => {
      if (!existsSync(path(user))) throw new Error(`the cluster has no user ${user}`)
      return path(user)
    },
    names: async (namespace = 'default') => {
      const configMaps = list(`/api/v1/namespaces/${namespace}/configmaps`)
      return [
        ...(await deployments(namespace)).map(({ metadata }) => `deployment.apps/${metadata.name}`),
        ...(await configMaps).map(({ metadata }) => `configmap/${metadata.name}`),
      ].sort()
    },
    deployments: async (namespace = 'default') => await deployments(namespace),
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

interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: Readonly<Record<'server' | 'certificate-authority-data', string>> }]
  readonly users: readonly [{ readonly user: { readonly token: string } }]
}

/** Lists objects below a path of the API, without the processor time of a kubectl for each list. */
function createLister(kubeconfig: string): (path: string) => Promise<readonly Deployment[]> {
  const { clusters, users } = load(readFileSync(kubeconfig, 'utf8')) as Kubeconfig
  const [{ cluster }] = clusters
  const headers = { authorization: `Bearer ${users[0].user.token}` }
  const ca = Buffer.from(cluster['certificate-authority-data'], 'base64')
  return async (path) => {
    const [status, body] = await new Promise<[number | undefined, string]>((resolve, reject) => {
      get(new URL(path, cluster.server), { headers, ca }, (answer) => {
        text(answer).then((read) => resolve([answer.statusCode, read]), reject)
      }).once('error', reject)
    })
    if (status !== 200) throw new Error(`the cluster answered ${path} with ${status}: ${body}`)
    return (JSON.parse(body) as { readonly items: readonly Deployment[] | null }).items ?? []
  }
}
