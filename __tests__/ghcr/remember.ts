/** Random histories ask for the same few things over and over: to work them out again was most of their time. */
export function remember<K, V>(work: (key: K) => V, most = 20_000): (key: K) => V {
  const known = new Map<K, V>()
  return (key) => {
    let value = known.get(key)
    if (value === undefined) {
      if (known.size >= most) known.clear()
      known.set(key, (value = work(key)))
    }
    return value
  }
}
