import { escapeMarkup } from '../lib/format.ts'

/** What notes and warnings of a summary are about, with the section of docs/troubleshooting.md that explains them. */
const sections = {
  inputs: 'inputs',
  forks: 'builds-of-forks',
  emulation: 'emulation',
  machine: 'clock-and-disk',
  certificates: 'certificates',
  fallback: 'unavailable-nodes',
  cache: 'cache-exports',
  mirror: 'mirrors',
} as const

type NoteTopic = keyof typeof sections

/** What the user should know about a run, for log and summary. */
export interface Note {
  readonly topic: NoteTopic
  readonly text: string
}

const page = 'https://github.com/org/multiarch-build/blob/v1/docs/troubleshooting.md'

/** PURE: notes about one topic. */
export function notesOn(topic: NoteTopic, texts: readonly string[]): readonly Note[] {
  return texts.map((text) => ({ topic, text }))
}

/** PURE: a block quote with a link to the explanation after each note; nothing without notes. */
export function renderNotes(notes: readonly Note[]): string[] {
  if (notes.length === 0) return []
  const linked = notes.map(({ topic, text }) => `${escapeMarkup(text)} [${topic}](${page}#${sections[topic]})`)
  return [linked.map((note) => note.replace(/^/gm, '> ')).join('\n>\n')]
}
