import { expect, test } from '@jest/globals'
import { formatDate, isTimeZone } from '../../../src/metadata/dates.ts'

const instant = '2020-01-10T00:30:05.007Z'

// As moment-timezone writes them.
test.each([
  [instant, 'YYYYMMDD', 'UTC', '20200110'],
  [instant, 'dddd, MMMM Do YYYY, h:mm:ss a', 'UTC', 'Friday, January 10th 2020, 12:30:05 am'],
  [instant, 'YYYYMMDD-HHmmss', 'Asia/Tokyo', '20200110-093005'],
  [instant, 'YYYY-MM-DDTHH:mm:ss.SSS[Z]', 'UTC', '2020-01-10T00:30:05.007Z'],
  [instant, 'YYYY-MM-DD HH:mm Z ZZ', 'America/New_York', '2020-01-09 19:30 -05:00 -0500'],
  [instant, 'Z', 'Asia/Kolkata', '+05:30'],
  [instant, 'X x', 'Asia/Kolkata', '1578616205 1578616205007'],
  [instant, 'YY.M.D', 'UTC', '20.1.10'],
  [instant, 'M Mo MM MMM MMMM Q Qo', 'UTC', '1 1st 01 Jan January 1 1st'],
  [instant, 'D Do DD DDD DDDo DDDD', 'UTC', '10 10th 10 10 10th 010'],
  [instant, 'd do dd ddd dddd e E', 'UTC', '5 5th Fr Fri Friday 5 5'],
  [instant, 'w wo ww W Wo WW', 'UTC', '2 2nd 02 2 2nd 02'],
  [instant, 'gg gggg GG GGGG', 'UTC', '20 2020 20 2020'],
  [instant, 'H HH h hh k kk A a', 'UTC', '0 00 12 12 24 24 AM am'],
  ['2020-01-10T15:04:05.700Z', 'H h k A a Hmm Hmmss hmm hmmss', 'UTC', '15 3 15 PM pm 1504 150405 304 30405'],
  ['2020-01-10T15:04:05.700Z', 'm mm s ss S SS SSS SSSSSS', 'UTC', '4 04 5 05 7 70 700 700000'],
  ['2020-01-10T15:04:05.700Z', 'L|LT|LTS|l|ll', 'UTC', '01/10/2020|3:04 PM|3:04:05 PM|1/10/2020|Jan 10, 2020'],
  [
    '2020-01-10T15:04:05.700Z',
    'LL|LLL|LLLL',
    'UTC',
    'January 10, 2020|January 10, 2020 3:04 PM|Friday, January 10, 2020 3:04 PM',
  ],
  ['2021-01-03T00:00:00.000Z', 'GGGG-[W]WW-E gggg-[w]ww-e', 'UTC', '2020-W53-7 2021-w02-0'],
  ['2024-12-30T00:00:00.000Z', 'GGGG-[W]WW gggg-[w]ww DDDD', 'UTC', '2025-W01 2025-w01 365'],
  ['2024-07-01T12:00:00.000Z', 'HH:mm Z', 'Europe/Berlin', '14:00 +02:00'],
  ['2024-01-01T12:00:00.000Z', 'HH:mm Z', 'Europe/Berlin', '13:00 +01:00'],
  ['2024-11-22T12:00:00.000Z', 'Do', 'UTC', '22nd'],
  ['2024-11-11T12:00:00.000Z', 'Do', 'UTC', '11th'],
  ['2024-11-23T12:00:00.000Z', 'Do', 'UTC', '23rd'],
  [instant, 'z zz', 'Asia/Tokyo', 'JST JST'],
  [instant, 'z', 'UTC', 'UTC'],
  [instant, 'z', 'America/New_York', 'EST'],
  [instant, 'z', 'Asia/Kolkata', 'IST'],
  [instant, 'z', 'Asia/Dubai', '+04'],
  [instant, 'z', 'America/Sao_Paulo', '-03'],
  [instant, 'z', 'Asia/Kathmandu', '+0545'],
  [instant, 'z', 'Australia/Sydney', 'AEDT'],
  [instant, 'z', 'Asia/Jerusalem', 'IST'],
  ['2024-07-01T12:00:00.000Z', 'z', 'Asia/Jerusalem', 'IDT'],
  ['2024-07-01T12:00:00.000Z', 'z', 'Europe/Berlin', 'CEST'],
  ['2024-07-01T12:00:00.000Z', 'z', 'Europe/Dublin', 'IST'],
  ['2024-01-01T12:00:00.000Z', 'z', 'Europe/London', 'GMT'],
  ['2024-01-01T12:00:00.000Z', 'z', 'Africa/Lagos', 'WAT'],
  ['2024-01-01T12:00:00.000Z', 'z', 'Japan', 'JST'],
  [instant, '[at] YYYY \\YYYY.MM_[x', 'UTC', 'at 2020 YYYY.01_[1578616205007'],
])('%s as %j in %s', (date, format, zone, expected) => {
  expect(formatDate(new Date(date), format, zone)).toBe(expected)
})

test.each([
  ['UTC', true],
  ['Europe/Berlin', true],
  ['Europe/Berln', false],
  ['', false],
])('%j is a time zone: %s', (zone, expected) => {
  expect(isTimeZone(zone)).toBe(expected)
})
