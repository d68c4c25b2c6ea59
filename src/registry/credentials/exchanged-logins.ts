import type { Env } from '../../lib/lists.ts'
import type { Login } from '../auth.ts'
import { dockerConfigKey } from './docker-config.ts'

/*
 * Which logins are exchanged for others. How, is in ecr.ts and docker-hub-oidc.ts, which most jobs do not load.
 */

export type EcrMode = 'auto' | 'true' | 'false'

// https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
const domains = 'amazonaws\\.(?:com(?:\\.cn)?|eu)|on\\.aws|on\\.amazonwebservices\\.com\\.cn'
const privateEcr = new RegExp(`^\\d{12}\\.dkr[.-]ecr(?:-fips)?\\.([a-z0-9-]+)\\.(?:${domains})$`)
export const publicEcr = ['public.ecr.aws', 'ecr-public.aws.com']

/** The AWS region of an ECR registry; undefined for any other. */
export function ecrRegion(registry: string): string | undefined {
  return publicEcr.includes(registry) ? 'us-east-1' : privateEcr.exec(registry)?.[1]
}

/** Whether a login is an AWS key, to be exchanged for a password. */
export function isEcr(registry: string, mode: EcrMode): boolean {
  return mode === 'true' || (mode === 'auto' && ecrRegion(registry) !== undefined)
}

/** The variable that names the connection of this repository to Docker Hub. */
export const connectionVariable = 'DOCKERHUB_OIDC_CONNECTIONID'

/**
 * Whether a login without a password is one by the OIDC token of the job, as in login-action:
 * https://docs.docker.com/enterprise/security/oidc-connections/
 */
export function isHubOidc({ registry, username, password }: Login, env: Env): boolean {
  const isHub = dockerConfigKey(registry) === dockerConfigKey('docker.io') || registry === 'dhi.io'
  return isHub && username !== '' && password === '' && (env[connectionVariable] ?? '').trim() !== ''
}
