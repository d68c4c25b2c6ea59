import { randomBytes } from 'node:crypto'
import type { Farm } from '../farm/farm.ts'

/** Steps of the Dockerfile that a cache can serve on a second release, on each platform. */
export const cacheable = 3

/**
 * A small service as they are built every day: dependencies that take 3 s and rarely change, assets, and an application
 * step of 2 s whose input is new with each release.
 */
export function benchApp(farm: Farm): Record<string, string> {
  return {
    Dockerfile: [
      `FROM ${farm.images.base}`,
      'COPY deps.txt /app/deps.txt',
      'RUN sleep 3 && head -c 6000000 /dev/urandom > /app/deps.bin',
      'COPY assets /app/assets',
      'COPY release.txt /app/release.txt',
      'RUN sleep 2 && cat /app/release.txt /app/deps.txt > /app/built.txt',
      '',
    ].join('\n'),
    'deps.txt': 'left-pad 1.3.0\n',
    'assets/pictures.txt': randomBytes(3_000_000).toString('base64'),
    'release.txt': '1\n',
  }
}

/** The file whose change makes a new release. */
export const releaseFile = 'release.txt'
