#!/usr/bin/env node
import { createRequire as __cr } from 'node:module'; import { fileURLToPath as __fu } from 'node:url'; import { dirname as __dn } from 'node:path'; const require = __cr(import.meta.url); const __filename = __fu(import.meta.url); const __dirname = __dn(__filename);

// src/cli/run.ts
import { mkdtempSync, readFileSync as readFileSync4 } from "node:fs";
import { tmpdir as tmpdir3 } from "node:os";
import { dirname as dirname4, join as join8 } from "node:path";
import { fileURLToPath as fileURLToPath2 } from "node:url";

// src/inputs/secret-options.ts
var secretInputs = [
  ...["github-token", "password", "registry-auth", "secrets", "sign-key", "sign-password", "ssh-private-key"]
];
function secretVariable(input) {
  return `MULTIARCH_BUILD_${input.replaceAll("-", "_").toUpperCase()}`;
}

// src/lib/errors.ts
function errorMessage(error) {
  return error instanceof Error ? error.message : String(error);
}

// src/lib/files.ts
import {
  closeSync,
  createReadStream,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs";
import { homedir } from "node:os";
var initialUmask = process.umask(63);
process.umask(initialUmask);
var jobUmask = initialUmask;
function homeDir() {
  try {
    return homedir();
  } catch {
    return "/";
  }
}
var largestFile = 64 * 1024 * 1024;
function tryRead(path) {
  try {
    const stats = statSync(path);
    return stats.isFile() && stats.size <= largestFile ? readFileSync(path, "utf8") : "";
  } catch {
    return "";
  }
}
function tryList(dir) {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
var largestInput = 4 * 1024 * 1024;
function contains(directory, path) {
  const [outer, inner] = [directory, path].map((one) => `${realPath(one)}/`.replace("//", "/"));
  return inner.startsWith(outer);
}
function realPath(path) {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
function writePrivate(path, content) {
  writeFileSync(path, content, { mode: 384 });
}
function removeDir(path) {
  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}

// src/lib/json.ts
function asRecord(value) {
  return isRecord(value) ? value : {};
}
function asList(value) {
  return Array.isArray(value) ? value : [];
}
function asText(value) {
  return typeof value === "string" ? value : "";
}
function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
var deepest = 100;
function tryParseJson(text) {
  if (isTooDeep(text)) return void 0;
  try {
    return JSON.parse(text);
  } catch {
    return void 0;
  }
}
function isTooDeep(text) {
  let depth = 0;
  for (let at2 = 0; at2 < text.length && depth <= deepest; at2++) {
    const char = text[at2];
    if (char === '"') at2 = endOfString(text, at2);
    else if (char === "[" || char === "{") depth++;
    else if (char === "]" || char === "}") depth--;
  }
  return depth > deepest;
}
function endOfString(text, start) {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let first2 = end;
    while (text[first2 - 1] === "\\") first2--;
    if ((end - first2) % 2 === 0) return end;
  }
  return text.length;
}

// src/cli/config-file.ts
import { existsSync, readFileSync as readFileSync2 } from "node:fs";
import { join, resolve } from "node:path";

// src/lib/issues.ts
function nearest(word, known) {
  const candidates = known.map((candidate) => ({
    candidate,
    distance: editDistance(word.toLowerCase().slice(0, 64), candidate.toLowerCase())
  })).sort((a, b) => a.distance - b.distance);
  const [best] = candidates;
  return best && best.distance <= Math.max(1, Math.floor(best.candidate.length / 3)) ? best.candidate : void 0;
}
function didYouMean(word, known) {
  const meant = nearest(word, known);
  return meant === void 0 ? "" : `; did you mean \`${meant}\`?`;
}
function editDistance(a, b) {
  const columns = Array.from({ length: b.length + 1 }, (_, index) => index);
  let beforePrevious = [];
  let previous = columns;
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (const column of columns.slice(1)) {
      const isSame = a[row - 1] === b[column - 1];
      const isSwap = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const [left, above, diagonal] = [at(current, column - 1), at(previous, column), at(previous, column - 1)];
      const swap = isSwap ? at(beforePrevious, column - 2) + 1 : Infinity;
      current.push(Math.min(above + 1, left + 1, diagonal + (isSame ? 0 : 1), swap));
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, b.length);
}
function at(row, column) {
  return row[column] ?? Infinity;
}

// src/inputs/input-names.ts
var mainInputs = [
  "nodes",
  "builder",
  "endpoint",
  "append",
  "driver",
  "ssh-private-key",
  "ssh-known-hosts",
  "ssh-config",
  "fallback",
  "fail-fast",
  "keep-builder",
  "keep-state",
  "trust",
  "fork-secrets",
  "use",
  "version",
  "cache-binary",
  "install",
  "driver-opts",
  "buildkitd-flags",
  "buildkitd-config-inline",
  "buildkitd-config",
  "image",
  "tags",
  "flavor",
  "platforms",
  "context",
  "file",
  "target",
  "build-args",
  "labels",
  "annotations",
  "provenance",
  "sbom",
  "attests",
  "add-hosts",
  "allow",
  "build-contexts",
  "network",
  "no-cache",
  "no-cache-filters",
  "pull",
  "secrets",
  "secret-envs",
  "secret-files",
  "shm-size",
  "ssh",
  "cgroup-parent",
  "ulimit",
  "call",
  "variant",
  "variants",
  "test",
  "test-timeout",
  "test-target",
  "cache",
  "push",
  "partial",
  "load",
  "outputs",
  "cache-from",
  "cache-to",
  "sign",
  "sign-key",
  "sign-password",
  "sign-config",
  "sign-root",
  "sign-log",
  "cosign-release",
  "username",
  "password",
  "registry",
  "registry-auth",
  "ecr",
  "login",
  "logout",
  "registries",
  "github-token",
  "otlp-endpoint",
  "summary",
  "cleanup",
  "packages-api",
  "dry-run"
];
var cleanupInputs = [
  "image",
  "tags",
  "exclude-tags",
  "older-than",
  "run-id",
  "pr-number",
  "keep-n-tagged",
  "untagged",
  "unmarked",
  "dry-run",
  "username",
  "password",
  "registry-auth",
  "registries",
  "github-token",
  "packages-api"
];
var copyInputs = [
  "from",
  "to",
  "platforms",
  "referrers",
  "existing",
  "sign",
  "sign-key",
  "sign-password",
  "sign-config",
  "sign-root",
  "sign-log",
  "cosign-release",
  "dry-run",
  "username",
  "password",
  "registry",
  "registry-auth",
  "ecr",
  "registries",
  "github-token",
  "otlp-endpoint"
];

// src/cli/options.ts
var UsageError = class extends Error {
};
var nodeInputs = mainInputs.slice(0, mainInputs.indexOf("image"));
var commands = {
  build: {
    entry: "main",
    inputs: mainInputs,
    summary: "build an image on all nodes and push it",
    usage: "build --image NAME --tags TAG [--nodes NODE]\u2026 [CONTEXT]",
    example: [
      "multiarch-build build --nodes 'linux/amd64 = local' --nodes 'linux/arm64 = ssh://ci@arm.example.com' \\",
      "  --image ghcr.io/acme/app --tags test"
    ],
    positional: ["context"],
    fixed: {}
  },
  plan: {
    entry: "main",
    inputs: mainInputs,
    summary: "check inputs, nodes and logins, and print what build would do",
    usage: "plan --image NAME --tags TAG [--nodes NODE]\u2026 [CONTEXT]",
    example: [
      "multiarch-build plan --nodes 'linux/arm64 = ssh://ci@arm.example.com' --image ghcr.io/acme/app --tags test"
    ],
    positional: ["context"],
    fixed: { "dry-run": "true" }
  },
  copy: {
    entry: "copy",
    inputs: copyInputs,
    summary: "copy an image between registries",
    usage: "copy FROM TO\u2026",
    example: ["multiarch-build copy ghcr.io/acme/app:test ghcr.io/acme/app:stable"],
    positional: ["from", "to"],
    fixed: {}
  },
  cleanup: {
    entry: "cleanup",
    inputs: cleanupInputs,
    summary: "delete ephemeral images",
    usage: "cleanup IMAGE\u2026",
    example: ["multiarch-build cleanup ghcr.io/acme/app --older-than 3d --dry-run"],
    positional: ["image"],
    fixed: {}
  },
  nodes: {
    entry: "main",
    inputs: nodeInputs,
    summary: "check nodes: connection, engine, BuildKit, disk and clock",
    usage: "nodes [NODE\u2026]",
    example: ["multiarch-build nodes 'linux/amd64 = local' 'linux/arm64 = ssh://ci@arm.example.com'"],
    positional: ["nodes"],
    fixed: { "dry-run": "nodes", push: "false" }
  }
};
var switches = [
  ...["cache-binary", "dry-run", "fail-fast", "fork-secrets", "install", "keep-builder", "keep-state", "load"],
  ...["no-cache", "partial", "pull", "push", "referrers", "untagged", "use"]
];
var ownOptions = { config: true, workflow: true, trusted: false, help: false };
var texts = { "--help": "help", "-h": "help", "--version": "version" };
function parseArguments(args) {
  const [command = "help", ...rest] = [texts[args[0] ?? ""] ?? args].flat();
  const definition = Object.hasOwn(commands, command) ? commands[command] : void 0;
  if (!definition) {
    if (["help", "completion", "version"].includes(command)) return { command, values: {}, own: {} };
    throw new UsageError(`\`${command}\` is not a command${didYouMean(command, Object.keys(commands))}`);
  }
  return { command, ...parseOptions(rest, definition) };
}
function parseOptions(args, definition) {
  const [values, own] = [{}, {}];
  const positional = [...definition.positional];
  const pending = [...args];
  const problems = [];
  for (let arg = pending.shift(); arg !== void 0; arg = pending.shift()) {
    try {
      const { name, value } = arg.startsWith("-") ? parseOption(arg, pending, definition) : nextPositional(arg, positional);
      const into = Object.hasOwn(ownOptions, name) ? own : values;
      into[name] = into[name] === void 0 ? value : `${into[name]}
${value}`;
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
  return { values, own };
}
function unknownOption(arg, name, known, rest) {
  if (!arg.includes("=") && rest[0]?.startsWith("-") === false) rest.shift();
  return new UsageError(`\`${arg}\` is not an option${didYouMean(name, known).replace("`", "`--")}`);
}
function parseOption(arg, rest, { inputs }) {
  const [, name = "", value] = /^--([^=]+)(?:=(.*))?$/s.exec(arg === "-h" ? "--help" : arg) ?? [];
  const isOwn = Object.hasOwn(ownOptions, name);
  if (!isOwn && !inputs.includes(name)) throw unknownOption(arg, name, [...inputs, ...Object.keys(ownOptions)], rest);
  if (secretInputs.includes(name))
    throw new UsageError(
      `\`--${name}\` would show a secret to other users of this machine: set ${secretVariable(name)}`
    );
  if (ownOptions[name] === false) return { name, value: requireNone(name, value) };
  if (value !== void 0) return { name, value };
  const next = rest[0];
  if (isBareSwitch(name, next)) return { name, value: rejectTypo(name, rest, inputs.includes("context")) };
  if (next === void 0) throw new UsageError(`\`--${name}\` needs a value`);
  rest.shift();
  return { name, value: next };
}
function requireNone(name, value) {
  if (value !== void 0) throw new UsageError(`\`--${name}\` takes no value: write it without \`=${value}\``);
  return "true";
}
function isBareSwitch(name, next) {
  return switches.includes(name) && next !== "true" && next !== "false";
}
function rejectTypo(name, rest, takesDirectory) {
  const [next = ""] = rest;
  if (!/^(yes|no|on|off|y|n|[01])$/i.test(next) && didYouMean(next.toLowerCase(), ["true", "false"]) === "")
    return "true";
  rest.shift();
  const other = takesDirectory ? `; write a directory of this name as \`./${next}\`` : "";
  throw new UsageError(`\`--${name}\` takes \`true\` or \`false\`, and not \`${next}\`${other}`);
}
function nextPositional(value, names2) {
  const [name] = names2;
  if (name === void 0) throw new UsageError(`\`${value}\` is one argument too many`);
  if (names2.length > 1 || name === "context") names2.shift();
  return { name, value };
}

// src/cli/config-file.ts
var fileName = "multiarch-build.yml";
var onlyForBuilds = ["tags", "platforms"];
async function readConfigFile(config, cwd, entry) {
  const path = config === void 0 ? join(cwd, fileName) : resolve(cwd, config);
  if (config === void 0 && !existsSync(path)) return {};
  const document = await readYaml(path);
  if (!isRecord(document)) throw new UsageError(`${path} is not a map of inputs, such as \`image: ghcr.io/acme/app\``);
  const known = [...new Set(Object.values(commands).flatMap(({ inputs }) => inputs))];
  const unknown = Object.keys(document).filter((name) => !known.includes(name));
  const problems = unknown.map((name) => `${path}: no command has the input \`${name}\`${didYouMean(name, known)}`);
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
  const entries = await Promise.all(
    Object.entries(document).filter(([name]) => entry === "main" || !onlyForBuilds.includes(name)).map(async ([name, value]) => [name, await formatValue(value)])
  );
  return Object.fromEntries(entries);
}
async function readYaml(path) {
  const { FAILSAFE_SCHEMA, load } = await import("./chunk-JZYUCYOG.js");
  try {
    return load(readFileSync2(path, "utf8"), { schema: FAILSAFE_SCHEMA });
  } catch (error) {
    const isMissing = asRecord(error)["code"] === "ENOENT";
    throw new UsageError(isMissing ? `${path} does not exist` : `${path} cannot be read: ${errorMessage(error)}`);
  }
}
async function formatValue(value) {
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((entry) => typeof entry !== "object")) return value.map(String).join("\n");
  const { dump } = await import("./chunk-JZYUCYOG.js");
  return dump(value);
}

// src/cli/environment.ts
import { randomInt } from "node:crypto";
import { basename, join as join2 } from "node:path";

// src/lib/command-line.ts
var commandLineVariable = "MULTIARCH_BUILD_COMMAND_LINE";

// src/forge/wording.ts
var fingerprint = "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`";
var wordings = {
  pathNotFound: { ci: "; does a step with `actions/checkout` run before this one?", commandLine: "" },
  noDockerfile: {
    ci: "Check `file` and `context`; a step with `actions/checkout` must run before this one.",
    commandLine: "Check the directory of the build context, and `--file`."
  },
  afterwards: { ci: "The post step deletes", commandLine: "When the command ends, it deletes" },
  runDirectory: {
    ci: "on this runner the run's private directory, with agent, connections and logins",
    commandLine: "on this machine the private directory of the command, with connections and logins"
  },
  cancelled: {
    ci: "Cancelled by a user, a newer run (`concurrency`), or `timeout-minutes`: run the job again to build",
    commandLine: "Stopped by a signal, as of Ctrl-C"
  },
  cancelledHint: {
    ci: "The page of the run names the reason. If the job needs more time, raise `timeout-minutes`. The post step removes what this run created.",
    commandLine: "What this run created is removed now. Run the command again to build."
  },
  unknownHost: {
    ci: `has no line for {name}: run \`{scan}\` on a machine that you trust, never in the job; compare \`{scan} | ssh-keygen -lf -\` with the output of ${fingerprint} on the node itself; then store the lines in a variable and pass it here`,
    commandLine: `has no line for {name}, and neither has your \`known_hosts\`: connect once with \`ssh {host} true\`, and compare the fingerprint with the output of ${fingerprint} on the node itself`
  }
};

// src/inputs/source.ts
function variableOf(input) {
  return `INPUT_${input.replaceAll(" ", "_").toUpperCase()}`;
}

// src/lib/exec.ts
import { spawn } from "node:child_process";
import { constants } from "node:os";
var defaultMaxOutput = 16 * 1024 * 1024;
var killedCode = 124;
async function exec(command, args, options = {}) {
  const { input = "", deadline: deadline2 = 6e4, maxOutput = defaultMaxOutput, signal, ...startOptions } = options;
  const child = startProcess(command, args, { ...startOptions, stdio: ["pipe", "pipe", "pipe"] });
  const state = { isKilled: false };
  const kill = () => {
    state.isKilled = true;
    child.kill("SIGKILL");
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  const stdout = new Output(maxOutput, kill);
  const stderr = new Output(maxOutput, kill);
  child.stdout?.on("data", (chunk) => stdout.add(chunk));
  child.stderr?.on("data", (chunk) => stderr.add(chunk));
  child.stdin?.on("error", () => void 0);
  child.stdin?.end(input);
  const timer = setTimeout(kill, deadline2);
  signal?.addEventListener("abort", kill, { once: true });
  try {
    const code = await waitForExit(child);
    return { code: state.isKilled ? killedCode : code, stdout: stdout.text, stderr: stderr.text };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", kill);
  }
}
var printId = 'echo $$ && exec "$0" "$@" </dev/null';
async function execTool(command, args, { env, cwd, deadline: deadline2 = 1e4, maxOutput = defaultMaxOutput } = {}) {
  const toolkit = await import("./chunk-IWIN3X4I.js");
  const state = { isKilled: false };
  const kill = () => {
    state.isKilled = true;
    const pid = Number.parseInt(stdout.text, 10);
    if (pid > 0) killIfRunning(pid);
  };
  const stdout = new Output(maxOutput, kill);
  const stderr = new Output(maxOutput, kill);
  const timer = setTimeout(kill, deadline2);
  try {
    const code = await toolkit.exec("/bin/sh", ["-c", printId, command, ...args], {
      env: definedVariables(env ?? inheritedEnv()),
      ...cwd !== void 0 && { cwd },
      silent: true,
      ignoreReturnCode: true,
      // Processes that it has started may keep its pipes open.
      delay: 500,
      listeners: { stdout: (chunk) => stdout.add(chunk), stderr: (chunk) => stderr.add(chunk) }
    });
    const output = stdout.text.slice(stdout.text.indexOf("\n") + 1);
    return { code: state.isKilled ? killedCode : code, stdout: output, stderr: stderr.text };
  } finally {
    clearTimeout(timer);
  }
}
function killIfRunning(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
  }
}
var Output = class {
  #maxBytes;
  #exceeded;
  #chunks = [];
  #bytes = 0;
  constructor(maxBytes, exceeded) {
    this.#maxBytes = maxBytes;
    this.#exceeded = exceeded;
  }
  add(chunk) {
    if (this.#bytes > this.#maxBytes) return;
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    if (this.#bytes > this.#maxBytes) this.#exceeded();
  }
  get text() {
    return Buffer.concat(this.#chunks).toString("utf8");
  }
};
function startProcess(command, args, options = {}) {
  const umask = process.umask(options.writesForJob ? jobUmask : 63);
  try {
    return spawn(command, [...args], {
      env: options.env ?? (options.detached ? minimalEnv() : inheritedEnv()),
      stdio: options.stdio ?? "ignore",
      detached: options.detached ?? false,
      ...options.cwd !== void 0 && { cwd: options.cwd }
    });
  } finally {
    process.umask(umask);
  }
}
function waitForExit(child) {
  return new Promise((resolve3, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve3(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
function inheritedEnv() {
  const withheld = /^(?:INPUT_|STATE_|ACTIONS_(?:RUNTIME|ID_TOKEN|CACHE|RESULTS)_|OTEL_EXPORTER_OTLP_(?:\w+_)?HEADERS$)/;
  const entries = Object.entries(process.env);
  return Object.fromEntries(entries.filter(([name]) => !withheld.test(name) && !secretVariables.has(name)));
}
var secretVariables = /* @__PURE__ */ new Set();
function minimalEnv() {
  const names2 = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "RUNNER_TRACKING_ID"];
  return definedVariables(Object.fromEntries(names2.map((name) => [name, process.env[name]])));
}
function definedVariables(env) {
  const entries = Object.entries(env);
  return Object.fromEntries(entries.flatMap(([name, value]) => value === void 0 ? [] : [[name, value]]));
}

// src/cli/environment.ts
var platformVariable = /^(GITHUB|FORGEJO|GITEA|ACTIONS|RUNNER|INPUT|STATE)_/;
async function readCheckout(cwd) {
  const git = (...args) => runGit(cwd, args);
  const [branch, sha, remote, changes] = await Promise.all([
    git("symbolic-ref", "--short", "HEAD"),
    git("rev-parse", "HEAD"),
    git("remote", "get-url", "origin"),
    readFilters(cwd).then((env) => runGit(cwd, ["status", "--porcelain", "--ignore-submodules=dirty"], env))
  ]);
  const url = webAddress(remote);
  return {
    name: basename(url) || basename(cwd) || "image",
    branch: branch || "local",
    sha,
    isDirty: changes !== "",
    url
  };
}
async function runGit(cwd, args, env = {}) {
  const safe = ["safe.bareRepository=explicit", "core.fsmonitor=false", "core.hooksPath=/dev/null"];
  const settings2 = safe.flatMap((setting) => ["-c", setting]);
  const options = { env: { ...inheritedEnv(), ...gitVariables, ...env }, deadline: 5e3 };
  const { code, stdout } = await exec("git", ["-C", cwd, ...settings2, ...args], options).catch(() => failed);
  return code === 0 ? stdout.trim() : "";
}
var gitVariables = { GIT_ALLOW_PROTOCOL: "none", GIT_NO_LAZY_FETCH: "1", GIT_OPTIONAL_LOCKS: "0" };
var failed = { code: 1, stdout: "" };
async function readFilters(cwd) {
  const found = await runGit(cwd, ["config", "--show-scope", "--name-only", "--get-regexp", "^filter[.]"]);
  const names2 = [...found.matchAll(/^(?:local|worktree)\t(.+)$/gm)].map(([, name = ""]) => name);
  const first2 = Number(process.env["GIT_CONFIG_COUNT"] ?? "") || 0;
  const entries = names2.flatMap((name, index) => [
    [`GIT_CONFIG_KEY_${first2 + index}`, name],
    [`GIT_CONFIG_VALUE_${first2 + index}`, ""]
  ]);
  return Object.fromEntries([...entries, ["GIT_CONFIG_COUNT", String(first2 + names2.length)]]);
}
function webAddress(remote) {
  const [, host, path] = /^(?:https?:\/\/|ssh:\/\/)?(?:[^@/\s]+@)?([\w.-]+)(?::\d+(?=\/))?[:/](\S+?)(?:\.git)?\/?$/.exec(remote) ?? [];
  return host === void 0 || path === void 0 || !host.includes(".") ? "" : `https://${host}/${path}`;
}
function stepEnvironment(env, dir, { checkout, cwd, trusted, forRemote }) {
  const payload = join2(dir, "event.json");
  const { name, branch, sha, isDirty, url } = checkout;
  const repository = { name, html_url: url, ...trusted && { default_branch: branch } };
  writePrivate(payload, JSON.stringify({ repository, is_dirty: isDirty }));
  return {
    ...withoutPlatform(env),
    [commandLineVariable]: "true",
    GITHUB_ACTIONS: "true",
    GITHUB_WORKSPACE: cwd,
    GITHUB_REPOSITORY: forRemote === true && url !== "" ? new URL(url).pathname.slice(1) : `local/${name.replace(/[^\w.-]/g, "-")}`,
    GITHUB_SERVER_URL: url === "" ? "https://github.com" : new URL(url).origin,
    GITHUB_RUN_ID: String(randomInt(1e12, 1e14)),
    GITHUB_RUN_ATTEMPT: "1",
    GITHUB_EVENT_NAME: "push",
    GITHUB_EVENT_PATH: payload,
    GITHUB_REF: `refs/heads/${branch}`,
    GITHUB_SHA: sha,
    RUNNER_TEMP: dir
  };
}
function withoutPlatform(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !platformVariable.test(name)));
}
function inputVariables(values) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [variableOf(name), value]));
}

// src/cli/guard.ts
import { spawn as spawn2 } from "node:child_process";
var undoArgument = "--undo-killed";
var script = 'read -r line || exec "$@"';
function startGuard(undo, env) {
  const shell = spawn2("/bin/sh", ["-c", script, "sh", ...undo], {
    env: withoutPlatform(env),
    stdio: ["pipe", "ignore", "ignore"],
    // Ctrl-C, or the end of the terminal, are for the command only.
    detached: true
  });
  for (const part of [shell, shell.stdin]) part.on("error", () => void 0);
  return () => void shell.stdin.end("\n");
}

// src/cli/help.ts
var program = "multiarch-build";
var reference = "https://github.com/org/multiarch-build/blob/main/docs/reference.md";
function helpText(command) {
  const definition = command === void 0 ? void 0 : commands[command];
  if (!definition)
    return [
      "Build multi-arch images natively on several nodes, as the action does in CI.",
      "",
      ...Object.entries(commands).map(([name, { summary }]) => `  ${program} ${name.padEnd(8)} ${summary}`),
      `  ${program} completion bash|zsh|fish`,
      `  ${program} --version`,
      "",
      `\`${program} COMMAND --help\` lists the options of a command. Their meaning is that of the inputs:`,
      reference
    ].join("\n");
  const secrets = definition.inputs.filter((name) => secretInputs.includes(name));
  const names2 = optionsOf(definition);
  return [
    `${program} ${definition.usage}`,
    `  ${definition.summary}`,
    "",
    "Example:",
    ...definition.example.map((line) => `  ${line}`),
    "",
    "Options:",
    "  --config FILE          defaults for all options (default: multiarch-build.yml, if it exists)",
    "  --workflow FILE[:JOB]  take the inputs from a step of a workflow, secrets and variables from the environment",
    ...definition.entry === "main" ? ["  --trusted              read and write the caches of the default branch"] : [],
    ...wrap(names2.map((name) => `--${name}`)),
    "",
    "Secrets are read from the environment:",
    ...wrap(secrets.map(secretVariable)),
    "",
    "For a list, repeat the option: each use adds one line. Without a value, --dry-run and the like mean `true`.",
    "The command uses your SSH configuration, agent and known hosts, and the contexts and logins of your Docker CLI.",
    `The meaning of the options is that of the inputs: ${reference}`,
    "",
    "Exit codes: 0 for success, 1 for a failure, 2 for an invalid command line, 130 after Ctrl-C"
  ].join("\n");
}
function optionsOf({ inputs, fixed }) {
  return inputs.filter((name) => !Object.hasOwn(fixed, name) && !secretInputs.includes(name));
}
function wrap(words, width = 110) {
  const lines = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === void 0 || last.length + word.length + 1 > width) lines.push(`  ${word}`);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
function completionScript(shell) {
  const names2 = [...Object.keys(commands), "completion"].join(" ");
  const options = Object.entries(commands).map(
    ([name, command]) => [
      name,
      [...optionsOf(command), "config", "workflow", "trusted", "help"].map((option) => `--${option}`).join(" ")
    ]
  );
  const bash = [
    "_multiarch_build() {",
    "  local words",
    "  case ${COMP_WORDS[1]} in",
    ...options.map(([name, list]) => `    ${name}) words='${list}' ;;`),
    `    *) words='${names2}' ;;`,
    "  esac",
    `  [ "$COMP_CWORD" -gt 1 ] || words='${names2}'`,
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    "}",
    `complete -o default -F _multiarch_build ${program}`
  ];
  const fish = [
    `complete -c ${program} -f -n __fish_use_subcommand -a '${names2}'`,
    ...options.flatMap(
      ([name, list]) => list.split(" ").map((option) => {
        const value = switches.includes(option.slice(2)) ? "" : " -r";
        return `complete -c ${program} -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}${value}`;
      })
    )
  ];
  const scripts = {
    bash,
    zsh: ["autoload -Uz compinit bashcompinit && compinit -i && bashcompinit", ...bash],
    fish
  };
  return Object.hasOwn(scripts, shell) ? scripts[shell]?.join("\n") : void 0;
}

// src/cli/leftovers.ts
import { existsSync as existsSync2, linkSync, lstatSync as lstatSync2, rmSync as rmSync3 } from "node:fs";
import { basename as basename5, join as join5 } from "node:path";
import { tmpdir as tmpdir2 } from "node:os";

// src/lib/time.ts
function sleep(ms) {
  return new Promise((resolve3) => setTimeout(resolve3, ms));
}

// src/run/owner.ts
import { lstatSync, readdirSync as readdirSync4, readlinkSync as readlinkSync2 } from "node:fs";
import { hostname } from "node:os";
import { basename as basename4, dirname as dirname2, join as join4 } from "node:path";

// src/lib/processes.ts
import { readdirSync as readdirSync2, readlinkSync } from "node:fs";
import { basename as basename2 } from "node:path";
var programs = /* @__PURE__ */ new Set(["node", "ssh", "ssh-agent", "buildx", "docker-buildx", "cosign"]);
async function killProcessesIn(dir, text = "") {
  const pids = await findProcesses(dir, text);
  if (pids.length === 0) return;
  for (const pid of pids) trySignal(pid, "SIGTERM");
  await waitForEnd(pids, 1e3);
  for (const pid of await findProcesses(dir, text)) trySignal(pid, "SIGKILL");
}
async function processIdentity(pid) {
  if (process.platform === "linux") {
    const started = tryRead(`/proc/${pid}/stat`).split(") ").pop()?.split(" ")[19];
    return started === void 0 ? "" : `${pid}:${started}`;
  }
  const { code, stdout } = await execTool("ps", ["-o", "lstart=", "-p", String(pid)], { env: minimalEnv() });
  return code === 0 ? `${pid}:${stdout.trim()}` : "";
}
async function waitForEnd(pids, patience) {
  for (let waited = 0; waited < patience && pids.some(isRunning); waited += 20) await sleep(20);
}
async function findProcesses(dir, text) {
  const rows = process.platform === "linux" ? readCommandLines() : await listProcesses();
  return rows.filter(({ pid, line }) => pid !== process.pid && line.includes(`${dir}/`) && line.includes(text)).map(({ pid }) => pid);
}
function readCommandLines() {
  const rows = readdirSync2("/proc").filter((name) => /^\d+$/.test(name)).map((name) => ({ pid: Number(name), line: tryRead(`/proc/${name}/cmdline`) }));
  return rows.filter(
    ({ pid, line }) => programs.has(basename2(line.split("\0")[0] ?? "")) && ownerId(pid) === process.getuid?.()
  );
}
async function listProcesses() {
  const { stdout } = await execTool("ps", ["-axww", "-o", "pid=,uid=,args="], { env: minimalEnv() });
  return stdout.split("\n").flatMap((row) => {
    const [, pid, uid, line = ""] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row) ?? [];
    const isRelevant = Number(uid) === process.getuid?.() && programs.has(basename2(line.split(" ")[0] ?? ""));
    return isRelevant ? [{ pid: Number(pid), line }] : [];
  });
}
function ownerId(pid) {
  const uid = /^Uid:\s+(\d+)/m.exec(tryRead(`/proc/${pid}/status`))?.[1];
  return uid === void 0 ? void 0 : Number(uid);
}
function trySignal(pid, signal) {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
function isRunning(pid) {
  if (process.platform === "linux" && tryRead(`/proc/${pid}/stat`).includes(") Z ")) return false;
  return trySignal(pid, 0);
}

// src/run/run-dir.ts
import { randomBytes } from "node:crypto";
import { accessSync, constants as constants2, mkdirSync, readdirSync as readdirSync3, rmSync as rmSync2 } from "node:fs";
import { tmpdir } from "node:os";
import { basename as basename3, dirname, join as join3 } from "node:path";
var longestParent = 50;
var plainPath = /^\/[\w.+@/-]*$/;
var runDirName = /^mab-[0-9a-f]{10}$/;
function connectionPaths(config) {
  const base = config.replace(/\.ssh$/, "");
  return {
    config,
    log: `${config}.log`,
    control: `${base}.ctl`,
    socket: `${base}.sock`,
    engineSocket: `${base}-e.sock`,
    sessionSocket: `${base}-r.sock`,
    sessionLog: `${base}-r.log`
  };
}
var RunDir = class _RunDir {
  path;
  constructor(path) {
    this.path = path;
  }
  /**
   * Chooses a new path. It is saved before the directory is created, so that the post step knows it whenever main is
   * killed. Sockets live in it too, so the runner's temporary directory is used only if its path is short and plain.
   *
   * @param used directories that builds read or write, which therefore must not contain it
   */
  static choose(runnerTemp, used = []) {
    const isOutside = (path) => !used.some((directory) => contains(directory, path));
    const isUsable = (path) => path.length <= longestParent && plainPath.test(path) && isOutside(path) && isWritable(path);
    const parent = [runnerTemp, tmpdir()].find((path) => path && isUsable(path)) ?? "/tmp";
    return new _RunDir(join3(parent, `mab-${randomBytes(5).toString("hex")}`));
  }
  /** Whether a file name is that of a run directory. */
  static isName(name) {
    return runDirName.test(name);
  }
  /** Creates the directory for this user alone. Throws if the path exists. */
  create() {
    mkdirSync(this.path, { mode: 448 });
  }
  /** The directory's name, unique to this run: part of its builder's name and of its ownership annotation. */
  get key() {
    return basename3(this.path);
  }
  /** Directories in which runs on this machine may have created theirs. */
  get parents() {
    return [.../* @__PURE__ */ new Set([dirname(this.path), tmpdir(), "/tmp"])];
  }
  /** Which run owns the directory; long-lived helper processes end when this file is removed. */
  get owner() {
    return join3(this.path, "owner");
  }
  get journal() {
    return join3(this.path, "journal");
  }
  get agentSocket() {
    return join3(this.path, "agent.sock");
  }
  get knownHosts() {
    return join3(this.path, "known_hosts");
  }
  /** @param node short name of the node, since socket paths are limited */
  connection(node) {
    return connectionPaths(join3(this.path, `${node}.ssh`));
  }
  /** The socket of the BuildKit that is built into the node's Docker Engine. */
  builtInSocket(node) {
    return join3(this.path, `${node}-k.sock`);
  }
  /** The socket of a node's BuildKit for later steps of the job. */
  buildkitSocket(node) {
    return join3(this.path, `b${node}.sock`);
  }
  /** Removes the sockets of connections, but for those of BuildKits if later steps use them. */
  removeSockets(keepBuildkits) {
    const kept = keepBuildkits ? /^b\d+\.sock$/ : /^$/;
    const names2 = readdirSync3(this.path).filter((name) => /\.(?:sock|ctl)$/.test(name) && !kept.test(name));
    names2.forEach((name) => rmSync2(join3(this.path, name), { force: true }));
  }
  /** A directory of TLS certificates and keys of nodes. */
  get tlsKeys() {
    return join3(this.path, "tls");
  }
  /** A TLS file of a node: `cacert`, `cert` or `key`. */
  pem(node, option) {
    return join3(this.tlsKeys, `${node}-${option}.pem`);
  }
  /** What buildx and the Docker client read in place of the user's own configuration. */
  get env() {
    return { BUILDX_CONFIG: this.buildxConfig, DOCKER_CONFIG: dirname(this.dockerConfig) };
  }
  /** Git's configuration for buildx. */
  get gitConfig() {
    return join3(this.path, "gitconfig");
  }
  get buildxConfig() {
    return join3(this.path, "buildx");
  }
  /** A directory of programs that buildx finds before those of the runner. */
  get programs() {
    return join3(this.path, "bin");
  }
  /** The id of buildx as a client of BuildKit; a random one, unless the file exists (docker/buildx, util/confutil). */
  get nodeId() {
    return join3(this.buildxConfig, ".buildNodeID");
  }
  /** The directory of buildx's builder instances. */
  get instances() {
    return join3(this.buildxConfig, "instances");
  }
  instance(name) {
    return join3(this.instances, name);
  }
  /** A buildx configuration of its own, in which the instance of this name is removed. */
  removalConfig(name) {
    return join3(this.path, `remove-${name}`);
  }
  get dockerConfig() {
    return join3(this.path, "docker", "config.json");
  }
  /** The Docker configuration that later steps use with `login: job`: a directory. */
  get jobDockerConfig() {
    return join3(this.path, "job-docker");
  }
  /** Where buildx looks for logins for parts of a registry (docker/buildx, util/dockerconfig). */
  get scopedConfigs() {
    return join3(this.buildxConfig, "config");
  }
  /** The settings of `registries`, for the post step. */
  get registries() {
    return join3(this.path, "registries.json");
  }
  /** A directory of CA certificates. */
  get certificates() {
    return join3(this.path, "certs");
  }
  /** A directory of build secrets, removed when nothing is built any more. */
  get secrets() {
    return join3(this.path, "secrets");
  }
  secret(number) {
    return join3(this.secrets, String(number));
  }
  /** The metadata file of one `buildx bake`. */
  metadata(name) {
    return join3(this.path, `${name}.metadata.json`);
  }
  /** A directory of what cosign reads, removed with the logins. */
  get signing() {
    return join3(this.path, "sign");
  }
  /** The bake definition of a dry run. */
  get dryRun() {
    return join3(this.path, "dry-run.json");
  }
  /** A buildx that cannot be installed anywhere else. */
  get tools() {
    return join3(this.path, "tools");
  }
  /** A buildx restored from the job's cache service. */
  get restored() {
    return join3(this.path, "restored");
  }
  /** kubectl's cache, which is otherwise in the user's home directory. */
  get kubectlCache() {
    return join3(this.path, "kubectl");
  }
};
function isWritable(path) {
  try {
    accessSync(path, constants2.W_OK | constants2.X_OK);
    return true;
  } catch {
    return false;
  }
}

// src/run/owner.ts
var runners = ["Runner.Worker", "act", "act_runner", "gitea-runner", "forgejo-runner"];
async function describeOwner({ scope, runId, runAttempt }) {
  const [main, runner] = await Promise.all([
    processIdentity(process.pid),
    isRunner(process.ppid) ? processIdentity(process.ppid) : ""
  ]);
  return { scope, runId, runAttempt, boot: bootId(), pids: pidNamespace(), main, runner };
}
function isRunner(pid) {
  return runners.includes(tryRead(`/proc/${pid}/comm`).trim());
}
function readOwner(path) {
  const parsed = asRecord(tryParseJson(tryRead(path)));
  const text = (name) => asText(parsed[name]);
  const runAttempt = Number(parsed["runAttempt"]);
  if (text("scope") === "" || text("runId") === "" || !Number.isInteger(runAttempt)) return void 0;
  return {
    scope: text("scope"),
    runId: text("runId"),
    runAttempt,
    boot: text("boot"),
    pids: text("pids"),
    main: text("main"),
    runner: text("runner")
  };
}
async function hasEnded({ boot, pids, main }) {
  const [host] = boot.split(" ");
  const isHere = boot === "" ? process.platform !== "linux" : host === hostname();
  if (!isHere || boot !== bootId()) return isHere;
  return pids !== "" && pids === pidNamespace() && main !== "" && !await isRunning2(main);
}
async function isRunning2(identity) {
  return await processIdentity(Number.parseInt(identity, 10)) === identity;
}
async function removeRunDir(path) {
  await killProcessesIn(path);
  removeOwnerLast(path);
}
function removeOwnerLast(path, remove = removeDir) {
  const { owner } = new RunDir(path);
  const names2 = lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? tryList(path) : [];
  for (const each of names2.map((name) => join4(path, name))) if (each !== owner) remove(each);
  remove(path);
}
function bootId() {
  const id = tryRead("/proc/sys/kernel/random/boot_id").trim();
  return id === "" ? "" : `${hostname()} ${id}`;
}
function pidNamespace() {
  try {
    return readlinkSync2("/proc/self/ns/pid");
  } catch {
    return process.platform === "linux" ? "" : process.platform;
  }
}

// src/cli/leftovers.ts
var dirName = /^mab-[A-Za-z0-9]{6}$/;
var lockName = /^undo-(\d+)$/;
var files = (dir) => ({ owner: join5(dir, "owner"), command: join5(dir, "command.json") });
async function recordCommand({ dir, env, nodes }) {
  const platform = Object.entries(env).filter(([name]) => /^(?:GITHUB|RUNNER)_/.test(name));
  writePrivate(files(dir).command, JSON.stringify({ env: Object.fromEntries(platform), nodes }));
  await writeProcess(files(dir).owner);
}
async function writeProcess(path) {
  const run = { scope: "command-line", runId: String(process.pid), runAttempt: 1 };
  writePrivate(path, JSON.stringify(await describeOwner(run)));
}
async function takeLeftovers(own, parent = tmpdir2()) {
  const taken = [];
  for (const name of tryList(parent)) {
    const dir = join5(parent, name);
    if (!dirName.test(name) || dir === own || !isPrivate(dir) || !await isOver(files(dir).owner)) continue;
    if (await lock(dir)) taken.push(readLeftover(dir));
  }
  return taken;
}
function readLeftover(dir) {
  const saved = asRecord(tryParseJson(tryRead(files(dir).command)));
  const env = Object.entries(asRecord(saved["env"])).map(([name, value]) => [name, asText(value)]);
  return { dir, env: Object.fromEntries(env), nodes: asText(saved["nodes"]) };
}
var longestEnd = 3e4;
async function waitForEnd2(dir, deadline2 = longestEnd) {
  const until = Date.now() + deadline2;
  while (existsSync2(dir) && Date.now() < until && !await isOver(files(dir).owner)) await sleep(50);
}
async function removeLeftover({ dir }) {
  await removeRunDir(dir);
}
function isPrivate(dir) {
  try {
    const stats = lstatSync2(dir);
    return stats.isDirectory() && stats.uid === process.getuid?.() && (stats.mode & 63) === 0;
  } catch {
    return false;
  }
}
async function isOver(path) {
  const owner = readOwner(path);
  return owner !== void 0 && await hasEnded(owner);
}
async function lock(dir) {
  const numbers = tryList(dir).flatMap((name) => lockName.exec(name)?.[1] ?? []);
  const last = Math.max(0, ...numbers.map(Number));
  if (last > 0 && !await isOver(join5(dir, `undo-${last}`))) return false;
  const draft = join5(dir, `draft-${process.pid}`);
  try {
    await writeProcess(draft);
    linkSync(draft, join5(dir, `undo-${last + 1}`));
    return true;
  } catch {
    return false;
  } finally {
    rmSync3(draft, { force: true });
  }
}
function describeLeftover({ dir }) {
  return `A command was killed and left ${basename5(dir)} in ${tmpdir2()}: removing what it left here and on its nodes.`;
}

// src/cli/output.ts
var plainOutput = {
  print: (line) => process.stdout.write(`${forStream(line, process.stdout)}
`),
  onDrain: (listener) => process.stdout.once("drain", listener)
};
function forStream(text, { isTTY }) {
  return isTTY === true ? safeLine(text) : text;
}
function printError(line, output) {
  if (output.update && process.stderr.isTTY) return output.print(line);
  printNotice(line);
  return true;
}
function printNotice(text) {
  process.stderr.write(`${forStream(text, process.stderr)}
`);
}
function watchOutput() {
  const closed = new AbortController();
  const close = (error) => {
    if (closed.signal.aborted) return;
    closed.abort();
    if (asRecord(error)["code"] !== "EPIPE")
      console.error(`multiarch-build: the output cannot be written: ${error.message}`);
  };
  for (const stream of [process.stdout, process.stderr]) stream.on("error", close);
  return closed.signal;
}
var sequences = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)/g;
function safeLine(line) {
  const text = line.replace(sequences, (sequence) => /^\x1b\[[\d;]*m$/.test(sequence) ? sequence : "").replace(/[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]/g, "");
  return text.includes("\x1B") ? `${text}\x1B[0m` : text;
}

// src/cli/signals.ts
import { constants as constants3 } from "node:os";
var names = ["SIGINT", "SIGTERM", "SIGHUP"];
var Signals = class {
  #first;
  #listeners = /* @__PURE__ */ new Set();
  #receive = (name) => {
    this.#first ??= name;
    for (const listener of this.#listeners) listener(name === "SIGINT" ? name : "SIGTERM");
  };
  constructor() {
    for (const name of names) process.on(name, this.#receive);
  }
  /** What a shell reports for a program that the first signal ended; undefined without a signal. */
  exitCode() {
    return this.#first === void 0 ? void 0 : 128 + constants3.signals[this.#first];
  }
  /** @returns a function that removes the listener */
  listen(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
  close() {
    for (const name of names) process.off(name, this.#receive);
  }
};

// src/cli/ssh.ts
import { existsSync as existsSync3 } from "node:fs";
import { userInfo } from "node:os";
var deadline = 1e4;
var mostHosts = 32;
async function readSshSettings(inputs, env) {
  const nodes = inputs["nodes"] ?? "";
  const names2 = [...nodes.matchAll(/ssh:\/\/(?:[^@\s/]*@)?(\[[^\]]+\]|[^\s:/,]+)/g)].map(([, host = ""]) => host);
  const hosts = await resolveHosts(names2.map((name) => name.replace(/^\[|\]$/g, "")));
  if (hosts.size === 0) return {};
  const config = inputs["ssh-config"] ?? "";
  const blocks = [...hosts].map(([name, options]) => [
    `Host ${name}`,
    ...config === "" ? formatHost(options) : [],
    ...inputs["ssh-private-key"] === void 0 ? formatKeys(name, options, env) : []
  ]);
  return {
    "ssh-config": [config, ...blocks.map((lines) => lines.join("\n  "))].join("\n"),
    "ssh-known-hosts": inputs["ssh-known-hosts"] ?? await findKnownHosts(hosts)
  };
}
async function resolveHosts(names2) {
  const hosts = /* @__PURE__ */ new Map();
  const pending = [...names2];
  for (let name = pending.shift(); name !== void 0 && hosts.size < mostHosts; name = pending.shift()) {
    if (hosts.has(name)) continue;
    const options = await readHost(name);
    hosts.set(name, options);
    const jumps = first(options, "proxyjump").split(",");
    pending.push(...jumps.map((jump) => jump.replace(/^ssh:\/\//, "").replace(/^.*@|:\d+$/g, "")).filter(isName));
  }
  return hosts;
}
function isName(host) {
  return host !== "" && host !== "none";
}
async function readHost(name) {
  const { code, stdout, stderr } = await exec("ssh", ["-G", "--", name], { deadline });
  if (code !== 0) throw new UsageError(`ssh does not accept the host ${name}: ${stderr.trim()}`);
  const options = /* @__PURE__ */ new Map();
  for (const line of stdout.split("\n")) {
    const [key = "", ...words] = line.split(" ");
    options.set(key, [...options.get(key) ?? [], words.join(" ")]);
  }
  const command = first(options, "proxycommand");
  if (isName(command))
    throw new UsageError(`${name} has a ProxyCommand in the SSH configuration, which builds cannot use: use ProxyJump`);
  return options;
}
function first(options, name) {
  return options.get(name)?.[0] ?? "";
}
var settings = {
  HostName: "hostname",
  User: "user",
  Port: "port",
  HostKeyAlias: "hostkeyalias",
  ProxyJump: "proxyjump",
  CertificateFile: "certificatefile"
};
function formatHost(options) {
  return Object.entries(settings).map(([option, key]) => [option, expandHome(first(options, key))]).filter(([, value = ""]) => isName(value)).map(([option, value]) => `${option} ${value}`);
}
function formatKeys(name, options, env) {
  const files2 = (options.get("identityfile") ?? []).map((path) => expandTokens(expandHome(path), name, options));
  const agent = first(options, "identityagent");
  const socket = agent.startsWith("$") ? env[agent.replace(/[${}]/g, "")] ?? "" : expandHome(agent);
  return [
    // Of a key that only the agent or a token holds, there is only the public half.
    ...files2.filter((path) => existsSync3(path) || existsSync3(`${path}.pub`)).map((path) => `IdentityFile ${path}`),
    ...first(options, "identitiesonly") === "yes" ? ["IdentitiesOnly yes"] : [],
    ...["", "SSH_AUTH_SOCK"].includes(socket) ? [] : [`IdentityAgent ${expandTokens(socket, name, options)}`]
  ];
}
function expandTokens(path, name, options) {
  const values = {
    "%": "%",
    d: homeDir(),
    h: first(options, "hostname"),
    n: name,
    p: first(options, "port"),
    r: first(options, "user"),
    u: userInfo().username
  };
  return path.replace(/%([%dhnpru])/g, (token, letter) => values[letter] ?? token);
}
function expandHome(path) {
  return path.replace(/^~(?=\/)/, homeDir());
}
async function findKnownHosts(hosts) {
  const lines = /* @__PURE__ */ new Set();
  for (const [name, options] of hosts) {
    const files2 = [...options.get("userknownhostsfile") ?? [], ...options.get("globalknownhostsfile") ?? []];
    const [alias, address, port] = [
      first(options, "hostkeyalias"),
      first(options, "hostname") || name,
      first(options, "port")
    ];
    const entry = alias !== "" ? alias : port === "22" ? address : `[${address}]:${port}`;
    for (const file of files2.flatMap((list) => list.split(" ")).map(expandHome).filter(existsSync3)) {
      const { stdout } = await exec("ssh-keygen", ["-F", entry, "-f", file], { deadline });
      for (const line of stdout.split("\n")) if (line !== "" && !line.startsWith("#")) lines.add(line);
    }
  }
  return [...lines].join("\n");
}

// src/cli/steps.ts
import { readFileSync as readFileSync3 } from "node:fs";
import { dirname as dirname3, join as join7 } from "node:path";
import { fileURLToPath } from "node:url";

// src/lib/format.ts
function formatBytes(size) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const format = (step2) => {
    const value = size / 1e3 ** step2;
    return step2 === 0 || value >= 9.95 ? String(Math.round(value)) : value.toFixed(1);
  };
  const step = units.findIndex((_, index) => size < 999.5 * 1e3 ** index);
  return step === -1 ? `${format(units.length - 1)} TB` : `${format(step)} ${units[step] ?? ""}`;
}
function formatDuration(ms) {
  if (Math.round(ms / 100) < 600) return `${(ms / 1e3).toFixed(1)} s`;
  const seconds = Math.round(ms / 1e3);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

// src/cli/frame.ts
var needed = { rate: 90, cached: 70, node: 50 };
var smallest = { columns: 24, rows: 4 };
var lowestRate = 1e3;
function renderFrame(targets, size, paint = (line) => line) {
  const { columns, rows } = size;
  if (columns < smallest.columns || rows < smallest.rows) return [];
  const most = rows - 2;
  const shown = targets.length <= most ? targets : mostInteresting(targets, most - 1);
  const widths = { label: widest(targets, "label"), node: widest(targets, "node") };
  const lines = shown.map((target) => paint(fit(renderTarget(target, columns, widths), columns - 1), target.state));
  const others = targets.length - shown.length;
  return others === 0 ? lines : [...lines, fit(`\u2026 and ${others} more`, columns - 1)];
}
var order = ["failed", "running", "done"];
function mostInteresting(targets, most) {
  const sorted = [...targets].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  const chosen = new Set(sorted.slice(0, most));
  return targets.filter((target) => chosen.has(target));
}
function widest(targets, key) {
  return Math.max(...targets.map((target) => displayWidth(printable(target[key]))));
}
function renderTarget(target, columns, widths) {
  const { state, step, took, cached, total, rate, node, label } = target;
  const right = [
    formatDuration(took).padStart(columns >= needed.node ? 11 : 8),
    ...columns >= needed.cached ? [(total === 0 ? "" : `${cached}/${total} cached`).padStart(13)] : [],
    ...columns >= needed.rate ? [(rate < lowestRate ? "" : `\u2191 ${formatBytes(rate)}/s`).padStart(11)] : []
  ].join("  ");
  const left = [
    pad(printable(label), widths.label),
    ...columns >= needed.node ? [pad(printable(node), widths.node)] : []
  ];
  const space = columns - 1 - displayWidth(left.join("  ")) - displayWidth(right) - 4;
  const what = state === "running" ? printable(step) : state;
  return [...left, pad(fit(what, Math.max(0, space)), Math.max(0, space)), right].join("  ");
}
function printable(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, " ");
}
function pad(text, width) {
  return text + " ".repeat(Math.max(0, width - displayWidth(text)));
}
function fit(text, columns) {
  if (displayWidth(text) <= columns) return text;
  let [kept, width] = ["", 0];
  for (const character of text) {
    width += displayWidth(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return columns > 0 ? `${kept}\u2026` : "";
}
var wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;
function displayWidth(text) {
  let width = 0;
  for (const character of text) width += new RegExp("\\p{M}", "u").test(character) ? 0 : isWide(character) ? 2 : 1;
  return width;
}
function isWide(character) {
  return wide.test(character) || new RegExp("\\p{Emoji_Presentation}", "u").test(character);
}

// src/cli/screen.ts
var interval = 100;
var mostPending = 500;
function canShowView(stream, env) {
  const isSet = (name) => !["", void 0, "false", "0"].includes(env[name]);
  return stream.isTTY === true && !isSet("CI") && env["TERM"] !== "dumb" && env["BUILDKIT_PROGRESS"] !== "plain";
}
var colors = { running: "", done: "\x1B[32m", failed: "\x1B[31m" };
var Screen = class {
  #terminal;
  #isColored;
  #targets = /* @__PURE__ */ new Map();
  #pending = [];
  #timer;
  /** The lines of the view as they were drawn, without colors. */
  #drawn = [];
  #isOver = false;
  constructor(terminal, env) {
    this.#terminal = terminal;
    this.#isColored = (env["NO_COLOR"] ?? "") === "";
    this.#timer = setInterval(() => this.#draw(), interval);
  }
  /** Adds a line to the log. @returns false if the terminal cannot take more for now */
  print(line) {
    this.#pending.push(line);
    return this.#pending.length < mostPending || this.#draw();
  }
  /** Calls back when the terminal can take more. */
  onDrain(listener) {
    this.#terminal.once("drain", listener);
  }
  update(states2, now = performance.now()) {
    for (const state of states2) {
      const before = this.#targets.get(state.id);
      const seconds = before ? (now - before.at) / 1e3 : 0;
      const current = before && seconds > 0 ? Math.max(0, (state.sent - before.sent) / seconds) : 0;
      const rate = state.state === "running" ? ((before?.rate ?? 0) + current) / 2 : 0;
      this.#targets.set(state.id, { ...state, rate, at: now });
    }
  }
  /** Removes the view; what was printed stays. */
  close() {
    clearInterval(this.#timer);
    this.#isOver = true;
    this.#draw();
  }
  #draw() {
    const log = this.#pending.splice(0).map((line) => `${safeLine(line)}
`);
    const frame = this.#isOver ? [] : this.#frame();
    if (log.length + frame.length + this.#drawn.length === 0) return true;
    const text = `${eraseLines(this.#drawn, this.#terminal)}${log.join("")}${frame.map((line) => `${line}
`).join("")}`;
    this.#drawn = frame.map((line) => line.replace(colorSequences, ""));
    return this.#terminal.write(text);
  }
  #frame() {
    const now = performance.now();
    const targets = [...this.#targets.values()].map(
      (target) => target.state === "running" ? { ...target, took: target.took + now - target.at } : target
    );
    const paint = (line, state) => this.#isColored && colors[state] !== "" ? `${colors[state]}${line}\x1B[0m` : line;
    return renderFrame(targets, this.#terminal, paint);
  }
};
var colorSequences = /\x1b\[[\d;]*m/g;
function eraseLines(drawn, { columns }) {
  const rows = drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(displayWidth(line) / Math.max(1, columns))), 0);
  return rows === 0 ? "" : `\r\x1B[${rows}A\x1B[J`;
}

// src/cli/step.ts
import { spawn as spawn3 } from "node:child_process";
import { once } from "node:events";
import { join as join6 } from "node:path";
import { createInterface } from "node:readline";
async function runStep(request) {
  const { program: program2, dir, env, masks, output, signals, closed, isPost = false } = request;
  const files2 = ["OUTPUT", "STATE", "STEP_SUMMARY", "ENV", "PATH"].map(
    (name) => [`GITHUB_${name}`, join6(dir, name)]
  );
  for (const [name, path] of files2) if (!isPost || name !== "GITHUB_STATE") writePrivate(path, "");
  const child = spawn3(process.execPath, [program2], {
    env: { ...env, ...Object.fromEntries(files2) },
    stdio: output.update ? ["ignore", "pipe", "pipe", "ipc"] : ["ignore", "pipe", "pipe"],
    detached: true
  });
  const unlisten = signals.listen((signal) => void child.kill(signal));
  const cancel = () => void child.kill("SIGINT");
  if (!isPost) onAbort(closed, cancel);
  child.on("message", (message) => output.update?.(parseStates(message, masks)));
  const showDebug = env["RUNNER_DEBUG"] === "1";
  const print = (line, isError) => {
    const shown = formatLine(line, masks, showDebug);
    if (shown === void 0 || closed.aborted) return true;
    return isError || line.startsWith("::error") ? printError(shown, output) : output.print(shown);
  };
  const printed = [child.stdout, child.stderr].flatMap(
    (stream) => stream ? [printLines(stream, (line) => print(line, stream === child.stderr), { output, closed })] : []
  );
  const [[code]] = await Promise.all([once(child, "exit"), ...printed]);
  unlisten();
  closed.removeEventListener("abort", cancel);
  return code ?? 1;
}
function onAbort(signal, listener) {
  if (signal.aborted) listener();
  else signal.addEventListener("abort", listener, { once: true });
}
async function printLines(stream, print, { output, closed }) {
  const lines = createInterface({ input: stream, crlfDelay: Infinity });
  lines.on("line", (line) => {
    if (print(line)) return;
    lines.pause();
    output.onDrain(() => lines.resume());
  });
  const resume = () => void lines.resume();
  onAbort(closed, resume);
  await once(lines, "close");
  closed.removeEventListener("abort", resume);
}
var states = ["running", "done", "failed"];
function parseStates(message, masks) {
  return asList(asRecord(message)["targets"]).map(asRecord).map((target) => {
    const text = (name) => mask(asText(target[name]), masks);
    const number = (name) => Number(target[name]) || 0;
    const state = states.find((one) => one === target["state"]) ?? "running";
    const names2 = { id: text("id"), label: text("label"), node: text("node"), step: text("step") };
    const [took, cached, total, sent] = [number("took"), number("cached"), number("total"), number("sent")];
    return { ...names2, state, took, cached, total, sent };
  });
}
var labels = { error: "error: ", warning: "warning: ", notice: "note: ", group: "" };
function formatLine(line, masks, showDebug = false) {
  const [, command, data = ""] = /^::([a-z-]+)(?: [^:]*)?::(.*)$/s.exec(line) ?? [];
  if (command === void 0) return mask(line, masks);
  const text = data.replaceAll("%0D", "").replaceAll("%0A", "\n").replaceAll("%25", "%");
  if (command === "add-mask") {
    for (const part of text.split("\n").filter((secret) => secret.trim().length > 2)) masks.add(part);
    return void 0;
  }
  if (command === "debug") return showDebug ? mask(`debug: ${text}`, masks) : void 0;
  const label = labels[command];
  return label === void 0 ? void 0 : mask(`${label}${text}`, masks);
}
function mask(text, masks) {
  return [...masks].reduce((masked, secret) => masked.replaceAll(secret, "***"), text);
}
function readPairs(text) {
  const pairs = {};
  for (const [, name = "", , value = ""] of text.matchAll(/^([^\n=]+?)<<(\S+)\n(?:(.*?)\n)?\2$/gms)) pairs[name] = value;
  return pairs;
}

// src/cli/steps.ts
async function runSteps(request) {
  const { dir, env } = request;
  const end = startGuard([process.execPath, bundle("cli"), undoArgument, dir], env);
  return await runGuarded(request).finally(end);
}
async function undoKilled(dir, env) {
  const signals = new Signals();
  await waitForEnd2(dir);
  await undoLeftovers("", env, { masks: /* @__PURE__ */ new Set(), closed: watchOutput(), signals });
  signals.close();
}
async function runGuarded({ entry, dir, env, signals }) {
  const common = { masks: /* @__PURE__ */ new Set(), closed: watchOutput(), signals };
  await undoLeftovers(dir, env, common);
  const cancelled = signals.exitCode();
  if (cancelled !== void 0) return cancelled;
  const view = entry === "main" && canShowView(process.stdout, env) ? new Screen(process.stdout, env) : void 0;
  const request = { ...common, dir, program: bundle(entry), env, output: view ?? plainOutput };
  const code = await runStep(request).finally(() => view?.close());
  if (entry === "main") await runPost(dir, env, common);
  return signals.exitCode() ?? code;
}
function bundle(name) {
  return join7(dirname3(dirname3(fileURLToPath(import.meta.url))), name, "index.js");
}
async function runPost(dir, env, common) {
  const pairs = Object.entries(readPairs(readFileSync3(join7(dir, "STATE"), "utf8")));
  if (pairs.length === 0) return;
  const state = Object.fromEntries(pairs.map(([name, value]) => [`STATE_${name}`, value]));
  const program2 = bundle("post");
  await runStep({ ...common, dir, program: program2, env: { ...env, ...state }, output: plainOutput, isPost: true });
}
async function undoLeftovers(own, env, common) {
  try {
    for (const leftover of await takeLeftovers(own))
      if (common.signals.exitCode() === void 0) await undoLeftover(leftover, env, common);
  } catch (error) {
    plainOutput.print(`warning: What killed commands left was not removed: ${errorMessage(error)}`);
  }
}
async function undoLeftover(leftover, env, common) {
  plainOutput.print(describeLeftover(leftover));
  const { dir, nodes } = leftover;
  const key = env[secretVariable("ssh-private-key")] ?? "";
  const values = { nodes, ...key !== "" && { "ssh-private-key": key } };
  const inputs = inputVariables({ ...values, ...await readSshSettings(values, env).catch(() => ({})) });
  await runPost(dir, { ...withoutPlatform(env), ...leftover.env, ...inputs }, common);
  await removeLeftover(leftover);
}

// src/cli/workflow.ts
import { resolve as resolve2 } from "node:path";
var expression = /\$\{\{\s*(.*?)\s*\}\}/g;
async function readWorkflow(source, action, { cwd, env, facts }) {
  const [, file = "", job] = /^(.*?)(?::([\w-]+))?$/s.exec(source) ?? [];
  const jobs = asRecord(asRecord(await readYaml(resolve2(cwd, file)))["jobs"]);
  if (job !== void 0 && !Object.hasOwn(jobs, job))
    throw new UsageError(`${file} has no job \`${job}\`; it has ${Object.keys(jobs).join(", ") || "none"}`);
  const steps = Object.entries(jobs).filter(([name]) => job === void 0 || name === job).flatMap(([, definition]) => asList(asRecord(definition)["steps"]).map(asRecord)).filter((step2) => usesAction(asText(step2["uses"]), action));
  const [step] = steps;
  if (!step) throw new UsageError(`${source} has no step that uses multiarch-build${action}`);
  if (steps.length > 1)
    throw new UsageError(`${source} has ${steps.length} such steps: name the job as in \`FILE:JOB\``);
  const [values, skipped] = [{}, {}];
  for (const [name, value] of Object.entries(asRecord(step["with"]))) {
    const text = await formatValue(value);
    const missing = [...text.matchAll(expression)].filter(([, path = ""]) => evaluate(path, env, facts) === void 0);
    if (missing.length > 0) skipped[name] = missing.map(([whole]) => whole).join(" ");
    else values[name] = text.replace(expression, (_, path) => evaluate(path, env, facts) ?? "");
  }
  return { values, skipped };
}
var harmless = ["github-token", "username", "password", "registry-auth", "registries"];
function checkStep({ values, skipped }, entry, given) {
  const known = Object.values(commands).flatMap((command) => command.entry === entry ? command.inputs : []);
  for (const name of Object.keys({ ...values, ...skipped }))
    if (!known.includes(name))
      throw new UsageError(`\`${name}\` in the workflow is not an input of the action${didYouMean(name, known)}`);
  const missing = Object.keys(skipped).filter((name) => given[name] === void 0 && !harmless.includes(name));
  if (entry === "cleanup" && missing.length > 0)
    throw new UsageError(
      `\`${missing.join("`, `")}\` in the workflow cannot be evaluated here, and a cleanup without it could delete more: give ${missing.map((name) => `\`--${name}\``).join(" and ")}`
    );
}
function checkDefaults(skipped, file, given) {
  const problems = Object.entries(skipped).filter(([name]) => given[name] === void 0 && file[name] !== void 0).map(([name, expressions]) => {
    const way = secretInputs.includes(name) ? `set ${secretVariable(name)}` : `give \`--${name}\``;
    return `\`${name}\` in the workflow cannot be evaluated here (${expressions}), and the default in your file does not replace it: ${way}`;
  });
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
}
function usesAction(uses, action) {
  const [path = ""] = uses.split("@");
  return path.endsWith(`/multiarch-build${action}`) || path === `.${action || "/"}`;
}
function evaluate(path, env, facts) {
  const [, context = "", name = ""] = /^(\w+)\.(\w+)$/.exec(path) ?? [];
  if (context === "github") return facts[name];
  return ["secrets", "vars", "env"].includes(context) ? env[name] : void 0;
}

// src/cli/run.ts
var usageCode = 2;
async function runCommandLine(args, env, cwd) {
  const [first2 = "", dir = ""] = args;
  if (first2 === undoArgument) {
    await undoKilled(dir, env);
    return 0;
  }
  try {
    const invocation = parseArguments(args);
    return printText(invocation, args[1]) ?? await runCommand(invocation, env, cwd);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const problems = errorMessage(error).split("\n").join("\n  ");
    const advice = Object.hasOwn(commands, first2) ? `Run \`multiarch-build ${first2} --help\` for its options.` : "Run `multiarch-build --help` for a list of commands.";
    printNotice(`multiarch-build: ${problems}
${advice}`);
    return usageCode;
  }
}
function printText({ command, own }, argument = "") {
  const isCommand = Object.hasOwn(commands, command);
  if (isCommand && own["help"] === void 0) return void 0;
  const texts2 = {
    completion: () => ["--help", "-h"].includes(argument) ? helpText() : completionScript(argument),
    version: readVersion
  };
  const text = Object.hasOwn(texts2, command) ? texts2[command]?.() : helpText(isCommand ? command : void 0);
  if (text === void 0) throw new UsageError("write `completion bash`, `completion zsh` or `completion fish`");
  console.log(text);
  return 0;
}
function readVersion() {
  const path = join8(dirname4(fileURLToPath2(import.meta.url)), "../../package.json");
  return asText(asRecord(JSON.parse(readFileSync4(path, "utf8")))["version"]);
}
async function runCommand(invocation, env, cwd) {
  const { command, own } = invocation;
  const { entry, fixed } = definitionOf(command);
  const checkout = await readCheckout(cwd);
  const values = { ...await collectValues(invocation, checkout, env, cwd), ...fixed };
  checkTags(command, values);
  const signals = new Signals();
  const dir = mkdtempSync(join8(tmpdir3(), "mab-"));
  try {
    const isCheck = command === "nodes";
    if (isCheck) writePrivate(join8(dir, "Dockerfile"), "FROM scratch\n");
    const base = stepEnvironment(env, dir, {
      checkout,
      cwd: isCheck ? dir : cwd,
      trusted: own["trusted"] === "true",
      forRemote: entry === "cleanup"
    });
    await recordCommand({ dir, env: base, nodes: values["nodes"] ?? "" });
    return await runSteps({ entry, dir, env: { ...base, ...inputVariables(values) }, signals });
  } finally {
    removeDir(dir);
    signals.close();
  }
}
function definitionOf(command) {
  const definition = commands[command];
  if (!definition) throw new Error(`no command ${command}`);
  return definition;
}
async function collectValues({ command, values, own }, checkout, env, cwd) {
  const { inputs, entry } = definitionOf(command);
  const file = await readConfigFile(own["config"], cwd, entry);
  const given = { ...readSecrets(env), ...values };
  const workflow = own["workflow"] === void 0 ? {} : await readStep(own["workflow"], entry, { checkout, env, cwd, given, file });
  const all = {
    ...entry === "main" && { context: ".", cache: "registry" },
    ...file,
    ...workflow,
    ...given
  };
  const known = Object.fromEntries(
    Object.entries(all).filter(([name]) => inputs.includes(name))
  );
  return entry === "main" ? { ...known, ...await readSshSettings(known, env) } : known;
}
function readSecrets(env) {
  return Object.fromEntries(
    secretInputs.flatMap((name) => {
      const value = env[secretVariable(name)] ?? "";
      return value === "" ? [] : [[name, value]];
    })
  );
}
async function readStep(source, entry, { checkout, env, cwd, given, file }) {
  const { branch, sha, url } = checkout;
  const repository = url === "" ? void 0 : new URL(url).pathname.slice(1);
  const facts = { repository, sha: sha === "" ? void 0 : sha, ref: `refs/heads/${branch}`, ref_name: branch };
  const read = await readWorkflow(source, entry === "main" ? "" : `/${entry}`, { cwd, env, facts });
  checkStep(read, entry, given);
  checkDefaults(read.skipped, file, given);
  for (const [name, expressions] of Object.entries(read.skipped))
    if (given[name] === void 0)
      printNotice(`note: the input \`${name}\` is left out: ${explainSkipped(expressions)}`);
  return read.values;
}
function explainSkipped(expressions) {
  const names2 = [...expressions.matchAll(/\b(?:secrets|vars|env)\.(\w+)/g)].map(([, name = ""]) => name);
  if (names2.length > 0) return `to use it, set ${names2.join(" and ")} in the environment`;
  const [, fact] = /^\$\{\{\s*github\.(repository|sha)\s*\}\}$/.exec(expressions) ?? [];
  if (fact === void 0) return `only the CI platform can evaluate ${expressions}`;
  return fact === "sha" ? `the working directory has no Git commit for ${expressions}` : `the working directory has no Git remote \`origin\` with a web address for ${expressions}`;
}
function checkTags(command, values) {
  const pushes = ["", "true"].includes(values["push"] ?? "");
  const isNamed = ["tags", "load", "outputs", "call", "partial"].some((name) => (values[name] ?? "") !== "");
  if ((command === "build" || command === "plan") && pushes && !isNamed)
    throw new UsageError("`--tags` is needed, such as `--tags test`, or `--push false`");
}

// src/cli.ts
process.exitCode = await runCommandLine(process.argv.slice(2), process.env, process.cwd());
