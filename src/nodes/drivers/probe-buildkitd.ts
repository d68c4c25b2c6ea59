import type { ClientHttp2Session } from 'node:http2'
import { within } from '../../lib/time.ts'

/**
 * A buildkitd greets with HTTP/2 settings; anything else that answers is not one. Ends the session. @throws where no
 * greeting comes within `deadline` milliseconds
 */
export async function awaitGreeting(session: ClientHttp2Session, deadline: number): Promise<void> {
  const greeted = new Promise<void>((resolve, reject) => {
    session.once('remoteSettings', () => resolve())
    session.once('error', reject)
    session.once('close', () => reject(new Error('the connection was closed')))
  })
  try {
    await within(deadline, greeted, () => new Error(`no answer within ${deadline / 1000} s`))
  } finally {
    session.destroy()
  }
}
