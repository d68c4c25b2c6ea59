/** PURE: whether a version is older than another. */
export function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split('.').map((part) => Number.parseInt(part, 10)))
  const differing = b?.findIndex((part, index) => part !== a?.[index]) ?? -1
  return differing >= 0 && (a?.[differing] ?? 0) < (b?.[differing] ?? 0)
}
