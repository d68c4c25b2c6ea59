import { expect, test } from '@jest/globals'
import { renderCopyLines, renderCopySummary, type CopyResult } from '../../../src/report/copy.ts'

const whole: CopyResult = {
  from: 'r.example/acme/app:1.2.3',
  digest: 'sha256:whole',
  sourceDigest: 'sha256:whole',
  referrers: 0,
  tags: [],
  notes: [],
}

test('a whole copy has the digest of its source', () => {
  expect(renderCopyLines(whole, 1000)[0]).toBe('r.example/acme/app:1.2.3 → sha256:whole')
  expect(renderCopySummary(whole, 1000)).toContain('`r.example/acme/app:1.2.3` is `sha256:whole`.')
})

test('a copy of some platforms is told apart from its source', () => {
  const reduced = { ...whole, digest: 'sha256:reduced' }
  expect(renderCopyLines(reduced, 1000)[0]).toBe('r.example/acme/app:1.2.3 → sha256:reduced, reduced from sha256:whole')
  expect(renderCopySummary(reduced, 1000)).toContain(
    '`r.example/acme/app:1.2.3` is `sha256:whole`; its reduced copy is `sha256:reduced`.',
  )
})
