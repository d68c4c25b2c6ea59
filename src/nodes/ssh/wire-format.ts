/**
 * The first strings in a binary text of SSH, without those that are cut off: each has its length before it
 * (https://www.rfc-editor.org/rfc/rfc4251#section-5).
 */
export function readStrings(bytes: Buffer, count = Infinity): readonly Buffer[] {
  const strings: Buffer[] = []
  let at = 0
  while (at + 4 <= bytes.length && strings.length < count) {
    const end = at + 4 + bytes.readUInt32BE(at)
    if (end > bytes.length) break
    strings.push(bytes.subarray(at + 4, end))
    at = end
  }
  return strings
}
