import { careful, type Care } from '../../src/packages/care.ts'
import type { Variant } from './history.ts'

const without = (...names: (keyof Care)[]): Variant => ({ care: { ...careful, ...Object.fromEntries(names.map((name) => [name, false])) } })

/** Wrong versions of the algorithm, each of which loses or leaves something sooner or later. */
export const mutations: Readonly<Record<string, Variant>> = {
  'reads no version again, and asks no registry either': without('readsAgain', 'asksRegistry'),
  'deletes children before what refers to them': without('parentsFirst'),
  'takes everything untagged for its own': without('checksNonce'),
  'ignores other tags on a version': without('heedsOtherTags'),
  'ignores that others refer to it by now': without('heedsAdoption'),
  'trusts lists that are stale, and nothing else': without('distrustsStaleLists', 'asksRegistry'),
  'takes unknown runs for dead': without('unknownRunsLive'),
  'does not look at versions that appeared meanwhile': without('checksNewVersions'),
  'stops at the first page': without('readsAllPages'),
  'never asks the registry, nor looks at new versions': without('asksRegistry', 'checksNewVersions'),
  'restores nothing': without('restores'),
  'takes runs that go on for dead': without('heedsRunState'),
  'deletes what tells whose the rest is first': without('evidenceLast'),
  'deletes whatever its tag names by now': without('checksDigest'),
  'takes the time of a version for its age': { care: careful, trustsTimestamps: true },
}
