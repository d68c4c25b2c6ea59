import type { Event } from '../forge/event.ts'
import type { Env } from '../lib/lists.ts'
import type { Login } from '../registry/auth.ts'
import type { RegistryHosts } from '../registry/hosts.ts'
import type { Repository } from '../registry/reference.ts'
import { parseAliases } from './aliases.ts'
import { parseBuilderInputs, type BuilderInputs } from './builder-inputs.ts'
import { Diagnostics } from './diagnostics.ts'
import { hostFiles, LocalPaths } from './local-paths.ts'
import { parseLogins } from './logins/logins.ts'
import { createBuilderStore } from './nodes/builder-store.ts'
import { parseSshKeys } from './nodes/ssh-key.ts'
import { parseRegistries } from './registries.ts'
import { variableOf } from './source.ts'

/*
 * Inputs that the post step reads again. Main has reported every issue: what cannot be parsed is left out.
 */

const ignore = () => undefined

const textsOf = (env: Env) => (name: string) => (env[variableOf(name)] ?? '').trim()

/** The logins of the step. */
export async function readPostLogins(env: Env, event: Event, images: readonly Repository[]): Promise<readonly Login[]> {
  return await parseLogins({ env, event, text: textsOf(env), report: ignore, warn: ignore }, { images, push: true })
}

/** The keys of `ssh-private-key`. */
export function readPostKeys(env: Env): readonly string[] {
  return parseSshKeys(textsOf(env)('ssh-private-key'), ignore)
}

/** The nodes and their SSH access, if the run directory is lost. */
export async function readPostNodes(env: Env, event: Event): Promise<BuilderInputs> {
  const diagnostics = new Diagnostics()
  const { report, warn, note, hasIssue } = diagnostics
  const given = textsOf(env)
  const paths = new LocalPaths(event.workspace, hostFiles, report)
  const { texts, nodeList } = await parseAliases({ given, paths, diagnostics })
  const text = (name: string) => texts.get(name) ?? given(name)
  return await parseBuilderInputs(
    { env, event, paths, text, report, warn, note, hasIssue, nodeList },
    createBuilderStore(env),
  )
}

/**
 * How registries are reached, if the run directory is lost.
 *
 * @throws InputError if a certificate cannot be read any more
 */
export async function readPostRegistries(env: Env, event: Event): Promise<RegistryHosts> {
  const diagnostics = new Diagnostics()
  const { report } = diagnostics
  const paths = new LocalPaths(event.workspace, hostFiles, report)
  const hosts = await parseRegistries({ text: textsOf(env), paths, report })
  diagnostics.throwIssues()
  return hosts
}
