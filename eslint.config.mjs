import js from '@eslint/js'
import ts from 'typescript-eslint'

const noRunner = {
  group: ['@actions/*', '@octokit/*'],
  message: 'Only job/, the entry points, the API client in forge/ and lib/exec.ts use the toolkit.',
}
const noEffects = {
  group: [
    'node:fs',
    'node:fs/promises',
    'node:child_process',
    'node:http',
    'node:https',
    'node:net',
    'node:os',
    '**/lib/exec.ts',
    '**/lib/http.ts',
    '**/lib/processes.ts',
  ],
  message: 'This room is pure: it decides and renders, and has no effects.',
}
const noEnvironment = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: 'This room gets what it needs of the environment as a parameter.',
}
const restricted = (...patterns) => ['error', { patterns }]

/** Limits for code as Prettier formats it. */
const limits = {
  'max-len': ['error', { code: 120 }],
  complexity: ['error', 12],
  'max-params': ['error', 4],
  'max-lines': ['error', { max: 250, skipBlankLines: true, skipComments: true }],
  'max-lines-per-function': ['error', { max: 40, skipBlankLines: true, skipComments: true }],
}

export default ts.config(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**'] },
  js.configs.recommended,
  { rules: limits },
  // Text for terminals, and text that must do nothing to one, consists of control characters.
  { rules: { 'no-control-regex': 'off' } },
  {
    files: ['**/*.ts'],
    extends: [ts.configs.strictTypeChecked, ts.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { project: './__tests__/tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Conflicts with noPropertyAccessFromIndexSignature.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      eqeqeq: 'error',
    },
  },
  {
    files: ['src/*/**/*.ts'],
    ignores: ['src/job/**', 'src/bin/**', 'src/forge/api-client.ts', 'src/lib/exec.ts'],
    rules: { 'no-restricted-imports': restricted(noRunner) },
  },
  {
    // Rooms that start programs, choose a proxy or look for an engine read the environment of the job themselves.
    files: ['src/{cleanup,forge,gc,metadata,packages,plan,publish,report,run,stories}/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', noEnvironment] },
  },
  {
    files: ['src/{plan,report,metadata}/**/*.ts'],
    rules: { 'no-restricted-imports': restricted(noRunner, noEffects) },
  },
  {
    files: ['__tests__/**/*.ts'],
    rules: {
      // A describe block is a function, and as long as its tests.
      'max-lines-per-function': 'off',
      'max-lines': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['.ci/*.mjs', '*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
)
