// Date formats of moment.js, which the templates of docker/metadata-action use.
// Written by hand on purpose: moment (61 kB minified) with moment-timezone (44 kB) would make the bundle of the main
// step, 380 kB, a quarter larger; Day.js (7 kB, and 10 kB of plugins) does not know all tokens. This file adds 3 kB.

/** A date and time of day as a clock in a time zone shows it. */
interface ZonedDate {
  /** Its UTC fields are those that the clock shows. */
  readonly clock: Date
  /** Minutes by which the clock is ahead of UTC. */
  readonly offset: number
  readonly instant: Date
  readonly zone: string
}

type Render = (date: ZonedDate) => string
type NumberOf = (date: ZonedDate) => number

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

const year: NumberOf = ({ clock }) => clock.getUTCFullYear()
const month: NumberOf = ({ clock }) => clock.getUTCMonth() + 1
const day: NumberOf = ({ clock }) => clock.getUTCDate()
const weekday: NumberOf = ({ clock }) => clock.getUTCDay()
const hour: NumberOf = ({ clock }) => clock.getUTCHours()
const hour12: NumberOf = (date) => hour(date) % 12 || 12
const minute: NumberOf = ({ clock }) => clock.getUTCMinutes()
const second: NumberOf = ({ clock }) => clock.getUTCSeconds()
const monthName: Render = (date) => months[month(date) - 1] ?? ''
const dayName: Render = (date) => days[weekday(date)] ?? ''
const two = (value: NumberOf): Render => padded(value, 2)
// English weeks begin on Sunday and the first holds January 1; ISO weeks begin on Monday, the first holds January 4.
const englishWeek = ({ clock }: ZonedDate) => weekOf(clock, 0, 6)
const isoWeek = ({ clock }: ZonedDate) => weekOf(clock, 1, 4)

/** Every token, with what it stands for: https://momentjs.com/docs/#/displaying/format/ */
const tokens: Readonly<Record<string, Render>> = {
  ...numberTokens('M', month, { widths: [2], ordinal: true }),
  MMM: (date) => monthName(date).slice(0, 3),
  MMMM: monthName,
  ...numberTokens('Q', (date) => Math.ceil(month(date) / 3), { ordinal: true }),
  ...numberTokens('D', day, { widths: [2], ordinal: true }),
  ...numberTokens('DDD', ({ clock }) => dayOfYear(clock), { ordinal: true }),
  DDDD: padded(({ clock }) => dayOfYear(clock), 3),
  ...numberTokens('d', weekday, { ordinal: true }),
  dd: (date) => dayName(date).slice(0, 2),
  ddd: (date) => dayName(date).slice(0, 3),
  dddd: dayName,
  ...numberTokens('e', weekday),
  ...numberTokens('E', (date) => weekday(date) || 7),
  ...numberTokens('w', (date) => englishWeek(date).week, { widths: [2], ordinal: true }),
  ...numberTokens('W', (date) => isoWeek(date).week, { widths: [2], ordinal: true }),
  ...numberTokens('Y', year, { widths: [4, 5] }),
  YY: two((date) => year(date) % 100),
  YYYYYY: (date) => `+${padded(year, 6)(date)}`,
  ...numberTokens('y', year, { widths: [2, 3, 4], ordinal: true }),
  ...Object.fromEntries(['N', 'NN', 'NNN', 'NNNNN'].map((token) => [token, () => 'AD'])),
  NNNN: () => 'Anno Domini',
  gg: two((date) => englishWeek(date).year % 100),
  gggg: padded((date) => englishWeek(date).year, 4),
  ggggg: padded((date) => englishWeek(date).year, 5),
  GG: two((date) => isoWeek(date).year % 100),
  GGGG: padded((date) => isoWeek(date).year, 4),
  GGGGG: padded((date) => isoWeek(date).year, 5),
  A: (date) => (hour(date) < 12 ? 'AM' : 'PM'),
  a: (date) => (hour(date) < 12 ? 'am' : 'pm'),
  ...numberTokens('H', hour, { widths: [2] }),
  ...numberTokens('h', hour12, { widths: [2] }),
  ...numberTokens('k', (date) => hour(date) || 24, { widths: [2] }),
  ...numberTokens('m', minute, { widths: [2] }),
  ...numberTokens('s', second, { widths: [2] }),
  Hmm: (date) => `${hour(date)}${two(minute)(date)}`,
  Hmmss: (date) => `${hour(date)}${two(minute)(date)}${two(second)(date)}`,
  hmm: (date) => `${hour12(date)}${two(minute)(date)}`,
  hmmss: (date) => `${hour12(date)}${two(minute)(date)}${two(second)(date)}`,
  ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8, 9].map((digits) => ['S'.repeat(digits), fraction(digits)])),
  ...numberTokens('X', ({ instant }) => Math.floor(instant.getTime() / 1000)),
  ...numberTokens('x', ({ instant }) => instant.getTime()),
  z: zoneName,
  zz: zoneName,
  Z: ({ offset }) => formatOffset(offset, ':'),
  ZZ: ({ offset }) => formatOffset(offset, ''),
}

/** Formats that stand for several tokens. */
const longFormats: Readonly<Record<string, string>> = {
  LTS: 'h:mm:ss A',
  LT: 'h:mm A',
  L: 'MM/DD/YYYY',
  LL: 'MMMM D, YYYY',
  LLL: 'MMMM D, YYYY h:mm A',
  LLLL: 'dddd, MMMM D, YYYY h:mm A',
  l: 'M/D/YYYY',
  ll: 'MMM D, YYYY',
  lll: 'MMM D, YYYY h:mm A',
  llll: 'ddd, MMM D, YYYY h:mm A',
}

/** Each knows the abbreviations of its part of the world. */
const zoneLocales = ['en-US', 'en-GB', 'en-ZA', 'en-AU', 'en-CA', 'en-IN', 'ja', 'id', 'en-HK', 'en-GU']
/** Abbreviations that no locale knows as moment-timezone does: of standard time, and of summer time if there is one. */
const zoneNames: Readonly<Record<string, string>> = {
  'America/Adak': 'HST HDT',
  'America/Havana': 'CST CDT',
  'America/Hermosillo': 'MST',
  'America/Mazatlan': 'MST',
  'Asia/Colombo': '+0530',
  'Asia/Dubai': '+04',
  'Asia/Jerusalem': 'IST IDT',
  'Asia/Karachi': 'PKT',
  'Asia/Macau': 'CST',
  'Asia/Manila': 'PST',
  'Asia/Pyongyang': 'KST',
  'Asia/Seoul': 'KST',
  'Asia/Shanghai': 'CST',
  'Asia/Taipei': 'CST',
  'Europe/Dublin': 'GMT IST',
  'Europe/Moscow': 'MSK',
}

const literal = '\\[([^[\\]]*)\\]'
// A backslash makes the token behind it literal.
const longPattern = new RegExp(`${literal}|\\\\?(?:${alternatives(longFormats)})`, 'g')
const tokenPattern = new RegExp(`${literal}|\\\\?(?:${alternatives(tokens)})|\\\\`, 'g')

/** Whether the runtime knows the time zone, such as `Europe/Berlin`. */
export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

/**
 * PURE: formats an instant, in English, such as `YYYYMMDD-HHmmss`; text in brackets is literal.
 *
 * @throws RangeError for a zone for which `isTimeZone` is false
 */
export function formatDate(instant: Date, format: string, zone = 'UTC'): string {
  const date = toZone(instant, zone)
  const expanded = format.replace(longPattern, (token) => longFormats[token] ?? token)
  return expanded.replace(tokenPattern, (token, text?: string) => {
    if (text !== undefined) return text
    return token.startsWith('\\') ? token.slice(1) : (tokens[token]?.(date) ?? token)
  })
}

/** The keys as alternatives of a regular expression: the longest that matches counts. */
function alternatives(table: Readonly<Record<string, unknown>>): string {
  return Object.keys(table)
    .sort((a, b) => b.length - a.length)
    .join('|')
}

/** `M`, and where asked for `MM` with leading zeros and the ordinal `Mo`. */
function numberTokens(
  token: string,
  value: NumberOf,
  { widths = [], ordinal = false }: { readonly widths?: readonly number[]; readonly ordinal?: boolean } = {},
): Record<string, Render> {
  return {
    [token]: (date) => String(value(date)),
    ...Object.fromEntries(widths.map((width) => [token.repeat(width), padded(value, width)])),
    ...(ordinal && { [`${token}o`]: (date: ZonedDate) => toOrdinal(value(date)) }),
  }
}

function padded(value: NumberOf, width: number): Render {
  return (date) => String(value(date)).padStart(width, '0')
}

function fraction(digits: number): Render {
  return ({ clock }) => String(clock.getUTCMilliseconds()).padStart(3, '0').padEnd(9, '0').slice(0, digits)
}

function toZone(instant: Date, zone: string): ZonedDate {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(instant)
  const field = (type: string): number => Number(parts.find((part) => part.type === type)?.value)
  const clock =
    Date.UTC(field('year'), field('month') - 1, field('day'), field('hour'), field('minute'), field('second')) +
    instant.getUTCMilliseconds()
  return { clock: new Date(clock), offset: Math.round((clock - instant.getTime()) / 60_000), instant, zone }
}

/** `JST`, `CEST`, or `+04` for a zone without an abbreviation. */
function zoneName({ instant, offset, zone }: ZonedDate): string {
  const [standard, summer = standard] = zoneNames[canonicalZone(zone)]?.split(' ') ?? []
  const winter = toZone(new Date(Date.UTC(instant.getUTCFullYear(), 0, 1)), zone).offset
  const known = offset > winter ? summer : standard
  const names = zoneLocales.map((locale) => localZoneName(instant, zone, locale))
  return known ?? names.find((name) => !/^(GMT|UTC)[+-]/.test(name)) ?? formatOffset(offset, '').replace(/00$/, '')
}

function localZoneName(instant: Date, zone: string, locale: string): string {
  const parts = new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: 'short' }).formatToParts(instant)
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? ''
}

function canonicalZone(zone: string): string {
  return new Intl.DateTimeFormat('en-US', { timeZone: zone }).resolvedOptions().timeZone
}

function formatOffset(offset: number, separator: string): string {
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60]
  const digits = [hours, minutes].map((value) => String(value).padStart(2, '0'))
  return `${offset < 0 ? '-' : '+'}${digits.join(separator)}`
}

/** A week belongs to the year in which its day `anchor` (0 is Sunday) lies. */
function weekOf(clock: Date, begin: number, anchor: number): { readonly week: number; readonly year: number } {
  const sinceBegin = (clock.getUTCDay() - begin + 7) % 7
  const anchored = new Date(clock.getTime() + (((anchor - begin + 7) % 7) - sinceBegin) * 86_400_000)
  return { week: Math.floor((dayOfYear(anchored) - 1) / 7) + 1, year: anchored.getUTCFullYear() }
}

function dayOfYear(clock: Date): number {
  const begin = Date.UTC(clock.getUTCFullYear(), 0, 1)
  return Math.floor((clock.getTime() - begin) / 86_400_000) + 1
}

function toOrdinal(value: number): string {
  const teen = Math.floor((value % 100) / 10) === 1
  const ending = teen ? 'th' : (['th', 'st', 'nd', 'rd'][value % 10] ?? 'th')
  return `${value}${ending}`
}
