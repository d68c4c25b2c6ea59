import { describe, expect, test } from '@jest/globals'
import { findSilence, formatSilence } from '../../../src/buildx/heartbeat.ts'

const running = (name: string, silentFor: number, parts: readonly string[] = []) => [
  { name, targets: [], runningFor: silentFor, silentFor, parts, output: [] },
]

describe('findSilence', () => {
  test.each([
    ['[internal] load metadata for docker.io/library/alpine:3', 'docker.io'],
    ['[auth] library/alpine:pull token for registry-1.docker.io', 'registry-1.docker.io'],
    ['importing cache manifest from ghcr.io/acme/app:buildcache', 'ghcr.io'],
    ['resolve image config for docker-image://docker.io/docker/dockerfile:1', 'docker.io'],
    ['[1/2] FROM 127.0.0.1:5000/base:1@sha256:0', '127.0.0.1:5000'],
    ['exporting to image', 'the registry'],
  ])('%s waits for %s', (name, host) => {
    expect(findSilence(running(name, 61_000), 60_000)).toEqual({ host, phase: name, duration: 61_000 })
    expect(findSilence(running(name, 59_000), 60_000)).toBeUndefined()
  })

  test('steps and the boot of a daemon do not wait for a registry', () => {
    for (const name of ['[2/2] RUN make exporting', '[test] echo importing cache', '[internal] booting buildkit'])
      expect(findSilence(running(name, 1_000_000), 60_000)).toBeUndefined()
  })

  test('an export waits for the registry once its layers are compressed', () => {
    for (const part of ['preparing build cache for export', 'exporting layers'])
      expect(findSilence(running('exporting cache to registry', 1_000_000, [part]), 60_000)).toBeUndefined()
    for (const part of ['sending cache export', 'pushing layers'])
      expect(findSilence(running('exporting to image', 61_000, [part]), 60_000)).toBeDefined()
  })

  test('names host and phase', () => {
    const silence = { host: 'ghcr.io', phase: 'importing cache manifest from ghcr.io/a', duration: 60_400 }
    expect(formatSilence(silence)).toBe('No response from ghcr.io for 60 s: importing cache manifest from ghcr.io/a')
  })
})
