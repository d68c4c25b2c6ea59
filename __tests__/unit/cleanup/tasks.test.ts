import { expect, test } from '@jest/globals'
import { settled } from '../../prove/tasks.ts'

test('nothing that can go on without an event is left', async () => {
  let steps = 0
  const work = async (count: number): Promise<void> => {
    for (let left = count; left > 0; left--) {
      await Promise.resolve()
      steps++
    }
  }
  void work(1000).then(() => work(1000))
  await settled()
  expect(steps).toBe(2000)
})
