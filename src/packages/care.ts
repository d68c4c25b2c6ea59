/**
 * Each thing without which cleanup would sooner or later delete what is alive, or leave what is dead. All of them hold;
 * the proof switches one off at a time, to show that it would notice.
 */
export interface Care {
  /** A version is read again right before it is deleted. */
  readonly readsAgain: boolean
  /** Nothing is deleted while something that is to be deleted still refers to it. */
  readonly parentsFirst: boolean
  /** Only what bears the mark of its run is that run's. */
  readonly checksNonce: boolean
  /** A version that also bears another tag stays. */
  readonly heedsOtherTags: boolean
  /** What somebody else's image needs stays. */
  readonly heedsAdoption: boolean
  /** A list that still shows what was deleted proves nothing. */
  readonly distrustsStaleLists: boolean
  /** A run that nobody knows may be alive. */
  readonly unknownRunsLive: boolean
  /** Versions that appeared meanwhile are looked at. */
  readonly checksNewVersions: boolean
  /** Lists are read to their end. */
  readonly readsAllPages: boolean
  /** The registry is asked what its tags name, whatever lists say. */
  readonly asksRegistry: boolean
  /** What was deleted in spite of all that, and is needed, is restored. */
  readonly restores: boolean
  /** A run that goes on, or has been started again, is alive. */
  readonly heedsRunState: boolean
  /** What tells whose the others are goes last. */
  readonly evidenceLast: boolean
  /** A journalled tag that names something else by now is somebody else's. */
  readonly checksDigest: boolean
}

export const careful: Care = {
  readsAgain: true,
  parentsFirst: true,
  checksNonce: true,
  heedsOtherTags: true,
  heedsAdoption: true,
  distrustsStaleLists: true,
  unknownRunsLive: true,
  checksNewVersions: true,
  readsAllPages: true,
  asksRegistry: true,
  restores: true,
  heedsRunState: true,
  evidenceLast: true,
  checksDigest: true,
}
