import js from '@eslint/js'
import ts from 'typescript-eslint'

const noActions = { group: ['@actions/*', '@octokit/*'], message: 'Only sys/, inputs.ts and the entries know the runner.' }
const noWorld = {
  group: ['node:fs', 'node:fs/promises', 'node:child_process', 'node:http', 'node:https', 'node:net', 'node:os', '**/sys/*'],
  message: 'This folder decides; what touches the world lives elsewhere.',
}
const restricted = (...patterns) => ['error', { patterns }]

export default ts.config(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [ts.configs.strictTypeChecked, ts.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: './__tests__/tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Conflicts with noPropertyAccessFromIndexSignature.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      eqeqeq: 'error',
      'max-lines': ['error', { max: 250, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/sys/**', 'src/inputs.ts', 'src/main.ts', 'src/post.ts', 'src/sweep.ts', 'src/cache.ts'],
    rules: {
      'no-restricted-imports': restricted(noActions),
      'no-restricted-syntax': ['error', { selector: "MemberExpression[object.name='process'][property.name='env']", message: 'The environment is read in sys/, inputs.ts and the entries.' }],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: { 'no-restricted-properties': ['error', { object: 'core', property: 'getIDToken', message: 'The HTTP client that it needs is left out of the bundles (.ci/build.mjs).' }] },
  },
  {
    files: ['src/plan/**/*.ts', 'src/report/**/*.ts', 'src/nodes/{endpoint,node-list,node-spec,ssh-key,known-hosts}.ts', 'src/registry/{reference,login}.ts', 'src/publish/index-manifest.ts'],
    rules: { 'no-restricted-imports': restricted(noActions, noWorld) },
  },
  {
    files: ['__tests__/**/*.ts'],
    rules: {
      'max-lines': 'off',
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  { files: ['.ci/*.mjs', '*.mjs'], languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } } },
)
