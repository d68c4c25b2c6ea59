/** The job's own umask; from here on, what we write is for this user alone. */
export const jobUmask = process.umask(0o077)
