const here = process.umask(0o077)
process.umask(here)

/** The umask that the job gave us. */
export const jobUmask = here

/**
 * What we write from here on is for this user alone. For the entry points to say: to import a module changes nothing.
 */
export function setPrivateUmask(): void {
  process.umask(0o077)
}
