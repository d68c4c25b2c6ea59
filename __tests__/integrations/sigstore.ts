import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { ensureSigstore } from '../farm/optional-tools.ts'

/** A Sigstore on loopback, with the CI platform's server for OIDC tokens. */
export interface Sigstore {
  readonly url: string
  readonly issuer: string
  /** JSON for `sign-config` and `sign-root`. */
  readonly config: string
  readonly root: string
  /** The variables of a job whose tokens are valid, expired, or those of a reusable workflow of another repository. */
  readonly jobEnv: (kind: 'valid' | 'expired' | 'reusable') => Record<string, string>
  readonly stop: () => Promise<void>
}

export async function startSigstore(): Promise<Sigstore> {
  const child = spawn(process.execPath, [await ensureSigstore()], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const settings = JSON.parse(line.toString()) as Pick<Sigstore, 'url' | 'issuer' | 'config' | 'root'>
  return {
    ...settings,
    jobEnv: (kind) => ({
      ACTIONS_ID_TOKEN_REQUEST_URL: `${settings.url}/token/${kind}?api-version=2`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-token',
    }),
    stop: async () => {
      child.stdin.end()
      await once(child, 'close')
    },
  }
}
