import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Job, StepResult } from './runner.ts'
import { freshImage, imageConfig, leftovers, oneBuildkitdInputs, startBuildkitds, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'

// Bake evaluates its definition as an HCL template: none of this may have a meaning there.
const texts = [
  '${HOME}',
  '%{if}',
  '$${x}',
  '$$${x}',
  '$$$${x}',
  '%%{x}',
  '%%%{x}',
  '$%{x}',
  '%${x}',
  '${',
  '$${',
  '$$${',
  '%{',
  '%%{',
  '%%%{',
  '}',
  '{',
  '$',
  '$$',
  '%',
  '%%',
  '$ {x}',
  'a$${b}%%{c}$',
  '${"x"}',
  '"${x}"',
  "it's",
  '"',
  '""',
  '\\',
  '\\${x}',
  '\\\\$${x}',
  '\\n',
  'first\nsecond',
  '\n${x}\n',
  '\ttabs\t',
  'é ✓ 𝄞 \u2028',
  '${upper("x")}',
  '%{ for x in y }',
  '~',
  '#',
  '$(id)',
  '`id`',
  '&&',
  '*',
]
const nameOf = (index: number) => `T${index}`
/** Quotes an entry with newlines, quotes or surrounding spaces, as a workflow author does. */
const entry = (name: string, value: string) => `"${`${name}=${value}`.replaceAll('"', '""')}"`

const setup = useFarm()
let farm: Farm
let job: Job
let image: string
let main: StepResult

beforeAll(async () => {
  farm = setup.farm
  await startBuildkitds(farm)
  image = freshImage(farm)
  const encode = texts
    .map((_, index) => `printf '%s' "${nameOf(index)}="; printf '%s' "$${nameOf(index)}" | base64 | tr -d '\\n'; echo`)
    .join('; ')
  job = setup.job({
    files: {
      Dockerfile: [
        `FROM ${farm.images.base}`,
        ...texts.map((_, index) => `ARG ${nameOf(index)}`),
        `RUN ${encode}`,
        '',
      ].join('\n'),
    },
  })
  main = await job.main(
    oneBuildkitdInputs(farm, {
      image,
      'build-args': texts.map((text, index) => entry(nameOf(index), text)).join('\n'),
      labels: texts.map((text, index) => entry(`org.example.${index}`, text)).join('\n'),
      variants: 'one:\n  tag-suffix: ""\n  labels:\n    own: "${HOME} %{if} $${x}"\n',
    }),
  )
  await job.post()
})

describe('special characters arrive unchanged', () => {
  test('the run succeeds and leaves nothing behind', async () => {
    expect([main.code, main.log]).toEqual([0, main.log])
    expect(await leftovers(farm, job)).toEqual([])
  })

  test('in build arguments', () => {
    const arrived = texts.map((_, index) =>
      Buffer.from(new RegExp(`\\] ${nameOf(index)}=(\\S*)$`, 'm').exec(main.log)?.[1] ?? '', 'base64').toString('utf8'),
    )
    expect(arrived).toEqual(texts)
  })

  test('in labels', async () => {
    const { config } = (await imageConfig(farm, image, 'main', 'linux/amd64')) as {
      config: { Labels: Record<string, string> }
    }
    expect(texts.map((_, index) => config.Labels[`org.example.${index}`])).toEqual(texts)
    expect(config.Labels['own']).toBe('${HOME} %{if} $${x}')
  })
})
