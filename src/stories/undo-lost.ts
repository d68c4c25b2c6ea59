import { dirname } from 'node:path'
import { collectNodeGarbage } from '../gc/nodes.ts'
import { onlyBuilder } from '../gc/run-status.ts'
import { errorMessage } from '../lib/errors.ts'
import { repositoryScope, runBuilderName } from '../run/names.ts'
import { describeOwner, removeRunDir, writeOwner } from '../run/owner.ts'
import { RunDir } from '../run/run-dir.ts'
import type { UndoPorts, UndoRequest } from './undo-ports.ts'

const nextRun = 'The next run on this node removes it.'
const nextRuns = 'The next run on each node removes them.'

/** Removes the builders of a run whose journal is lost, by their names. Never throws. @returns whether it found any */
export async function undoOnNodes(
  { dir: lost, event }: Pick<UndoRequest, 'dir' | 'event'>,
  { openNodes, log }: Pick<UndoPorts, 'openNodes' | 'log'>,
): Promise<boolean> {
  const builder = runBuilderName(lost.key, event)
  const dir = RunDir.choose(dirname(lost.path))
  try {
    dir.create()
    writeOwner(dir, await describeOwner({ ...event, scope: repositoryScope(event) }))
    const outcomes = await openNodes(dir)
    for (const { spec, failure } of outcomes)
      if (failure) log.warn(`The builder ${builder} on ${spec.name} was not removed: ${failure.message}. ${nextRun}`)
    const nodes = outcomes.flatMap(({ node }) => node ?? [])
    const collected = await collectNodeGarbage(nodes, onlyBuilder(builder), { self: builder, dir })
    for (const { node, removed, failed } of collected) {
      if (removed.length > 0) log.info(`Removed ${removed.join(', ')} on ${node}.`)
      failed.forEach((reason) => log.warn(`A builder on ${node} was not removed: ${reason}. ${nextRun}`))
    }
    return collected.some(({ removed }) => removed.length > 0)
  } catch (error) {
    log.warn(`The builders ${builder} on the nodes were not removed: ${errorMessage(error)}. ${nextRuns}`)
    return false
  } finally {
    await removeRunDir(dir.path).catch((error: unknown) => log.debug(errorMessage(error)))
  }
}
