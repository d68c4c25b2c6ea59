/** Random histories ask for the same few things over and over: to work them out again was most of their time. */
export function remember<K, V, Rest extends unknown[]>(
  work: (key: K, ...rest: Rest) => V,
  most = 20_000,
): (key: K, ...rest: Rest) => V {
  const known = new Map<K, V>()
  return (key, ...rest) => {
    let value = known.get(key)
    if (value === undefined) {
      if (known.size >= most) known.clear()
      known.set(key, (value = work(key, ...rest)))
    }
    return value
  }
}

/** What follows from an object that never changes; it is forgotten with the object. */
export function rememberOf<K extends object, V, Rest extends unknown[]>(
  work: (key: K, ...rest: Rest) => V,
): (key: K, ...rest: Rest) => V {
  const known = new WeakMap<K, V>()
  return (key, ...rest) => {
    let value = known.get(key)
    if (value === undefined) known.set(key, (value = work(key, ...rest)))
    return value
  }
}
