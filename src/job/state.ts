import * as core from '@actions/core'
import { parseCachedFile, type CachedFile } from '../buildx/install/binary-cache.ts'
import { packagesChoices } from '../packages/select.ts'
import { formatRepository, parseRepository, type Repository } from '../registry/reference.ts'
import { RunDir } from '../run/run-dir.ts'
import type { UndoRequest } from '../stories/undo-ports.ts'

type CleanupMode = UndoRequest['tags']

/** What main saves for the post step. */
export interface MainState {
  readonly dir: RunDir
  /** Main's process, as `processIdentity` names it. */
  readonly main: string
  readonly cleanup: CleanupMode
  readonly packagesApi: string
  readonly images: readonly Repository[]
  /** When main started, in milliseconds since the epoch; 0 if unknown. */
  readonly began: number
}

/** To be called before the run directory is created: post then knows it whenever main is killed. */
export function saveMainState({ dir, main, cleanup, packagesApi, images, began }: MainState): void {
  const state = {
    main,
    cleanup,
    'packages-api': packagesApi,
    images: images.map(formatRepository).join(' '),
    began,
    dir: dir.path,
  }
  Object.entries(state).forEach(([name, value]) => core.saveState(name, value))
}

/** Undefined if main did not get that far. */
export function loadMainState(): MainState | undefined {
  const dir = core.getState('dir')
  const cleanup = core.getState('cleanup')
  return dir === ''
    ? undefined
    : {
        dir: new RunDir(dir),
        main: core.getState('main'),
        cleanup: cleanup === 'always' || cleanup === 'never' ? cleanup : 'auto',
        packagesApi: packagesChoices[core.getState('packages-api')] ?? 'auto',
        images: core
          .getState('images')
          .split(' ')
          .flatMap((name) => parseRepository(name, () => undefined) ?? []),
        began: Number(core.getState('began')),
      }
}

/** A downloaded buildx that the post step stores in the job's cache service. */
export function saveDownload(file: CachedFile): void {
  core.saveState('buildx', JSON.stringify(file))
}

export function loadDownload(): CachedFile | undefined {
  return parseCachedFile(core.getState('buildx'))
}
