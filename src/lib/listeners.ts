import { setMaxListeners } from 'node:events'

// One signal ends as many requests and builds as a run has at once. From the eleventh on, Node would take that for a
// leak, and say so in the job's log.
setMaxListeners(0)
