/**
 * Makes V8 collect garbage sooner: most memory is output of build steps or chunks of layers, garbage at once, which it
 * would let pile up on a large machine. Loaded on demand, so that the step starts sooner.
 */
export function limitGarbage(): Promise<void> {
  return (limited ??= setFlags())
}

/** The flags hold for the process. */
let limited: Promise<void> | undefined

async function setFlags(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8')
  // The second keeps the space for new objects as small as it is at the start.
  for (const flag of ['--optimize-for-size', '--semi-space-growth-factor=1']) setFlagsFromString(flag)
}
