/** A date and time of day as a clock in the zone shows it. */
interface Wall {
  /** Its fields in UTC are those of the clock. */
  readonly clock: Date
  /** What the clock is ahead of UTC, in minutes. */
  readonly offset: number
  readonly instant: Date
  readonly zone: string
}

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

/** Whether the runtime knows the zone, such as `Europe/Berlin`. */
export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

/**
 * PURE: writes an instant in a format of moment.js, English, such as `YYYYMMDD-HHmmss`; text in brackets stays.
 * https://momentjs.com/docs/#/displaying/format/
 *
 * @throws RangeError for a zone that `isTimeZone` denies
 */
export function formatMoment(instant: Date, format: string, zone = 'UTC'): string {
  const wall = onTheWall(instant, zone)
  return expandLong(format).replace(tokens, (token, text?: string) => {
    if (text !== undefined) return text
    return token.startsWith('\\') ? token.slice(1) : renderToken(token, wall)
  })
}

// A backslash takes the meaning from the token behind it.
const tokens =
  /\[([^[\]]*)\]|\\?(?:[Hh]mm(?:ss)?|DDDo|[MDQdwWy]o|M{1,4}|D{1,4}|d{1,4}|Q|ww?|WW?|Y{4,6}|YY?|y{1,4}|N{1,5}|g{4,5}|gg|G{4,5}|GG|[eEaA]|hh?|HH?|kk?|mm?|ss?|S{1,9}|[xX]|zz?|ZZ?)|\\/g

const long: Readonly<Record<string, string>> = {
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

function expandLong(format: string): string {
  return format.replace(/\[[^[\]]*\]|\\?(?:LTS|LT|L{1,4}|l{1,4})/g, (token) => long[token] ?? token)
}

function onTheWall(instant: Date, zone: string): Wall {
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

function renderToken(token: string, wall: Wall): string {
  const { clock } = wall
  if (token.endsWith('o')) return ordinal(Number(renderToken(token.slice(0, -1), wall)))
  if (/^[MDdQ]/.test(token)) return renderDay(token, clock)
  if (/^[YyNgGwWeE]/.test(token)) return renderYear(token, clock)
  if (/^[zZxX]/.test(token)) return renderZone(token, wall)
  return renderTime(token, clock)
}

function renderDay(token: string, clock: Date): string {
  const month = clock.getUTCMonth()
  const weekday = days[clock.getUTCDay()] ?? ''
  switch (token) {
    case 'MMMM':
      return months[month] ?? ''
    case 'MMM':
      return (months[month] ?? '').slice(0, 3)
    case 'DDD':
      return String(dayOfYear(clock))
    case 'DDDD':
      return pad(dayOfYear(clock), 3)
    case 'dddd':
      return weekday
    case 'ddd':
      return weekday.slice(0, 3)
    case 'dd':
      return weekday.slice(0, 2)
    case 'd':
      return String(clock.getUTCDay())
    case 'Q':
      return String(Math.floor(month / 3) + 1)
    default:
      return pad(token.startsWith('M') ? month + 1 : clock.getUTCDate(), token.length)
  }
}

function renderYear(token: string, clock: Date): string {
  const year = clock.getUTCFullYear()
  // English weeks begin on Sunday and the first holds January 1; ISO's begin on Monday and the first holds January 4.
  const english = weekOf(clock, 0, 6)
  const iso = weekOf(clock, 1, 4)
  switch (token) {
    case 'e':
      return String(clock.getUTCDay())
    case 'E':
      return String(clock.getUTCDay() || 7)
    case 'YYYYYY':
      return `+${pad(year, 6)}`
    case 'Y':
      return String(year)
    case 'NNNN':
      return 'Anno Domini'
  }
  if (token.startsWith('w')) return pad(english.week, token.length)
  if (token.startsWith('W')) return pad(iso.week, token.length)
  if (token.startsWith('N')) return 'AD'
  if (token.startsWith('y')) return pad(year, token.length)
  const whole = token.startsWith('g') ? english.year : token.startsWith('G') ? iso.year : year
  return token.length === 2 ? pad(whole % 100, 2) : pad(whole, token.length)
}

function renderTime(token: string, clock: Date): string {
  const hour = clock.getUTCHours()
  const minute = pad(clock.getUTCMinutes(), 2)
  const second = pad(clock.getUTCSeconds(), 2)
  const twelve = hour % 12 || 12
  switch (token) {
    case 'A':
      return hour < 12 ? 'AM' : 'PM'
    case 'a':
      return hour < 12 ? 'am' : 'pm'
    case 'Hmm':
      return `${hour}${minute}`
    case 'Hmmss':
      return `${hour}${minute}${second}`
    case 'hmm':
      return `${twelve}${minute}`
    case 'hmmss':
      return `${twelve}${minute}${second}`
  }
  if (token.startsWith('S')) return pad(clock.getUTCMilliseconds(), 3).padEnd(9, '0').slice(0, token.length)
  const value =
    { H: hour, h: twelve, k: hour || 24, m: clock.getUTCMinutes(), s: clock.getUTCSeconds() }[token.charAt(0)] ?? 0
  return pad(value, token.length)
}

function renderZone(token: string, { offset, instant, zone }: Wall): string {
  if (token === 'X') return String(Math.floor(instant.getTime() / 1000))
  if (token === 'x') return String(instant.getTime())
  if (token.startsWith('z'))
    return (
      new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'short' })
        .formatToParts(instant)
        .find(({ type }) => type === 'timeZoneName')?.value ?? ''
    )
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60]
  return `${offset < 0 ? '-' : '+'}${pad(hours, 2)}${token === 'Z' ? ':' : ''}${pad(minutes, 2)}`
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

function ordinal(value: number): string {
  const teen = Math.floor((value % 100) / 10) === 1
  const ending = teen ? 'th' : (['th', 'st', 'nd', 'rd'][value % 10] ?? 'th')
  return `${value}${ending}`
}

function pad(value: number, length: number): string {
  return String(value).padStart(length, '0')
}
