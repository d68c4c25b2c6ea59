import { shorten, type Report } from './mistake.ts'

/** Reads `version` of setup-buildx-action, without its `v`; empty where any buildx will do. */
export function readBuildxVersion(text: string, report: Report): string {
  if (text === '') return ''
  const [, version] = /^v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)$/.exec(text) ?? []
  if (version === undefined) report({ input: 'version', given: shorten(text), expected: 'is no version of buildx, and none is downloaded here: write `v0.30.1`, for example, and have it on the runner, or leave it out' })
  return version ?? ''
}
