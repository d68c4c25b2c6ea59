import { createRequire as __cr } from 'node:module'; import { fileURLToPath as __fu } from 'node:url'; import { dirname as __dn } from 'node:path'; const require = __cr(import.meta.url); const __filename = __fu(import.meta.url); const __dirname = __dn(__filename);
import {
  credentialHelper,
  dockerConfigFile,
  dockerConfigKey,
  loadJobDockerConfig,
  storedCredentials
} from "./chunk-PVEGOUK3.js";
import {
  exec,
  withholdVariables
} from "./chunk-3NRGT7RO.js";
import {
  wordingOf
} from "./chunk-O72HTLTZ.js";
import {
  createResult
} from "./chunk-W5LXIEZA.js";
import {
  Diagnostics,
  boolean,
  checkedText,
  choice,
  duration,
  failFor,
  list,
  parseTable,
  passes
} from "./chunk-EDH5RST5.js";
import {
  getAttribute,
  isTrue,
  parseAttributes,
  parseBoolean,
  restorePem,
  splitLines,
  splitList
} from "./chunk-GMB5OWTJ.js";
import {
  defaultApiUrl,
  detectPlatform,
  isForgejoRunner,
  passesParentInputs
} from "./chunk-BPKKR3LI.js";
import "./chunk-3NAHNUTQ.js";
import "./chunk-XKGKNCXV.js";
import {
  formatRepository,
  parseRepository
} from "./chunk-BXNBVM3O.js";
import {
  runsForCommandLine
} from "./chunk-D5WJF5XN.js";
import "./chunk-LUPX4NBI.js";
import {
  NotDeletedError,
  RegistryError,
  allowManyListeners,
  createFetch,
  createGithubRequest,
  createPlatformRequest,
  createRawFetch,
  createRegistryClient,
  createRunStatusCache,
  createRunStatusFetcher,
  exists,
  isCertainlyRunId,
  listReferrers,
  listTagNames,
  mapConcurrent,
  matchesPattern,
  movedTag,
  parseConfigDigest,
  parseProvenanceBlobs,
  parseRunId,
  readBlobSizes,
  readManifests,
  refreshVersion,
  requireTime,
  resolveTags,
  unlessNotFound
} from "./chunk-6Z3D2W5I.js";
import {
  annotatedRun,
  cacheOfHistory,
  logWait,
  pullRequestId,
  repositoryScope,
  sleep,
  withAbort
} from "./chunk-IX6Z2KIW.js";
import {
  readRegularFile,
  setPrivateUmask,
  specialKind
} from "./chunk-V6WFKYNU.js";
import "./chunk-GEULO7WL.js";
import {
  asList,
  asRecord,
  asText,
  isRecord,
  tryParseJson
} from "./chunk-SGSZ2VWF.js";
import {
  InputError,
  didYouMean,
  shorten
} from "./chunk-QJ7EZ3IZ.js";
import {
  UserError,
  UserErrors,
  errorMessage,
  formatError,
  isInternalError
} from "./chunk-X3QOFYRC.js";
import "./chunk-5EFHKGRW.js";

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

// src/inputs/local-paths.ts
import { existsSync } from "node:fs";
import { posix as posix2 } from "node:path";

// src/inputs/workspace-links.ts
import { readlinkSync } from "node:fs";
import { posix } from "node:path";
var readLink = (path) => {
  try {
    return readlinkSync(path);
  } catch {
    return void 0;
  }
};
function findLeavingLink(path, workspace, read = readLink) {
  const root = resolveLinks(workspace, read) ?? workspace;
  const base = [workspace, root].find((directory) => isWithin(path, directory));
  if (base === void 0) return void 0;
  const names = posix.relative(base, path).split("/");
  const targets = names.map((_, index) => posix.join(base, ...names.slice(0, index + 1))).map((link) => ({ link, target: resolveLinks(link, read) }));
  const leaving = targets.find(({ target }) => target === void 0 || !isWithin(target, root));
  if (leaving !== void 0 || isInGit(names)) return leaving;
  const inGit = targets.find(({ target = "" }) => isInGit(posix.relative(root, target).split("/")));
  return inGit && { ...inGit, isGit: true };
}
function isInGit(names) {
  return names.includes(".git");
}
function isWithin(path, directory) {
  return path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);
}
var mostLinks = 40;
function resolveLinks(path, read) {
  const rest = path.split("/");
  let resolved = "/";
  let links = 0;
  for (let name = rest.shift(); name !== void 0; name = rest.shift()) {
    const next = posix.join(resolved, name);
    const target = next === resolved || isWithin(next, "/proc") ? void 0 : read(next);
    if (target !== void 0 && ++links > mostLinks) return void 0;
    if (target === void 0) resolved = next;
    else {
      rest.unshift(...target.split("/"));
      if (target.startsWith("/")) resolved = "/";
    }
  }
  return resolved;
}
function specialMessage(kind = "special") {
  return `is ${kind}: replace it by a file or directory`;
}
function leavingMessage({ link, target, isGit }, workspace) {
  const name = posix.relative(workspace, link);
  if (target === void 0) return `is in a loop of symbolic links at \`${name}\`: replace the link`;
  const way = isGit ? "enters a Git repository" : "leaves the workspace";
  return `${way} through the symbolic link \`${name}\`, which leads to ${target}: replace the link by a file or directory, or write the path \`${target}\` itself`;
}

// src/inputs/local-paths.ts
var hostFiles = { exists: existsSync, read: readRegularFile, readLink, specialKind };
var LocalPaths = class {
  workspace;
  #files;
  #report;
  #used = /* @__PURE__ */ new Set();
  /** @param workspace absolute; relative paths are relative to it */
  constructor(workspace, files, report) {
    this.workspace = workspace;
    this.#files = files;
    this.#report = report;
  }
  /** Every path that was passed to `use`; for a Dockerfile its directory, all of which a frontend may ask for. */
  get used() {
    return [...this.#used];
  }
  /** The absolute path that a text means. */
  absolute(text) {
    return posix2.resolve(this.workspace, text);
  }
  /**
   * The absolute path that the action or a build will read or write; an issue of the input that names it if a symbolic
   * link leads out of the workspace, or if what is there cannot be used.
   */
  use(text, input3, use = "read") {
    const path = this.absolute(text);
    this.#used.add(["file", "variants"].includes(input3) && this.isFile(path) ? posix2.dirname(path) : path);
    const leaving = findLeavingLink(path, this.workspace, this.#files.readLink);
    if (leaving) failFor(this.#report, input3)(leavingMessage(leaving, this.workspace), text);
    else passes(failFor(this.#report, input3), text, this.#problems(path, use));
    return path;
  }
  /** An export into a pipe or device outside is what the workflow asks for; nobody else can create one there. */
  #problems(path, use) {
    const kind = this.#files.specialKind?.(path);
    const isAllowed = use === "connect" ? kind === "a socket" : use === "archive" && !isWithin(path, this.workspace);
    return [
      [kind !== void 0 && !isAllowed, specialMessage(kind)],
      [use === "archive" && this.isDirectory(path), "is a directory: write the path of a file, such as `out.tar`"],
      [use === "directory" && this.isFile(path), "is a file: write the path of a directory, or remove the file"]
    ];
  }
  /** The text of a file that a setting names; an issue if there is none, or if it must not be read. */
  readFile(text, fail) {
    const path = this.absolute(text);
    const leaving = findLeavingLink(path, this.workspace, this.#files.readLink);
    const isUsable = passes(fail, text, [
      [leaving !== void 0, leaving ? leavingMessage(leaving, this.workspace) : ""],
      [this.isDirectory(path), "is a directory: write the path of a file"],
      [!this.exists(path), `was not found: ${path}`]
    ]);
    return isUsable ? this.#read(path, fail) : "";
  }
  exists(path) {
    return this.#files.exists(path);
  }
  isDirectory(path) {
    return this.#files.exists(`${path}/.`);
  }
  isFile(path) {
    return this.exists(path) && !this.isDirectory(path);
  }
  /** The text of a file; undefined if it cannot be read, as a socket. */
  tryRead(path) {
    try {
      return this.#files.read(path).trim();
    } catch {
      return void 0;
    }
  }
  #read(path, fail) {
    const text = this.tryRead(path);
    if (text === void 0) fail(`cannot be read: the job's user must be able to read ${path}, a file of at most 4 MiB`);
    return text ?? "";
  }
  /** The end of a "not found" message; a missing checkout is the most common reason. */
  get checkoutHint() {
    return this.exists(posix2.join(this.workspace, ".git")) ? "" : wordingOf("pathNotFound");
  }
};

// src/registry/credentials/exchanged-logins.ts
var domains = "amazonaws\\.(?:com(?:\\.cn)?|eu)|on\\.aws|on\\.amazonwebservices\\.com\\.cn";
var privateEcr = new RegExp(`^\\d{12}\\.dkr[.-]ecr(?:-fips)?\\.([a-z0-9-]+)\\.(?:${domains})$`);
var publicEcr = ["public.ecr.aws", "ecr-public.aws.com"];
function ecrRegion(registry) {
  return publicEcr.includes(registry) ? "us-east-1" : privateEcr.exec(registry)?.[1];
}
function isEcr(registry, mode) {
  return mode === "true" || mode === "auto" && ecrRegion(registry) !== void 0;
}
var connectionVariable = "DOCKERHUB_OIDC_CONNECTIONID";
function isHubOidc({ registry, username, password }, env) {
  const isHub = dockerConfigKey(registry) === dockerConfigKey("docker.io") || registry === "dhi.io";
  return isHub && username !== "" && password === "" && (env[connectionVariable] ?? "").trim() !== "";
}

// src/inputs/settings/secrets.ts
var emptySecret = "secrets are empty if their name is misspelled, and in runs for forks";

// src/lib/yaml.ts
async function parseYaml(input3, text, report) {
  const { FAILSAFE_SCHEMA, load, YAMLException } = await import("./chunk-E2LJUNBM.js");
  try {
    return load(text, { schema: FAILSAFE_SCHEMA });
  } catch (error2) {
    const { reason, mark } = error2 instanceof YAMLException ? error2 : { reason: "it cannot be parsed" };
    const given = mark ? text.split(/\r\n|\r|\n/)[mark.line] ?? "" : "";
    const where = mark ? ` in line ${mark.line + 1}` : "";
    report({
      input: input3,
      ...given.trim() !== "" && { given: shorten(given) },
      expected: `is not valid YAML${where}: ${shorten(reason)}`
    });
    return void 0;
  }
}

// src/inputs/yaml-fields.ts
async function parseYamlList(text, { input: input3, expected, given }, report) {
  const yaml = await parseYaml(input3, text, report);
  const isList = Array.isArray(yaml);
  passes(failFor(report, input3), given, [[yaml !== void 0 && !isList, expected]]);
  return isList ? yaml : void 0;
}
async function parseYamlMap(text, { input: input3, expected }, report) {
  const yaml = await parseYaml(input3, text, report);
  const isMap = isRecord(yaml);
  passes(failFor(report, input3), text, [[yaml !== void 0 && !isMap, expected]]);
  return isMap ? yaml : void 0;
}
function parseFields(map, form3, fail) {
  const { what, keys: keys3, where = "" } = form3;
  const known = keys3.join(", ");
  for (const key of Object.keys(map))
    passes(fail, key, [
      [key === "<<", `is a YAML merge key, which is not supported${where}: repeat the settings`],
      [!keys3.includes(key), `is not a key of ${what}${where}: valid keys are ${known}${didYouMean(key, keys3)}`]
    ]);
  return (key) => {
    const value = fieldOf(map, key);
    const isText = value === void 0 || typeof value === "string";
    passes(fail, key, [[!isText, `must be a single string${where}: write \`${key}: \u2026\` in one line`]]);
    return isText ? value?.trim() : void 0;
  };
}
function fieldOf(map, key) {
  return Object.hasOwn(map, key) ? map[key] : void 0;
}
function listField(map, key, fail, forms = "a string or a list of strings") {
  const values = [fieldOf(map, key) ?? ""].flat();
  const texts = values.filter((value) => typeof value === "string");
  passes(fail, key, [[texts.length < values.length, `must be ${forms}`]]);
  return texts.filter((text) => text.trim() !== "");
}

// src/inputs/logins/registry-auth.ts
var input = "registry-auth";
var keys = ["registry", "username", "password", "scope", "ecr"];
var form = "write `- registry: ghcr.io` and below it `username` and `password`";
async function registryAuthLogins({ text, env, report }, canOmit) {
  if (text(input) === "") return [];
  const list2 = { input, expected: `is not a YAML list of logins: ${form}` };
  const entries = await parseYamlList(text(input), list2, ({ expected }) => report({ input, expected })) ?? [];
  return entries.flatMap((entry, index) => {
    const fail = (expected, given) => failFor(report, input)(`${expected} (number ${index + 1} of the list)`, given);
    return parseLogin(entry, { canOmit, env }, fail) ?? [];
  });
}
function parseLogin(entry, { canOmit, env }, fail) {
  passes(fail, void 0, [[!isRecord(entry), `is not a login: ${form}`]]);
  if (!isRecord(entry)) return void 0;
  const textOf = parseFields(entry, { what: "a login", keys }, fail);
  const text = (key) => textOf(key) ?? "";
  const [username, password, scope] = [text("username"), text("password"), text("scope")];
  const registry = text("registry") === "" ? "docker.io" : hostOf(text("registry"));
  const isAws = isEcr(registry, parseEcr(text("ecr"), fail));
  const login = { registry, username, password, ...scope !== "" && { scope } };
  if (isHubOidc(login, env)) return { ...login, hubOidc: true };
  if (password === "" && !isAws && canOmit(registry)) return void 0;
  const problems2 = [
    [password === "", `has no \`password\`; ${emptySecret}`],
    [username === "", "has no `username`"]
  ];
  passes(fail, registry, isAws ? [] : problems2);
  passes(fail, scope, [[!isScope(scope), "is not a valid scope: write `acme/app`, `acme/app@push` or `@push`"]]);
  return { ...login, ...isAws && { ecr: true } };
}
function isScope(text) {
  return /^[A-Za-z0-9._/-]*(@[a-z]+(,[a-z]+)*)?$/.test(text) && !text.split("/").includes("..");
}
function hostOf(text) {
  return text.replace(/^[a-z]+:\/\//i, "").replace(/\/.*$/s, "").toLowerCase();
}
function parseEcr(text, fail) {
  const mode = ["auto", "true", "false"].find((one) => one === (text.toLowerCase() || "auto"));
  passes(fail, text, [[mode === void 0, "is not one of `auto`, `true`, `false`"]]);
  return mode ?? "auto";
}

// src/inputs/logins/logins.ts
async function parseLogins(source, { images, sources: sources2 = [], push }) {
  const { text, report, warn } = source;
  const given = ["registry", "username", "password", "ecr"].filter((name) => text(name) !== "");
  passes(failFor(report, "registry-auth"), void 0, [
    [
      text("registry-auth") !== "" && given.length > 0,
      `cannot be combined with ${quoted(given)}: write them in its entries, or remove it`
    ]
  ]);
  const canOmit = (registry) => {
    const at = registry === "" ? "" : ` at ${registry}`;
    if (!push) warn(`The login${at} is not used because its \`password\` is empty; nothing is pushed.`);
    return !push;
  };
  const registries = [...new Set(images.map(({ registry }) => registry))];
  const all = [...new Set([...images, ...sources2].map(({ registry }) => registry))];
  const ecr = parseEcr(text("ecr"), failFor(report, "ecr"));
  const listed = await registryAuthLogins(source, canOmit);
  const hub = hubLogins(source, registries);
  const step = hub.length > 0 ? hub : usernamePasswordLogin(source, { registries, ecr, canOmit });
  const own = [...step, ...platformTokenLogin(source, all, step)];
  const covered = new Set(
    listed.flatMap(({ registry, scope }) => scope === void 0 ? dockerConfigKey(registry) : [])
  );
  const logins = [...listed, ...own.filter(({ registry }) => !covered.has(dockerConfigKey(registry)))];
  const named = text("registry") === "" ? [] : [hostOf(text("registry"))];
  const rest = [.../* @__PURE__ */ new Set([...all, ...named])].filter((host) => !logins.some((one) => one.registry === host));
  return [...logins, ...ecr === "false" ? [] : awsLogins(source, rest)];
}
function usernamePasswordLogin(source, { registries, ecr, canOmit }) {
  const [username, password, named] = [
    source.text("username"),
    source.text("password"),
    hostOf(source.text("registry"))
  ];
  const needsUsername = named !== "" && !isEcr(named, ecr);
  const needsPassword = named === "" ? username !== "" : needsUsername;
  if (needsPassword && password === "" && canOmit(named)) return [];
  const isComplete = reportIncomplete(source, { needsUsername });
  if (!isComplete) return [];
  if (username === "") return named !== "" && ecr === "true" ? jobKeyLogin(source, named, canOmit) : [];
  const hosts = named === "" ? registryOfImages(source, registries) : [named];
  const isKey = (registry) => isEcr(registry, ecr) && username !== "AWS";
  return hosts.map((registry) => ({ registry, username, password, ...isKey(registry) && { ecr: true } }));
}
function jobKeyLogin({ env }, registry, canOmit) {
  if ((env["AWS_ACCESS_KEY_ID"] ?? "") === "" && canOmit(registry)) return [];
  return [{ registry, username: "", password: "", ecr: true }];
}
function hubLogins({ text, env }, registries) {
  const [username, password] = [text("username"), text("password")];
  const hosts = text("registry") === "" ? registries : [hostOf(text("registry"))];
  return hosts.map((registry) => ({ registry, username, password, hubOidc: true })).filter((login) => isHubOidc(login, env));
}
function reportIncomplete({ text, report }, { needsUsername }) {
  const [hasUsername, hasPassword] = [text("username") !== "", text("password") !== ""];
  const form3 = "set both or neither";
  const results = [
    passes(failFor(report, "registry"), text("registry"), [
      [needsUsername && !hasUsername, "needs `username` and `password`"]
    ]),
    passes(failFor(report, "password"), void 0, [
      [hasUsername && !hasPassword, `is missing, but \`username\` is set: ${form3}; ${emptySecret}`]
    ]),
    passes(failFor(report, "username"), void 0, [
      [!hasUsername && hasPassword, `is missing, but \`password\` is set: ${form3}`]
    ])
  ];
  return results.every(Boolean);
}
function registryOfImages({ event, report }, registries) {
  const others = registries.length > 1 ? registries.filter((host) => host !== platformRegistry(event)) : registries;
  const hosts = shorten(others.join(" and "));
  const form3 = "list a login for each in `registry-auth`, and remove `username` and `password`";
  const message = `is for one registry, but the images are on ${hosts}: ${form3}`;
  return passes(failFor(report, "username"), void 0, [[others.length > 1, message]]) ? others : [];
}
function platformTokenLogin({ text, event }, registries, step) {
  const registry = platformRegistry(event);
  const [username, password] = [event.actor, text("github-token")];
  const isUsed = registries.includes(registry) && !step.some((login) => login.registry === registry);
  return isUsed && username !== "" && password !== "" ? [{ registry, username, password, isPlatformToken: true }] : [];
}
function platformRegistry(platform2) {
  const host = hostOf(platform2.serverUrl);
  const kind = detectPlatform(platform2);
  if (kind === "github.com") return "ghcr.io";
  return kind === "enterprise-server" || kind === "ghe.com" ? `containers.${host}` : host;
}
var otherAwsVariables = [
  "AWS_PROFILE",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI"
];
function awsLogins({ env, warn }, hosts) {
  const registries = hosts.filter((host) => ecrRegion(host) !== void 0);
  const isSet = (name) => (env[name] ?? "") !== "";
  if (isSet("AWS_ACCESS_KEY_ID"))
    return registries.map((registry) => ({ registry, username: "", password: "", ecr: true }));
  if (registries.length > 0 && otherAwsVariables.some(isSet))
    warn(
      `No login at ${registries.join(", ")} with the AWS identity of this job, because AWS_ACCESS_KEY_ID is not set: run aws-actions/configure-aws-credentials in an earlier step.`
    );
  return [];
}
function quoted(names) {
  return names.map((name) => `\`${name}\``).join(" and ");
}

// src/inputs/registries.ts
var input2 = "registries";
var keys2 = ["ca", "http", "insecure", "mirrors"];
var form2 = "write `registry.example.com: {ca: path/to/ca.pem}`, one registry per line";
var hostPattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?$/;
async function parseRegistries(source) {
  const text = source.text(input2);
  const map = text === "" ? {} : await parseYamlMap(text, { input: input2, expected: `is not a map of registries: ${form2}` }, source.report);
  const hosts = Object.entries(map ?? {}).flatMap(([host, entry]) => {
    const parsed = parseHost(host, entry, source);
    return parsed ? [[host.toLowerCase(), parsed]] : [];
  });
  return Object.fromEntries(hosts);
}
function parseHost(host, entry, source) {
  const fail = failFor(source.report, input2, host);
  const forms = "write it as in image names, `registry.example.com:5000`, without a scheme";
  passes(fail, host, [[!hostPattern.test(host), `is not a valid host: ${forms}`]]);
  passes(fail, host, [[!isRecord(entry), `has no settings: ${form2}`]]);
  if (!isRecord(entry)) return void 0;
  const text = parseFields(entry, { what: "a registry", keys: keys2, where: ` in \`${host}\`` }, fail);
  const flag = (key) => parseBoolean(
    input2,
    text(key) ?? "false",
    (issue2) => source.report({ ...issue2, given: `${key}: ${issue2.given ?? ""}` })
  );
  const settings = { ca: parseCa(text("ca") ?? "", source, fail), http: flag("http"), insecure: flag("insecure") };
  passes(fail, host, [
    [settings.http && settings.ca !== "", "has `http` and `ca`, but plain http has no certificate: remove one of them"]
  ]);
  return { ...settings, mirrors: parseMirrors(entry, fail) };
}
function parseCa(text, { paths }, fail) {
  if (text === "" || text.includes("-----BEGIN")) return text === "" ? "" : restorePem(text);
  const failCa = (expected) => fail(expected, `ca: ${text}`);
  const path = paths.absolute(text);
  const message = `is neither a PEM certificate nor a file that contains one: ${path} was not found`;
  if (!passes(failCa, void 0, [[!paths.exists(path), message]])) return "";
  const pem = paths.readFile(text, failCa);
  const isPem = pem === "" || pem.includes("-----BEGIN");
  return passes(failCa, void 0, [[!isPem, "is a file without a PEM certificate"]]) && pem !== "" ? `${pem}
` : "";
}
var mirrorForm = "is not a valid mirror: write its host, `mirror.example.com`, without a scheme";
function parseMirrors(entry, fail) {
  const mirrors = listField(entry, "mirrors", fail).flatMap((line) => splitList(line));
  const isHost = (mirror) => hostPattern.test(mirror.split("/")[0] ?? "") && !mirror.includes("://");
  return mirrors.filter((mirror) => passes(fail, mirror, [[!isHost(mirror), mirrorForm]]));
}

// src/packages/select.ts
var backends = {
  github: async () => (await import("./chunk-FCIQZTOJ.js")).githubBackend,
  forgejo: async () => (await import("./chunk-WPARBACE.js")).forgejoBackend,
  gitea: async () => (await import("./chunk-WPARBACE.js")).forgejoBackend,
  oci: async () => (await import("./chunk-LFTQHDUL.js")).ociBackend
};
var choices = ["auto", ...Object.keys(backends)];
var packagesChoices = Object.fromEntries(
  choices.map((name) => [name, name])
);
async function selectBackend(choice2, registry, platform2, table = backends) {
  const host = registry.toLowerCase();
  const [candidates, explicit] = choice2 === "auto" ? [Object.values(table)] : [[table[choice2]], "explicit"];
  for (const load of candidates) {
    const definition = await load?.();
    const endpoint = definition?.endpoint(host, platform2, explicit);
    if (definition && endpoint !== void 0) return { definition, endpoint };
  }
  throw new Error(`No packages API \`${choice2}\` for ${registry}`);
}
async function openPackageRepository(access2, options, table = backends) {
  const { repository, client, until } = options;
  const { definition, endpoint } = await selectBackend(access2.choice, repository.registry, access2.platform, table);
  const { createPackageRepository } = await import("./chunk-J6FUV4NE.js");
  return createPackageRepository({
    backend: await definition.create(endpoint, access2, options),
    registry: client,
    repository: repository.path,
    name: formatRepository(repository),
    clock: access2.clock,
    deadline: until
  });
}

// src/inputs/shared-inputs.ts
var sharedRows = {
  /** Report the plan, change nothing. */
  dryRun: ["dry-run", boolean()],
  packagesApi: ["packages-api", choice(packagesChoices, "auto")]
};
var cleanupModes = { auto: "auto", always: "always", never: "never", true: "auto", false: "never" };
var cleanupRow = ["cleanup", choice(cleanupModes, "auto")];
function parseImageList({ text, report }) {
  const fail = failFor(report, "image");
  const entries = splitLines(text("image")).flatMap(
    (line) => attributeLine.test(line.text) ? [parseEntry(line.text, fail, report)] : splitList(line.text).map(requiredImage)
  );
  const found = entries.flatMap(({ name, isRequired }) => {
    if (name === "") return [];
    const isPlain = passes(fail, name, [[/\s#/.test(name), "contains a comment: comments need a line of their own"]]);
    const repository = isPlain ? parseRepository(name.toLowerCase(), (expected) => fail(expected, name)) : void 0;
    return repository ? [{ repository, isRequired }] : [];
  });
  const select = (required) => found.filter(({ isRequired }) => isRequired === required).map(({ repository }) => repository);
  const images = select(true);
  const isNamed = (mirror) => images.some((image) => formatRepository(image) === formatRepository(mirror));
  return { images, mirrors: select(false).filter((mirror) => !isNamed(mirror)) };
}
var attributeLine = /^"?(?:name|required)\s*=/;
var attributeForm = "write `name=docker.io/acme/app,required=false`";
var requiredImage = (name) => ({ name, isRequired: true });
function parseEntry(line, fail, report) {
  const attributes = parseAttributes(line) ?? [];
  const [name = "", required = ""] = ["name", "required"].map((key) => getAttribute(attributes, key)?.trim());
  const [unknown] = attributes.find(([key]) => key !== "name" && key !== "required") ?? [];
  passes(fail, line, [
    [unknown !== void 0, `has an unknown attribute \`${shorten(unknown ?? "")}\`: ${attributeForm}`],
    [name === "", `has no name: ${attributeForm}`]
  ]);
  return { name, isRequired: parseBoolean("image", required === "" ? "true" : required, report) };
}
function parseImages(source) {
  const { images, mirrors } = parseImageList(source);
  return [...images, ...mirrors];
}

// src/inputs/source.ts
function variableOf(input3) {
  return `INPUT_${input3.replaceAll(" ", "_").toUpperCase()}`;
}
function createSource({ env, event, files, diagnostics }) {
  const { report, warn, note, hasIssue } = diagnostics;
  const paths = new LocalPaths(event.workspace, files, report);
  return { env, event, paths, report, warn, note, hasIssue, text: (name) => (env[variableOf(name)] ?? "").trim() };
}

// src/inputs/unknown-inputs.ts
var alternatives = {
  // docker/setup-buildx-action
  config: "use `buildkitd-config`",
  "config-inline": "use `buildkitd-config-inline`",
  name: "the builder\u2019s name is unique on every node; read it from the output `name`",
  // docker/login-action
  scope: "write it in an entry of `registry-auth`",
  // docker/metadata-action
  "bake-target": "there is no bake file; the output `json` has its content",
  images: "use `image`",
  "sep-annotations": "outputs have one entry per line, and `json` has them as lists",
  "sep-labels": "outputs have one entry per line, and `json` has them as lists",
  "sep-tags": "outputs have one entry per line, and `json` has them as lists",
  // Common misspellings of ours
  dockerfile: "use `file`",
  node: "use `nodes`",
  platform: "use `platforms`",
  tag: "use `tags`"
};
function checkNames({ env, report, warn }, known, isDeleting = false) {
  const inherits = passesParentInputs(env);
  for (const [name, value] of inputsIn(env).filter(([name2]) => !known.includes(name2))) {
    const problem = `is not an input of this action${hint(name, known)}`;
    const [shown, advice] = [shorten(name), remedy(name, inherits)];
    if (value.trim() === "" || inherits && !isDeleting) warn(`\`${shown}\` ${problem}`);
    else if (isDeleting || isMisspelled(name, known)) report({ input: shown, expected: `${problem} ${advice}` });
    else warn(`\`${shown}\` ${problem} ${advice}`);
  }
}
function inputsIn(env) {
  return Object.entries(env).flatMap(([variable, value = ""]) => {
    const name = new RegExp("^INPUT_(\\P{Ll}+)$", "u").exec(variable)?.[1];
    return name === void 0 ? [] : [[name.toLowerCase(), value]];
  });
}
function isMisspelled(name, known) {
  return /\W/.test(name) || Object.hasOwn(alternatives, name) || didYouMean(name, known) !== "";
}
function remedy(name, inherits) {
  const variable = shorten(`INPUT_${name.toUpperCase()}`);
  return inherits ? `If it is an input of an enclosing composite action, write \`${variable}: ''\` in \`env\` of this step` : `If the step does not set it, the job has a variable \`${variable}\`: rename the variable`;
}
function hint(name, known) {
  const alternative = Object.hasOwn(alternatives, name) ? alternatives[name] : void 0;
  return alternative === void 0 ? didYouMean(name, known) || "; the README lists all inputs." : `: ${alternative}.`;
}

// src/inputs/cleanup-inputs.ts
var parsePatterns = (text) => splitList(text || "pr-*,build-*");
var checkRunId = checkedText((text) => [[!/^\d+$/.test(text), "is not a valid run id: write `${{ github.run_id }}`"]]);
var parseRunId2 = (...given) => checkRunId(...given) || void 0;
var checkNumber = checkedText((text) => [
  [!/^[1-9]\d*$/.test(text), "is not the number of a pull request: write `${{ github.event.number }}`"]
]);
var parseNumber = (...given) => checkNumber(...given) || void 0;
var checkCount = checkedText((text) => [
  [!/^\d{1,6}$/.test(text), "is not a number of images: write `10`, for example"]
]);
var parseCount = (...given) => {
  const text = checkCount(...given);
  return text === "" ? void 0 : Number(text);
};
var rows = {
  ...sharedRows,
  tags: ["tags", parsePatterns],
  excludeTags: ["exclude-tags", list()],
  /** Milliseconds. */
  olderThan: ["older-than", duration("3 days")],
  runId: ["run-id", parseRunId2],
  prNumber: ["pr-number", parseNumber],
  /** How many images of each pattern stay; undefined: the runs decide. */
  keepNTagged: ["keep-n-tagged", parseCount],
  untagged: ["untagged", boolean(true)],
  unmarked: ["unmarked", choice({ auto: "auto", keep: "keep", delete: "delete" }, "auto")]
};
async function readCleanupInputs(env, event, files = hostFiles) {
  const diagnostics = new Diagnostics();
  const source = createSource({ env, event, files, diagnostics });
  checkNames(source, cleanupInputs, true);
  const images = parseImages(source);
  if (images.length === 0 && !diagnostics.hasIssue("image"))
    failFor(source.report, "image")("is empty: write the repositories to clean up, for example `ghcr.io/acme/app`");
  const values = parseTable(rows, source);
  checkModes(source);
  const registries = await parseRegistries(source);
  const logins = await parseLogins(source, { images, push: true });
  diagnostics.throwIssues();
  return { ...values, images, logins, registries, warnings: diagnostics.warnings };
}
var modes = ["run-id", "pr-number", "keep-n-tagged"];
function checkModes({ text, report }) {
  const [first, ...others] = modes.filter((name) => text(name) !== "");
  for (const other of others) failFor(report, other)(`cannot be combined with \`${first ?? ""}\`: set only one of them`);
  const needsTags = text("keep-n-tagged") !== "" && splitList(text("tags")).length === 0;
  if (needsTags) failFor(report, "tags")("is empty: `keep-n-tagged` needs patterns of its own, such as `nightly-*`");
}

// src/inputs/cache/backends.ts
import { posix as posix3 } from "node:path";

// src/inputs/cache/cache-service.ts
function serviceVersion(attributes, env) {
  const given = (name, variable) => getAttribute(attributes, name) ?? env[variable] ?? "";
  const requested = getAttribute(attributes, "version");
  const results = env["ACTIONS_RESULTS_URL"] ?? "";
  const isOffered = isTrue(env["ACTIONS_CACHE_SERVICE_V2"]) || results.includes("results-receiver.actions.githubusercontent.com");
  const second = getAttribute(attributes, "url_v2") ?? (isOffered ? results : "");
  if (given("token", "ACTIONS_RUNTIME_TOKEN") === "") return void 0;
  if (requested !== "1" && second !== "") return 2;
  return requested === "2" || given("url", "ACTIONS_CACHE_URL") === "" ? void 0 : 1;
}
var cacheService = {
  secretVariables: {
    ACTIONS_RUNTIME_TOKEN: (token) => [token],
    // If the runner itself serves the cache, a part of the address is the credential.
    ACTIONS_CACHE_URL: (url) => url.replace(/^\w+:\/\/[^/]*/, "").split(/[/?]/).filter((part) => part.length > 15)
  },
  buildxVariables: [
    "ACTIONS_RUNTIME_TOKEN",
    "ACTIONS_CACHE_URL",
    "ACTIONS_RESULTS_URL",
    "ACTIONS_CACHE_SERVICE_V2",
    "ACTIONS_CACHE_MODE"
  ],
  problems: (attributes, env) => {
    const requested = getAttribute(attributes, "version") ?? "";
    const others = attributes.filter(([name]) => name !== "version");
    const isMissing = serviceVersion(attributes, env) === void 0;
    const isOther = isMissing && requested !== "" && serviceVersion(others, env) !== void 0;
    return [
      [
        isOther,
        `requests version ${requested} of the cache service, which this runner lacks: remove \`version=\u2026\` here`
      ],
      [
        isMissing && !isOther,
        "needs the cache service of the CI platform, but this runner offers none: write `registry`, or enable the cache service of the runner"
      ]
    ];
  },
  warnings: (attributes, env) => serviceVersion(attributes, env) === 1 && isForgejoRunner(env) ? [
    "`cache: type=gha`: this CI platform has only version 1 of the cache service, which the runner itself serves. Nodes that cannot reach the runner build without it. `cache: registry` works on every node."
  ] : []
};

// src/inputs/cache/backends.ts
var appendSuffix = (name, suffix) => `${name}-${suffix}`;
var appendToEach = (names, suffix) => names.split(";").map((name) => appendSuffix(name, suffix)).join(";");
var whole = (value) => [value];
var nameByRepository = (repository) => ["buildkit", ...repository.split("/")].filter((part) => part !== "").join("-");
function lowerCaseName(ref) {
  const [, name = "", rest = ""] = /^(.*?)((?::[^/:@]*)?(?:@.*)?)$/.exec(ref) ?? [];
  return `${name.toLowerCase()}${rest}`;
}
function missing(names, example) {
  return (attributes) => names.map((name) => [(getAttribute(attributes, name) ?? "") === "", `has no \`${name}\`: write \`${example}\``]);
}
var cacheBackends = /* @__PURE__ */ new Map([
  [
    "registry",
    {
      name: { from: "ref", to: "ref" },
      defaultName: () => "",
      normalise: (name, value) => name === "ref" ? lowerCaseName(value) : value,
      withSuffix: (ref, suffix) => appendSuffix(/:[^/]+$/.test(ref) ? ref : `${ref}:buildcache`, suffix),
      problems: missing(["ref"], "type=registry,ref=ghcr.io/acme/app:cache")
    }
  ],
  [
    "inline",
    {
      name: { from: "ref", to: "ref" },
      defaultName: () => "",
      withSuffix: appendSuffix,
      problems: () => [[true, "stores the cache in the image: write `cache: off` and `cache-to: type=inline`"]],
      isInImage: true
    }
  ],
  [
    "local",
    {
      name: { from: "src", to: "dest" },
      defaultName: () => "",
      withSuffix: (directory, suffix) => posix3.join(directory, suffix),
      problems: (attributes) => [
        [!attributes.some(([name]) => name === "src" || name === "dest"), "has no `dest`: write `type=local,dest=\u2026`"]
      ]
    }
  ],
  [
    "gha",
    {
      name: { from: "scope", to: "scope" },
      defaultName: () => "buildkit",
      withSuffix: appendSuffix,
      secretAttributes: ["token", "ghtoken"],
      ...cacheService
    }
  ],
  [
    "s3",
    {
      name: { from: "name", to: "name" },
      defaultName: nameByRepository,
      withSuffix: appendToEach,
      // https://github.com/moby/buildkit/blob/master/cache/remotecache/s3/s3.go; buildx itself reads the credentials
      variables: { bucket: "AWS_BUCKET", region: "AWS_REGION" },
      secretAttributes: ["access_key_id", "secret_access_key", "session_token"],
      secretVariables: { AWS_SECRET_ACCESS_KEY: whole, AWS_SESSION_TOKEN: whole },
      problems: missing(["bucket", "region"], "type=s3,region=\u2026,bucket=\u2026"),
      errors: { noCredentials: /get credentials:|no EC2 IMDS role found/i }
    }
  ],
  [
    "azblob",
    {
      name: { from: "name", to: "name" },
      defaultName: nameByRepository,
      withSuffix: appendToEach,
      // https://github.com/moby/buildkit/blob/master/cache/remotecache/azblob/utils.go
      variables: {
        account_url: "BUILDKIT_AZURE_STORAGE_ACCOUNT_URL",
        account_name: "BUILDKIT_AZURE_STORAGE_ACCOUNT_NAME",
        container: "BUILDKIT_AZURE_STORAGE_CONTAINER",
        prefix: "BUILDKIT_AZURE_STORAGE_PREFIX"
      },
      secretAttributes: ["secret_access_key", "sas_token", "account_key"],
      problems: missing(["account_url"], "type=azblob,account_url=https://\u2026.blob.core.windows.net,\u2026"),
      // Of two nodes that create a container at once, one gets this.
      errors: { createdMeanwhile: /\bContainerAlreadyExists\b/ }
    }
  ]
]);
function secretAttributes() {
  return [...new Set([...cacheBackends.values()].flatMap((backend) => backend.secretAttributes ?? []))];
}
function cacheEnvSecrets(env) {
  return [...cacheBackends.values()].flatMap(
    ({ secretVariables = {} }) => Object.entries(secretVariables).flatMap(([name, parts]) => parts(env[name] ?? ""))
  );
}

// src/inputs/cache/specs.ts
function secretPattern() {
  return new RegExp(`\\b(${secretAttributes().join("|")})=([^,"]+)`, "gi");
}
function cacheSecrets(text) {
  return [...text.matchAll(secretPattern())].map((match) => match[2] ?? "");
}

// src/inputs/nodes/ssh-key.ts
var keyForm = "give the whole text of a private key file, from its BEGIN to its END line";
var newKey = "`ssh-keygen -t ed25519 -N '' -f deploy`, and add deploy.pub to the node's `~/.ssh/authorized_keys`";
var problems = {
  damaged: "holds a damaged key, which was cut off or changed when it was pasted: give the text of the key file again, for example with `gh secret set NAME < key`",
  publicKey: "holds a public key: give the private one, the file without `.pub`; the public one belongs in `~/.ssh/authorized_keys` on the node",
  passphrase: `holds a key with a passphrase, which cannot be entered here: make a key for this purpose only, ${newKey}; or remove the passphrase from a copy, \`ssh-keygen -p -N '' -f copy\``,
  dsa: `holds a DSA key, which OpenSSH no longer supports: make a new key, ${newKey}`,
  otherBlock: `contains a PEM block that is not a private key: ${keyForm}`,
  other: `contains text that is not a private key: ${keyForm}`,
  noEnd: `has a BEGIN line without the END line that belongs to it, so a part is missing: ${keyForm}`,
  noBegin: `has an END line without the BEGIN line that belongs to it, so a part is missing: ${keyForm}`,
  noFrame: `lacks its BEGIN and END lines: ${keyForm}`,
  fileName: `is a file name: ${keyForm}`,
  putty: "is in PuTTY's format: convert it with `puttygen key.ppk -O private-openssh-new -o key` and give the text of that file",
  base64: "is encoded with base64: give the text of the key file itself; a secret can have several lines"
};
function keyLines(text) {
  return [...text.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----([\s\S]*?)-----END/g)].flatMap(([, body = ""]) => body.split(/\s+|\\n/)).filter((line) => line.length > 7);
}

// src/inputs/secret-variables.ts
function secretVariablesOf(env) {
  return [...(env[variableOf("secret-envs")] ?? "").matchAll(/=\s*"?(\w+)/g)].map(([, name = ""]) => name);
}

// src/inputs/telemetry.ts
function telemetrySecrets(env) {
  const headers = ["", "TRACES_", "METRICS_"].map((signal) => env[`OTEL_EXPORTER_OTLP_${signal}HEADERS`] ?? "");
  const values = headers.flatMap((text) => [...text.split(",").map(valueOf), ...Object.values(parsePairs(text))]);
  return values.flatMap((value) => [value, value.replace(/^(?:Bearer|Basic|Api-Token|Token)(?: |%20)/i, "")]);
}
var valueOf = (pair) => pair.slice(pair.indexOf("=") + 1).trim();
function parsePairs(text = "") {
  const pairs = text.split(",").flatMap((pair) => {
    const [, key = ""] = /^([^=]+)=/.exec(pair) ?? [];
    const value = valueOf(pair);
    return key.trim() === "" ? [] : [[key.trim(), /%(?![0-9a-f]{2})/i.test(value) ? value : decode(value)]];
  });
  return Object.fromEntries(pairs);
}
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// src/inputs/secrets-to-mask.ts
var sources = {
  passwords: (text) => [text("password"), text("sign-password")],
  "platform tokens": (text) => [text("github-token")],
  "SSH keys": (text) => sshKeyParts(text("ssh-private-key")),
  "signing keys": (text) => text("sign-key").includes("://") ? [] : sshKeyParts(text("sign-key")),
  "build secrets, as given": (text) => [text("secrets")],
  "values of build secrets": (text) => secretValues(text("secrets")),
  "variables of build secrets": (_, env) => secretVariablesOf(env).map((name) => env[name] ?? ""),
  "passwords of registry-auth": (text) => listedPasswords(text("registry-auth")),
  "inline TLS keys": (text) => keyLines(["driver-opts", "nodes", "append"].map(text).join("\n")),
  "cache credentials": (text) => ["cache", "cache-from", "cache-to"].flatMap((name) => cacheSecrets(text(name))),
  "headers of telemetry": (_, env) => telemetrySecrets(env),
  "cache credentials of the job": (_, env) => cacheEnvSecrets(env),
  "logins as registries receive them": (text) => basicLogins(text("username"), text("password")),
  "credentials in URLs": (text) => urlInputs.map(text).flatMap(urlCredentials),
  "credentials of proxies": (_, env) => proxyVariables.flatMap((name) => urlCredentials(env[name] ?? ""))
};
var urlInputs = ["context", "build-contexts", "build-args", "variants", "otlp-endpoint", "cache-from", "cache-to"];
var proxyVariables = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap((name) => [name, name.toLowerCase()]);
var shortestToken = 20;
function secretsToMask(env) {
  const text = (input3) => env[variableOf(input3)] ?? "";
  const values = Object.values(sources).flatMap((find) => find(text, env));
  const lines = values.flatMap((value) => value.split(/[\r\n]+/)).map((line) => line.trim());
  const short = ["password", "sign-password", "github-token"].map((input3) => text(input3).trim());
  const masked = lines.filter((line) => line.length > 3 || line !== "" && short.includes(line));
  return [.../* @__PURE__ */ new Set([...masked, ...masked.flatMap(encodings)])];
}
function encodings(value) {
  return [JSON.stringify(value).slice(1, -1), encodeUrl(value)].filter((encoded) => encoded !== value);
}
function encodeUrl(value) {
  try {
    return encodeURIComponent(value);
  } catch {
    return value;
  }
}
function basicLogins(username, password) {
  const login = [username.trim(), password.trim()];
  return login.includes("") ? [] : [Buffer.from(login.join(":")).toString("base64")];
}
function urlCredentials(text) {
  return [...text.matchAll(/:\/\/([^\s/@:"']*)(?::([^\s/@"']*))?@/g)].flatMap(([, user = "", password = ""]) => [...user.length >= shortestToken ? [user] : [], password]).flatMap((value) => [value, decodeUrl(value)]);
}
function decodeUrl(value) {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
function sshKeyParts(text) {
  return text.replace(/^\s*#.*$/gm, "").replace(/-----(BEGIN|END)[^-]*-----/g, "\n").split(/\s+|\\r\\n|\\n/).filter((part) => part.length > 7);
}
function secretValues(text) {
  return text.split(/[\r\n]+/).flatMap((line) => [/^\s*"?[^=\s]+=(.*?)"?\s*$/.exec(line)?.[1] ?? [], line.replace(/"\s*$/, "")].flat()).map((value) => value.replaceAll('""', '"'));
}
function listedPasswords(text) {
  return [...text.matchAll(/\bpassword["']?\s*:\s*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,}\r\n]+)/g)].map(
    ([, value = ""]) => value.trim().replace(/^(["'])(.*)\1$/s, "$2")
  );
}

// src/registry/client-factory.ts
function createClientFactory(access2, signal, { willPush } = { willPush: true }) {
  const { fetch, rawFor, log, onWait, isPlain } = access2;
  const clients = /* @__PURE__ */ new Map();
  return async (repository) => {
    const { registry } = repository;
    const credentials = await access2.credentials(repository);
    const key = JSON.stringify([registry, credentials]);
    const client = clients.get(key) ?? createRegistryClient({
      registry,
      fetch,
      ...rawFor && { raw: rawFor(registry) },
      log,
      willPush,
      ...onWait && { onWait },
      ...isPlain && { isPlain },
      ...credentials && { credentials },
      ...signal && { signal }
    });
    clients.set(key, client);
    return client;
  };
}

// src/registry/credentials/platform-token.ts
var deadline = 1e4;
async function dropTokenIfJobHasLogin(logins, { images, push, registries, log }) {
  const clientFor = createClientFactory({ ...registries, log: () => void 0 }, AbortSignal.timeout(deadline));
  const check = async (image) => {
    if (await registries.credentials(image) === void 0) return void 0;
    const client = await clientFor(image);
    try {
      await (push ? (await client.checkPush(image.path)).ended : client.ping());
      return "";
    } catch (error2) {
      return isRejected(error2) ? void 0 : errorMessage(error2);
    }
  };
  const isReplaced = async ({ registry, isPlatformToken }) => {
    const here = images.filter((image) => image.registry === registry);
    if (!isPlatformToken || here.length === 0) return false;
    const results = await Promise.all(here.map(check));
    if (results.includes(void 0)) return false;
    const problem = results.find((result) => result !== "");
    const suffix = problem === void 0 ? "" : ` It could not be checked: ${problem}`;
    log.info(`${registry}: using the existing login instead of the token.${suffix}`);
    return true;
  };
  const replaced = await Promise.all(logins.map(isReplaced));
  return logins.filter((_, index) => !replaced[index]);
}
function isRejected(error2) {
  return error2 instanceof RegistryError && (error2.kind === "denied" || error2.kind === "unauthorized");
}

// src/registry/credentials/login.ts
import { existsSync as existsSync2 } from "node:fs";
import { delimiter, join } from "node:path";

// src/registry/credentials/origin.ts
function findStepLogin({ registry, path }, logins) {
  const key = dockerConfigKey(registry);
  return logins.filter((candidate) => dockerConfigKey(candidate.registry) === key && appliesTo(candidate, path)).sort((a, b) => precision(b) - precision(a))[0];
}
function originOf({ isPlatformToken }) {
  return isPlatformToken ? "token" : "inputs";
}
function appliesTo({ scope = "" }, path) {
  const [name = "", actions = "push"] = scope.split("@");
  return (name === "" || name === path) && actions.split(",").includes("push");
}
function precision({ scope }) {
  return scope === void 0 ? 0 : scope.startsWith("@") ? 1 : 2;
}

// src/registry/credentials/login.ts
async function credentialsFor(repository, logins, dockerConfig, runHelper2) {
  const login = findStepLogin(repository, logins);
  if (login) return { username: login.username, password: login.password, origin: originOf(login) };
  const key = dockerConfigKey(repository.registry);
  const config = asRecord(dockerConfig);
  const helper = credentialHelper(key, config);
  const helperOutput = helper === "" ? void 0 : await runHelper2(helper, key);
  const found = parseHelperOutput(helperOutput ?? "") ?? storedCredentials(key, config);
  return found && { ...found, origin: "job" };
}
function createHelperRunner({ debug: debug2, info: info2 }) {
  const outputs = /* @__PURE__ */ new Map();
  const run = async (helper, registry) => {
    const command = `docker-credential-${helper}`;
    try {
      const { code, stdout, stderr } = await logWait(
        `${command} (${registry})`,
        exec(command, ["get"], { input: registry, deadline: 2e4 }),
        info2
      );
      if (code === 0) return stdout;
      debug2(`${command} has no login for ${registry} (exit code ${code}): ${shorten(stdout || stderr)}`);
    } catch (error2) {
      debug2(`${command} could not be started for ${registry}: ${errorMessage(error2)}`);
    }
    return void 0;
  };
  return (helper, registry) => {
    const output = outputs.get(registry) ?? run(helper, registry);
    outputs.set(registry, output);
    return output;
  };
}
function missingHelpers(dockerConfig, registries, env) {
  const config = asRecord(dockerConfig);
  const helpers = registries.map((registry) => credentialHelper(dockerConfigKey(registry), config));
  const used = [.../* @__PURE__ */ new Set([...helpers, asText(config["credsStore"])])].filter((helper) => helper !== "");
  const dirs = (env["PATH"] ?? "").split(delimiter);
  return used.map((helper) => `docker-credential-${helper}`).filter((command) => !dirs.some((dir) => existsSync2(join(dir, command)))).map((command) => ({ command, text: `${command} is not installed, and ${dockerConfigFile(env)} ${helperHint}` }));
}
var helperHint = "names it in `credsStore` or `credHelpers`: pulls and pushes with this configuration fail. Install it, or remove the entry.";
function parseHelperOutput(output) {
  const { Username: username, Secret: secret } = asRecord(tryParseJson(output));
  const password = asText(secret);
  if (password === "") return void 0;
  return username === "<token>" ? { username: "", password: "", identityToken: password } : { username: asText(username), password };
}

// node_modules/@actions/core/lib/command.js
import * as os from "os";

// node_modules/@actions/core/lib/utils.js
function toCommandValue(input3) {
  if (input3 === null || input3 === void 0) {
    return "";
  } else if (typeof input3 === "string" || input3 instanceof String) {
    return input3;
  }
  return JSON.stringify(input3);
}
function toCommandProperties(annotationProperties) {
  if (!Object.keys(annotationProperties).length) {
    return {};
  }
  return {
    title: annotationProperties.title,
    file: annotationProperties.file,
    line: annotationProperties.startLine,
    endLine: annotationProperties.endLine,
    col: annotationProperties.startColumn,
    endColumn: annotationProperties.endColumn
  };
}

// node_modules/@actions/core/lib/command.js
function issueCommand(command, properties, message) {
  const cmd = new Command(command, properties, message);
  process.stdout.write(cmd.toString() + os.EOL);
}
var CMD_STRING = "::";
var Command = class {
  constructor(command, properties, message) {
    if (!command) {
      command = "missing.command";
    }
    this.command = command;
    this.properties = properties;
    this.message = message;
  }
  toString() {
    let cmdStr = CMD_STRING + this.command;
    if (this.properties && Object.keys(this.properties).length > 0) {
      cmdStr += " ";
      let first = true;
      for (const key in this.properties) {
        if (this.properties.hasOwnProperty(key)) {
          const val = this.properties[key];
          if (val) {
            if (first) {
              first = false;
            } else {
              cmdStr += ",";
            }
            cmdStr += `${key}=${escapeProperty(val)}`;
          }
        }
      }
    }
    cmdStr += `${CMD_STRING}${escapeData(this.message)}`;
    return cmdStr;
  }
};
function escapeData(s) {
  return toCommandValue(s).replace(/%/g, "%25").replace(/\r/g, "%0D").replace(/\n/g, "%0A");
}
function escapeProperty(s) {
  return toCommandValue(s).replace(/%/g, "%25").replace(/\r/g, "%0D").replace(/\n/g, "%0A").replace(/:/g, "%3A").replace(/,/g, "%2C");
}

// node_modules/@actions/core/lib/file-command.js
import * as crypto from "crypto";
import * as fs from "fs";
import * as os2 from "os";
function issueFileCommand(command, message) {
  const filePath = process.env[`GITHUB_${command}`];
  if (!filePath) {
    throw new Error(`Unable to find environment variable for file command ${command}`);
  }
  if (!fs.existsSync(filePath)) {
    throw new Error(`Missing file at path: ${filePath}`);
  }
  fs.appendFileSync(filePath, `${toCommandValue(message)}${os2.EOL}`, {
    encoding: "utf8"
  });
}
function prepareKeyValueMessage(key, value) {
  const delimiter2 = `ghadelimiter_${crypto.randomUUID()}`;
  const convertedValue = toCommandValue(value);
  if (key.includes(delimiter2)) {
    throw new Error(`Unexpected input: name should not contain the delimiter "${delimiter2}"`);
  }
  if (convertedValue.includes(delimiter2)) {
    throw new Error(`Unexpected input: value should not contain the delimiter "${delimiter2}"`);
  }
  return `${key}<<${delimiter2}${os2.EOL}${convertedValue}${os2.EOL}${delimiter2}`;
}

// node_modules/@actions/core/lib/core.js
import * as os4 from "os";

// node_modules/@actions/core/lib/oidc-utils.js
import { HttpClient } from "./http-client.mjs";
import { BearerCredentialHandler } from "./http-client.mjs";

// node_modules/@actions/core/lib/summary.js
import { EOL as EOL3 } from "os";
import { constants, promises } from "fs";
var __awaiter = function(thisArg, _arguments, P, generator) {
  function adopt(value) {
    return value instanceof P ? value : new P(function(resolve2) {
      resolve2(value);
    });
  }
  return new (P || (P = Promise))(function(resolve2, reject) {
    function fulfilled(value) {
      try {
        step(generator.next(value));
      } catch (e) {
        reject(e);
      }
    }
    function rejected(value) {
      try {
        step(generator["throw"](value));
      } catch (e) {
        reject(e);
      }
    }
    function step(result) {
      result.done ? resolve2(result.value) : adopt(result.value).then(fulfilled, rejected);
    }
    step((generator = generator.apply(thisArg, _arguments || [])).next());
  });
};
var { access, appendFile, writeFile } = promises;
var SUMMARY_ENV_VAR = "GITHUB_STEP_SUMMARY";
var Summary = class {
  constructor() {
    this._buffer = "";
  }
  /**
   * Finds the summary file path from the environment, rejects if env var is not found or file does not exist
   * Also checks r/w permissions.
   *
   * @returns step summary file path
   */
  filePath() {
    return __awaiter(this, void 0, void 0, function* () {
      if (this._filePath) {
        return this._filePath;
      }
      const pathFromEnv = process.env[SUMMARY_ENV_VAR];
      if (!pathFromEnv) {
        throw new Error(`Unable to find environment variable for $${SUMMARY_ENV_VAR}. Check if your runtime environment supports job summaries.`);
      }
      try {
        yield access(pathFromEnv, constants.R_OK | constants.W_OK);
      } catch (_a) {
        throw new Error(`Unable to access summary file: '${pathFromEnv}'. Check if the file has correct read/write permissions.`);
      }
      this._filePath = pathFromEnv;
      return this._filePath;
    });
  }
  /**
   * Wraps content in an HTML tag, adding any HTML attributes
   *
   * @param {string} tag HTML tag to wrap
   * @param {string | null} content content within the tag
   * @param {[attribute: string]: string} attrs key-value list of HTML attributes to add
   *
   * @returns {string} content wrapped in HTML element
   */
  wrap(tag, content, attrs = {}) {
    const htmlAttrs = Object.entries(attrs).map(([key, value]) => ` ${key}="${value}"`).join("");
    if (!content) {
      return `<${tag}${htmlAttrs}>`;
    }
    return `<${tag}${htmlAttrs}>${content}</${tag}>`;
  }
  /**
   * Writes text in the buffer to the summary buffer file and empties buffer. Will append by default.
   *
   * @param {SummaryWriteOptions} [options] (optional) options for write operation
   *
   * @returns {Promise<Summary>} summary instance
   */
  write(options) {
    return __awaiter(this, void 0, void 0, function* () {
      const overwrite = !!(options === null || options === void 0 ? void 0 : options.overwrite);
      const filePath = yield this.filePath();
      const writeFunc = overwrite ? writeFile : appendFile;
      yield writeFunc(filePath, this._buffer, { encoding: "utf8" });
      return this.emptyBuffer();
    });
  }
  /**
   * Clears the summary buffer and wipes the summary file
   *
   * @returns {Summary} summary instance
   */
  clear() {
    return __awaiter(this, void 0, void 0, function* () {
      return this.emptyBuffer().write({ overwrite: true });
    });
  }
  /**
   * Returns the current summary buffer as a string
   *
   * @returns {string} string of summary buffer
   */
  stringify() {
    return this._buffer;
  }
  /**
   * If the summary buffer is empty
   *
   * @returns {boolen} true if the buffer is empty
   */
  isEmptyBuffer() {
    return this._buffer.length === 0;
  }
  /**
   * Resets the summary buffer without writing to summary file
   *
   * @returns {Summary} summary instance
   */
  emptyBuffer() {
    this._buffer = "";
    return this;
  }
  /**
   * Adds raw text to the summary buffer
   *
   * @param {string} text content to add
   * @param {boolean} [addEOL=false] (optional) append an EOL to the raw text (default: false)
   *
   * @returns {Summary} summary instance
   */
  addRaw(text, addEOL = false) {
    this._buffer += text;
    return addEOL ? this.addEOL() : this;
  }
  /**
   * Adds the operating system-specific end-of-line marker to the buffer
   *
   * @returns {Summary} summary instance
   */
  addEOL() {
    return this.addRaw(EOL3);
  }
  /**
   * Adds an HTML codeblock to the summary buffer
   *
   * @param {string} code content to render within fenced code block
   * @param {string} lang (optional) language to syntax highlight code
   *
   * @returns {Summary} summary instance
   */
  addCodeBlock(code, lang) {
    const attrs = Object.assign({}, lang && { lang });
    const element = this.wrap("pre", this.wrap("code", code), attrs);
    return this.addRaw(element).addEOL();
  }
  /**
   * Adds an HTML list to the summary buffer
   *
   * @param {string[]} items list of items to render
   * @param {boolean} [ordered=false] (optional) if the rendered list should be ordered or not (default: false)
   *
   * @returns {Summary} summary instance
   */
  addList(items, ordered = false) {
    const tag = ordered ? "ol" : "ul";
    const listItems = items.map((item) => this.wrap("li", item)).join("");
    const element = this.wrap(tag, listItems);
    return this.addRaw(element).addEOL();
  }
  /**
   * Adds an HTML table to the summary buffer
   *
   * @param {SummaryTableCell[]} rows table rows
   *
   * @returns {Summary} summary instance
   */
  addTable(rows2) {
    const tableBody = rows2.map((row) => {
      const cells = row.map((cell) => {
        if (typeof cell === "string") {
          return this.wrap("td", cell);
        }
        const { header, data, colspan, rowspan } = cell;
        const tag = header ? "th" : "td";
        const attrs = Object.assign(Object.assign({}, colspan && { colspan }), rowspan && { rowspan });
        return this.wrap(tag, data, attrs);
      }).join("");
      return this.wrap("tr", cells);
    }).join("");
    const element = this.wrap("table", tableBody);
    return this.addRaw(element).addEOL();
  }
  /**
   * Adds a collapsable HTML details element to the summary buffer
   *
   * @param {string} label text for the closed state
   * @param {string} content collapsable content
   *
   * @returns {Summary} summary instance
   */
  addDetails(label, content) {
    const element = this.wrap("details", this.wrap("summary", label) + content);
    return this.addRaw(element).addEOL();
  }
  /**
   * Adds an HTML image tag to the summary buffer
   *
   * @param {string} src path to the image you to embed
   * @param {string} alt text description of the image
   * @param {SummaryImageOptions} options (optional) addition image attributes
   *
   * @returns {Summary} summary instance
   */
  addImage(src, alt, options) {
    const { width, height } = options || {};
    const attrs = Object.assign(Object.assign({}, width && { width }), height && { height });
    const element = this.wrap("img", null, Object.assign({ src, alt }, attrs));
    return this.addRaw(element).addEOL();
  }
  /**
   * Adds an HTML section heading element
   *
   * @param {string} text heading text
   * @param {number | string} [level=1] (optional) the heading level, default: 1
   *
   * @returns {Summary} summary instance
   */
  addHeading(text, level) {
    const tag = `h${level}`;
    const allowedTag = ["h1", "h2", "h3", "h4", "h5", "h6"].includes(tag) ? tag : "h1";
    const element = this.wrap(allowedTag, text);
    return this.addRaw(element).addEOL();
  }
  /**
   * Adds an HTML thematic break (<hr>) to the summary buffer
   *
   * @returns {Summary} summary instance
   */
  addSeparator() {
    const element = this.wrap("hr", null);
    return this.addRaw(element).addEOL();
  }
  /**
   * Adds an HTML line break (<br>) to the summary buffer
   *
   * @returns {Summary} summary instance
   */
  addBreak() {
    const element = this.wrap("br", null);
    return this.addRaw(element).addEOL();
  }
  /**
   * Adds an HTML blockquote to the summary buffer
   *
   * @param {string} text quote text
   * @param {string} cite (optional) citation url
   *
   * @returns {Summary} summary instance
   */
  addQuote(text, cite) {
    const attrs = Object.assign({}, cite && { cite });
    const element = this.wrap("blockquote", text, attrs);
    return this.addRaw(element).addEOL();
  }
  /**
   * Adds an HTML anchor tag to the summary buffer
   *
   * @param {string} text link text/content
   * @param {string} href hyperlink
   *
   * @returns {Summary} summary instance
   */
  addLink(text, href) {
    const element = this.wrap("a", text, { href });
    return this.addRaw(element).addEOL();
  }
};
var _summary = new Summary();
var summary = _summary;

// node_modules/@actions/core/lib/platform.js
import os3 from "os";
var platform = os3.platform();
var arch = os3.arch();

// node_modules/@actions/core/lib/core.js
var ExitCode;
(function(ExitCode2) {
  ExitCode2[ExitCode2["Success"] = 0] = "Success";
  ExitCode2[ExitCode2["Failure"] = 1] = "Failure";
})(ExitCode || (ExitCode = {}));
function setSecret(secret) {
  issueCommand("add-mask", {}, secret);
}
function getInput(name, options) {
  const val = process.env[`INPUT_${name.replace(/ /g, "_").toUpperCase()}`] || "";
  if (options && options.required && !val) {
    throw new Error(`Input required and not supplied: ${name}`);
  }
  if (options && options.trimWhitespace === false) {
    return val;
  }
  return val.trim();
}
function setOutput(name, value) {
  const filePath = process.env["GITHUB_OUTPUT"] || "";
  if (filePath) {
    return issueFileCommand("OUTPUT", prepareKeyValueMessage(name, value));
  }
  process.stdout.write(os4.EOL);
  issueCommand("set-output", { name }, toCommandValue(value));
}
function setFailed(message) {
  process.exitCode = ExitCode.Failure;
  error(message);
}
function debug(message) {
  issueCommand("debug", {}, message);
}
function error(message, properties = {}) {
  issueCommand("error", toCommandProperties(properties), message instanceof Error ? message.toString() : message);
}
function warning(message, properties = {}) {
  issueCommand("warning", toCommandProperties(properties), message instanceof Error ? message.toString() : message);
}
function info(message) {
  process.stdout.write(message + os4.EOL);
}

// src/lib/log.ts
import { once } from "node:events";
async function exit() {
  await new Promise((resolve2) => process.stdout.write("", resolve2));
  process.exit();
}
function writeLines(texts) {
  process.stdout.write(texts.map((text) => `${escapeWorkflowCommands(text)}
`).join(""));
  return process.stdout.writableNeedDrain ? once(process.stdout, "drain") : void 0;
}
function escapeWorkflowCommands(text) {
  return text.replace(/(^|[\r\n])((?:[^\S\r\n]|\x85)*):(?=:)/g, "$1$2:\u200B").replace(/##(?=\[)/g, "##\u200B");
}

// src/inputs/secret-options.ts
var secretInputs = [
  ...["github-token", "password", "registry-auth", "secrets", "sign-key", "sign-password", "ssh-private-key"]
];
function secretVariable(input3) {
  return `MULTIARCH_BUILD_${input3.replaceAll("-", "_").toUpperCase()}`;
}

// src/job/reader.ts
var inputs = /* @__PURE__ */ new Set([...mainInputs, ...copyInputs, ...cleanupInputs]);
var words = [
  [/\b([Tt])his runner\b/g, "$1his machine"],
  [/\bon the runner\b/g, "on this machine"],
  [/\b([Rr])un the job again\b/g, "$1un the command again"],
  [/: run the job with debug logging \(ACTIONS_STEP_DEBUG\)/g, ""],
  [/\bin the job image\b/g, "on this machine"],
  [/\bfrom this job\b/g, "from this machine"],
  [/\bThis job has no permission\b/g, "Your user has no permission"],
  [/\bby this job\b/g, "by your user"],
  [/\b(The|the) user of this job\b/g, "$1 user of this command"],
  [/\bthe job's user\b/g, "your user"],
  [/\b(?:the job's ssh-agent|the SSH agent of the job)\b/g, "your ssh-agent"],
  [/\bthe job’s own Docker login, from an earlier step or from the runner\b/g, "the one of your Docker CLI"],
  [/\bThe job has no login at this registry:.*/gs, "You have no login at this registry: run `docker login`."],
  [/\bMount the Unix socket of the engine into the job\b/g, "Set DOCKER_HOST to the Unix socket of the engine"],
  [/\bin the step's `env`/g, "in the environment"],
  [/[;:] secrets are empty if their name is misspelled, and in runs for forks\b/g, ""],
  [/\bSet `ssh-private-key: \$\{\{ secrets\.NAME \}\}`\. Secrets are empty .*/g, "Set `ssh-private-key`."],
  [/`SSH_AUTH_SOCK` of the job\b/g, "`SSH_AUTH_SOCK` of your shell"],
  [/\bthe job token \(/g, "the token ("],
  [
    /\bset `permissions: packages: write` for the job, and give this repository the Write role\b/g,
    "give the token the scope `write:packages`, and its user the Write role"
  ],
  [
    /\bThe job needs `permissions: packages: write`, and .*/g,
    "The token needs the scope `delete:packages`, and its user the Admin role for the package."
  ],
  [/\bGive the job `permissions: actions: read`/g, "Use a token that may read runs"],
  [/\bWithout `permissions: actions: read`/g, "Without a token that may read runs"],
  [
    /\bThe step sets no secret with the id `([\w.-]+)`.*/gs,
    "No secret with the id `$1` has a value: set it in `secrets`."
  ],
  [/\brelative to the workspace\b/g, "relative to the working directory"],
  [/\bneeds the OIDC token of the job: .*/g, "needs the OIDC token of a CI job: write `sign: key`"],
  [/: write `\$\{\{ github\.event\.number \}\}`/g, ": write `17`, for example"]
];
function forCommandLine(text) {
  const [headline = "", ...lines] = text.split("\n").map(renderLine);
  if (!/^\d+ invalid inputs?$/.test(headline)) return [headline, ...lines].join("\n");
  const issues = lines.map((line) => line.replace(/^([a-z-]+)(?=: )/, (name) => optionOf(name) ?? name));
  return [headline.replace("input", "option"), ...issues].join("\n");
}
function forReader(text) {
  return runsForCommandLine() ? forCommandLine(text) : text;
}
function renderLine(line) {
  if (/^\s*\|/.test(line)) return line;
  return nameOptions(words.reduce((all, [ofCi, ofCommandLine]) => all.replace(ofCi, ofCommandLine), line));
}
function nameOptions(line) {
  const names = /(\bwrite )?`([a-z-]+)(?:: ([^`]+))?`/g;
  return line.replace(names, (whole2, write, name, value) => {
    const option = optionOf(name);
    if (option === void 0 || value === void 0 && (write !== void 0 || name === "ssh")) return whole2;
    return `${write ?? ""}\`${option}${value === void 0 ? "" : ` ${value}`}\``;
  });
}
function optionOf(input3) {
  if (!inputs.has(input3)) return void 0;
  return secretInputs.includes(input3) ? secretVariable(input3) : `--${input3}`;
}

// src/job/runner-log.ts
var runnerLog = {
  info: (text) => info(escapeWorkflowCommands(forReader(text))),
  line: (text) => void writeLines([text]),
  warn: (text) => warning(forReader(text)),
  debug: (text) => debug(text),
  annotate: ({ title, message, file, line }) => warning(message, {
    title,
    ...file !== void 0 && { file },
    ...line !== void 0 && { startLine: line }
  }),
  lines: writeLines
};

// src/job/registries.ts
var longWait = 6e4;
function createRegistryAccess(logins, dockerConfig, hosts = {}) {
  const transports = /* @__PURE__ */ new Map();
  return {
    missingHelper: (registry) => missingHelpers(dockerConfig, [registry], process.env)[0],
    isPlain: (host) => hosts[host]?.http === true,
    credentials: createCredentials(logins, dockerConfig),
    fetch: createFetch(process.env, hosts),
    // All clients of a registry share its connections.
    rawFor: (registry) => {
      const raw = transports.get(registry) ?? createRawFetch(process.env, hosts, registry);
      transports.set(registry, raw);
      return raw;
    },
    log: runnerLog.debug,
    onWait: (text, waited) => waited === longWait ? runnerLog.warn(text) : runnerLog.info(text)
  };
}
var runHelper = createHelperRunner(runnerLog);
function createCredentials(logins, dockerConfig) {
  const cache = /* @__PURE__ */ new Map();
  return (repository) => {
    const name = formatRepository(repository);
    const credentials = cache.get(name) ?? credentialsFor(repository, logins, dockerConfig, runHelper);
    cache.set(name, credentials);
    return credentials;
  };
}

// src/job/cleanup-step.ts
var longest = 5 * 36e5;
async function prepareCleanup(job2, inputs2) {
  const { event, log } = job2;
  const { images, packagesApi } = inputs2;
  inputs2.warnings.forEach((warning2) => log.warn(warning2));
  const dockerConfig = loadJobDockerConfig(job2.env, log.warn);
  const hosts = inputs2.registries;
  const registries = createRegistryAccess([], dockerConfig, hosts);
  const logins = await dropTokenIfJobHasLogin(inputs2.logins, { images, push: false, registries, log });
  const access2 = createRegistryAccess(logins, dockerConfig, hosts);
  return {
    packages: job2.packages(access2, packagesApi),
    fetchRunStatus: job2.fetchRunStatus(access2.fetch, longest),
    event,
    until: Date.now() + longest,
    log
  };
}

// src/forge/event.ts
import { existsSync as existsSync4, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { join as join2, resolve } from "node:path";

// src/forge/trust.ts
var rules = {
  push: trustOfRef,
  create: trustOfRef,
  workflow_dispatch: trustOfRef,
  repository_dispatch: trustOfRef,
  schedule: () => "trusted",
  release: () => "trusted",
  merge_group: () => "pr",
  pull_request: trustOfPullRequest,
  // Runs with the rights of the base, but usually builds the proposal.
  pull_request_target: trustOfPullRequest,
  pull_request_review: trustOfPullRequest,
  pull_request_review_comment: trustOfPullRequest,
  workflow_run: trustOfTriggeringRun
};
function classifyTrust(context) {
  const { name, payload } = context;
  const rule = Object.hasOwn(rules, name) ? rules[name] : void 0;
  if (!payload || !rule) return "fork";
  return [payload, asRecord(payload["client_payload"])].filter((described) => isRecord(described["pull_request"])).map((described) => trustOfPullRequest({ ...context, payload: described })).reduce(lowest, rule({ ...context, payload }));
}
var levels = ["fork", "pr", "trusted"];
function lowest(a, b) {
  return levels.indexOf(a) < levels.indexOf(b) ? a : b;
}
function trustOfRef({ ref, isProtected, payload }) {
  if (ref.startsWith("refs/tags/")) return "trusted";
  if (!ref.startsWith("refs/heads/")) return "fork";
  if (ref.startsWith("refs/heads/gh-readonly-queue/")) return "pr";
  return isProtected || isDefaultBranch(ref.slice("refs/heads/".length), payload) ? "trusted" : "pr";
}
function trustOfPullRequest({ repository, payload }) {
  const request = asRecord(payload["pull_request"]);
  const head = asRecord(request["head"]);
  const isAgit = request["flow"] === 1 || head["label"] === "" || isAgitRef(head["ref"]);
  return !isAgit && isRepository(head["repo"], repository) ? "pr" : "fork";
}
function isAgitRef(ref) {
  return asText(ref).startsWith("refs/pull/");
}
var proposalOnly = ["pull_request", "pull_request_review", "pull_request_review_comment"];
var dependabotOnly = [...proposalOnly, "push", "create"];
function readOnlyTrigger(context) {
  const { name, actor } = context;
  if (proposalOnly.includes(name) && classifyTrust(context) === "fork") return "fork";
  return dependabotOnly.includes(name) && actor === "dependabot[bot]" ? "Dependabot" : void 0;
}
var branchEvents = /* @__PURE__ */ new Set(["push", "create", "workflow_dispatch", "schedule", "release"]);
var proposalEvents = /* @__PURE__ */ new Set(["pull_request", "merge_group"]);
function trustOfTriggeringRun({ repository, payload }) {
  const run = asRecord(payload["workflow_run"]);
  const event = asText(run["event"]);
  if (!isRepository(run["head_repository"], repository) || isAgitRef(run["head_branch"])) return "fork";
  if (branchEvents.has(event)) return isDefaultBranch(asText(run["head_branch"]), payload) ? "trusted" : "pr";
  return proposalEvents.has(event) ? "pr" : "fork";
}
function isDefaultBranch(branch, payload) {
  return branch !== "" && branch === asRecord(payload["repository"])["default_branch"];
}
function isRepository(value, repository) {
  const name = asText(asRecord(value)["full_name"]);
  return name !== "" && name.toLowerCase() === repository.toLowerCase();
}

// src/forge/event.ts
function readEvent(env, warn = () => void 0, repositoryDetails) {
  const variable = (name2, byDefault = "") => env[`GITHUB_${name2}`] ?? env[`FORGEJO_${name2}`] ?? env[`GITEA_${name2}`] ?? byDefault;
  const payload = withRepository(readPayload(variable("EVENT_PATH"), warn), repositoryDetails);
  const serverUrl = variable("SERVER_URL", "https://github.com").replace(/\/+$/, "");
  const repository = variable("REPOSITORY");
  const [name, ref, sha] = [variable("EVENT_NAME"), variable("REF"), variable("SHA")];
  const [actor, isProtected] = [variable("ACTOR"), variable("REF_PROTECTED") === "true"];
  const trigger = { name, ref, repository, payload, isProtected, actor };
  const readOnly = readOnlyTrigger(trigger);
  return {
    serverUrl,
    apiUrl: variable("API_URL", defaultApiUrl(serverUrl)),
    repository,
    runId: variable("RUN_ID", "0"),
    runAttempt: Number(variable("RUN_ATTEMPT", "1")),
    name,
    ref,
    trust: classifyTrust(trigger),
    ...readOnly && { readOnlyTrigger: readOnly },
    sha,
    actor,
    workspace: resolve(variable("WORKSPACE", process.cwd())),
    now: /* @__PURE__ */ new Date(),
    ...payload && !isRecord(payload["repository"]) && { lacksRepository: true },
    ...payload?.["is_dirty"] === true && { isDirty: true },
    ...parseCommitDate(payload ?? {}, sha),
    ...parsePullRequest(payload ?? {}),
    ...parseRepository2(asRecord(payload?.["repository"]), { serverUrl, repository, name, ref })
  };
}
function withRepository(payload, repository) {
  return payload && isRecord(repository) && !isRecord(payload["repository"]) ? { ...payload, repository } : payload;
}
function parseRepository2(details, { serverUrl, repository, name, ref }) {
  const defaultBranch = asText(details["default_branch"]) || scheduledBranch(name, ref);
  const isPrivate = details["private"];
  return {
    ...defaultBranch !== "" && { defaultBranch },
    ...typeof isPrivate === "boolean" && { isPrivate },
    ...parseOwnerKind(asRecord(details["owner"])),
    repositoryMetadata: parseMetadata(details, serverUrl, repository)
  };
}
function scheduledBranch(name, ref) {
  return name === "schedule" ? ref.replace(/^refs\/heads\//, "") : "";
}
function parsePullRequest(payload) {
  const request = asRecord(payload["pull_request"]);
  const number = payload["number"] ?? request["number"];
  const headSha = asText(asRecord(request["head"])["sha"]);
  const baseRef = asText(payload["base_ref"]) || asText(asRecord(request["base"])["ref"]);
  return {
    ...typeof number === "number" && { number: String(number) },
    ...headSha !== "" && { headSha },
    ...baseRef !== "" && { baseRef }
  };
}
function parseOwnerKind({ type }) {
  if (type === "Organization") return { ownerKind: "orgs" };
  return type === "User" ? { ownerKind: "users" } : {};
}
function parseCommitDate(payload, sha) {
  const commits = [...asList(payload["commits"]), payload["head_commit"]].map(asRecord);
  const date = new Date(asText(commits.find(({ id }) => id === sha && sha !== "")?.["timestamp"]));
  return Number.isNaN(date.getTime()) ? {} : { commitDate: date };
}
function parseMetadata(details, serverUrl, fullName) {
  const [license = "", ...others] = asList(details["licenses"]).map(asText);
  return {
    title: asText(details["name"]) || (fullName.split("/")[1] ?? ""),
    description: asText(details["description"]),
    // Empty for a repository without a page, which only the command line has.
    url: details["html_url"] === "" ? "" : asText(details["html_url"]) || repositoryPage(serverUrl, fullName),
    // GitHub states one licence, Gitea and Forgejo all that they find: several may each apply to a part only.
    license: asText(asRecord(details["license"])["spdx_id"]) || (others.length === 0 ? license : "")
  };
}
function repositoryPage(serverUrl, fullName) {
  return fullName === "" ? "" : `${serverUrl}/${fullName}`;
}
function readPayload(path, warn) {
  try {
    const payload = JSON.parse(readFileSync(path, "utf8"));
    if (isRecord(payload)) return payload;
    throw new Error("not a JSON object");
  } catch (error2) {
    const file = path === "" ? "GITHUB_EVENT_PATH is not set" : `GITHUB_EVENT_PATH is ${path}`;
    warn(`Cannot read the event payload (${file}): ${errorMessage(error2)}. ${leastTrusted}`);
    return void 0;
  }
}
var leastTrusted = "The run has the trust level `fork`, the lowest.";

// src/forge/event-details.ts
var detailsTimeout = 5e3;
function createEventDetails(request, { repository }, { signal, log }) {
  const [owner = "", repo = ""] = repository.split("/");
  const fetchData = async (route, parameters = {}) => {
    try {
      return (await withAbort(signal, request(route, { owner, repo, ...parameters }))).data;
    } catch (error2) {
      log(`The API does not answer ${route}: ${String(error2)}`);
      return void 0;
    }
  };
  return {
    repository: () => fetchData("GET /repos/{owner}/{repo}"),
    commitDate: async (sha) => {
      const data = asRecord(await fetchData("GET /repos/{owner}/{repo}/git/commits/{sha}", { sha }));
      const dateOf = (commit) => asText(asRecord(asRecord(commit)["committer"])["date"]);
      const date = new Date(dateOf(data["commit"]) || dateOf(data));
      return Number.isNaN(date.getTime()) ? void 0 : date;
    }
  };
}

// src/gc/run-status.ts
var minute = 6e4;
var day = 24 * 60 * minute;
var maxJobAge = 6 * day;
var endGrace = 10 * minute;
var idleTtl = 14 * day;
var staleLockAge = 10 * minute;
var mostRequests = 30;
function classifyRunRef(ref, current) {
  if (ref.scope !== current.scope) return ref.age > maxJobAge ? "finished" : "running";
  if (ref.runId !== current.runId) return "unknown";
  return current.attemptsEnd && ref.runAttempt < current.runAttempt ? "finished" : "running";
}
function hasEnded(status, age, now) {
  if (typeof status === "string") return age > maxJobAge;
  return status.completed ? now - status.endedAt > endGrace : Math.min(age, now - status.createdAt) > maxJobAge;
}
function createRunChecker(current, fetchStatus, now = Date.now) {
  const cache = /* @__PURE__ */ new Map();
  const status = (runId) => {
    const known = cache.get(runId);
    if (known || cache.size >= mostRequests) return known ?? Promise.resolve("unknown");
    const answer = fetchStatus(runId).catch(() => "unknown");
    cache.set(runId, answer);
    return answer;
  };
  return {
    isFinished: async (ref) => {
      const verdict = classifyRunRef(ref, current);
      return verdict === "unknown" ? hasEnded(await status(ref.runId), ref.age, now()) : verdict === "finished";
    }
  };
}

// src/report/input-issues.ts
function formatInputIssues(issues) {
  const count = new Set(issues.map(({ input: input3 }) => input3)).size;
  return [`${count} invalid input${count === 1 ? "" : "s"}`, ...issues.map(formatIssue)].join("\n");
}
function formatIssue({ input: input3, given, expected }) {
  return `${input3}: ${given === void 0 ? "" : `"${given}" `}${expected}`;
}

// src/report/run-report.ts
var BuildErrors = class extends UserErrors {
  record;
  constructor(errors, record) {
    super(errors);
    this.name = "BuildErrors";
    this.record = record;
  }
};

// src/job/report.ts
async function reportCleanup({ results, errors }) {
  const { renderCleanup } = await import("./chunk-F37AMZTM.js");
  const outputs = renderCleanup(results);
  setOutputs(outputs);
  await writeSummary(outputs.report);
  const bug = errors.find((error2) => !(error2 instanceof UserError));
  if (bug) throw bug;
  const failures = errors.filter((error2) => error2 instanceof UserError);
  if (failures.length > 0) throw new UserErrors(failures);
}
async function reportFailure(error2, summary2) {
  const { headline, body } = formatError(error2);
  if (error2 instanceof InputError) {
    error2.warnings.forEach((warning2) => runnerLog.warn(warning2));
    setFailed(forReader(formatInputIssues(error2.issues)));
  } else {
    runnerLog.line(forReader(body));
    setFailed(forReader(headline));
  }
  await writeSummary(await failureSummary(error2), summary2);
}
async function failureSummary(error2) {
  const { renderErrorSummary, renderFailedSummary } = await import("./chunk-I6XLQ2EK.js");
  if (error2 instanceof BuildErrors) return renderFailedSummary(error2.record, performance.now());
  const { headline, body } = formatError(error2);
  if (!(error2 instanceof InputError)) return renderErrorSummary(headline, body);
  const [count = "", ...issues] = formatInputIssues(error2.issues).split("\n");
  return renderErrorSummary(count, issues.join("\n"));
}
function setOutputs(outputs) {
  Object.entries(outputs).forEach(([name, value]) => setOutput(name, value));
}
var plainSummary = { secrets: /* @__PURE__ */ new Set(), isWanted: true };
async function writeSummary(markdown, { secrets, isWanted } = plainSummary) {
  if (!process.env["GITHUB_STEP_SUMMARY"] || !isWanted) return;
  const { limitSummary, maskSecrets } = await import("./chunk-I6XLQ2EK.js");
  await summary.addRaw(limitSummary(maskSecrets(markdown, secrets))).write().catch((error2) => warning(`The summary could not be written: ${String(error2)}`));
}

// src/job/job.ts
var runStatusTimeout = 1e4;
var Job = class {
  env = process.env;
  log = runnerLog;
  event = readEvent(process.env, runnerLog.warn);
  #token = getInput("github-token");
  #masked = /* @__PURE__ */ new Set();
  summary = { secrets: this.#masked, isWanted: true };
  #cancel;
  constructor() {
    setPrivateUmask();
    allowManyListeners();
    withholdVariables(secretVariablesOf(process.env));
  }
  /** Aborts when the step is cancelled. A step that does not use it ends at once. */
  get signal() {
    if (!this.#cancel) {
      const cancel = new AbortController();
      for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => cancel.abort());
      this.#cancel = cancel;
    }
    return this.#cancel.signal;
  }
  /** Hides texts from the log. */
  mask(secrets) {
    for (const secret of secrets) {
      if (!this.#masked.has(secret)) setSecret(secret);
      this.#masked.add(secret);
    }
  }
  /** @param choice the input `packages-api` */
  packages(registries, choice2) {
    const { fetch } = registries;
    return {
      choice: choice2,
      platform: this.event,
      token: this.#token,
      ownerKind: this.event.ownerKind,
      registries,
      githubClient: (apiUrl, token, until) => createGithubRequest({ ...this.#apiOptions(fetch, until), apiUrl, token }),
      clock: { now: Date.now, sleep }
    };
  }
  /** Fetches the status of runs of this repository, if the token may read it. */
  fetchRunStatus(fetch, timeout = runStatusTimeout) {
    if (this.#token === "") return () => Promise.resolve("no-token");
    let fetcher;
    return (run) => {
      fetcher ??= createRunStatusFetcher(
        createPlatformRequest(this.#apiOptions(fetch, Date.now() + timeout)),
        this.event.repository
      );
      return fetcher(run);
    };
  }
  /** Describes this run's repository and commits as the API does, if the job has a token. */
  eventDetails() {
    if (this.#token === "" || this.event.repository === "") return void 0;
    const options = this.#apiOptions(createFetch(this.env), Date.now() + detailsTimeout);
    const signal = AbortSignal.timeout(detailsTimeout);
    return createEventDetails(createPlatformRequest(options), this.event, { signal, log: this.log.debug });
  }
  /** Which runs are finished. */
  runs(fetch) {
    const { runId, runAttempt } = this.event;
    const attemptsEnd = detectPlatform(this.event) !== "forgejo";
    const self = { scope: repositoryScope(this.event), runId, runAttempt, attemptsEnd };
    return createRunChecker(self, this.fetchRunStatus(fetch));
  }
  /** Runs the step and ends this process, even if connections are open that later steps use. */
  async run(step) {
    await step().catch(
      (error2) => reportFailure(this.#cancel?.signal.aborted ? cancelled(error2) : error2, this.summary)
    );
    return await exit();
  }
  #apiOptions(fetch, until) {
    const { debug: log, info: onWait } = this.log;
    return { apiUrl: this.event.apiUrl, token: this.#token, fetch, until, log, onWait };
  }
};
function cancelled(cause) {
  if (cause instanceof UserError && cause.code === "cancelled") return cause;
  return new UserError({
    code: "cancelled",
    message: wordingOf("cancelled"),
    hint: wordingOf("cancelledHint"),
    details: cause instanceof UserError ? [cause.message, ...cause.details] : [],
    cause
  });
}

// src/cleanup/snapshot.ts
var emptySnapshot = { names: /* @__PURE__ */ new Set(), digests: /* @__PURE__ */ new Map() };
async function snapshotTags(repository, limit2 = Infinity, before = emptySnapshot) {
  const names = new Set(await listTagNames(repository.registry, repository.repository));
  const recent = before === emptySnapshot ? [] : [...names].filter((tag) => !before.names.has(tag));
  return { names, digests: await resolveTags(repository, names.size <= limit2 ? names : recent) };
}
function tagsOn(snapshot, digest) {
  return [...snapshot.digests].filter(([, target]) => target === digest).map(([tag]) => tag);
}
function hasLastTags(tags, { snapshot, deleted }) {
  const isLeaving = ([tag, digest]) => tags.includes(tag) || deleted.has(digest);
  return tags.length > 0 && snapshot.digests.size > 0 && [...snapshot.digests].every(isLeaving);
}
var maxDepth = 32;
async function neededBy(repository, roots) {
  const needed = /* @__PURE__ */ new Set();
  let level = [...new Set(roots)];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth)
      throw new NotDeletedError(
        `${level[0] ?? ""} is more than ${maxDepth} index levels deep, so the manifests that tags need are unknown.`
      );
    const manifests = await readManifests(repository, level);
    const refs = new Set([...manifests.values()].flatMap((manifest) => manifest.refs));
    level = [...refs].filter((digest) => !needed.has(digest));
    level.forEach((digest) => needed.add(digest));
  }
  return needed;
}

// src/cleanup/attestations.ts
async function isLastProof(repository, index, proved = /* @__PURE__ */ new Set()) {
  for (const [child, image] of (await repository.manifest(index))?.attests ?? []) {
    if (proved.has(child)) continue;
    const isReleased = (await repository.manifest(image))?.runAnnotation === void 0 && await exists(repository, image);
    if (!isReleased && await exists(repository, child)) return true;
  }
  return false;
}
function unreferencedAttestations(items, manifests) {
  const referenced = new Set([...items.keys()].flatMap((digest) => manifests.get(digest)?.refs ?? []));
  return [...items.values()].flatMap(({ digest, tags }) => {
    const manifest = manifests.get(digest);
    const isAlone = tags.length === 0 && !referenced.has(digest);
    return isAlone && manifest?.kind === "attestation" ? [manifest] : [];
  });
}
async function findOrphans(repository, candidates, isFinished) {
  const isOrphan = await mapConcurrent(candidates, async ({ statements: blobs }) => {
    const statements = await Promise.all(blobs.map((blob) => readStatement(repository, blob)));
    const subjects = statements.flatMap((statement) => statement.subjects);
    const found = await Promise.all(subjects.map((subject) => exists(repository, subject)));
    return statements.some(({ run }) => isFinished(run)) && subjects.length > 0 && !found.some(Boolean);
  });
  return candidates.filter((_, at) => isOrphan[at]).map(({ digest }) => digest);
}
async function describes(repository, manifest, image) {
  const { kind, subject, statements: blobs } = manifest;
  if (subject === image) return true;
  if (kind !== "attestation" && kind !== "signature") return false;
  const [first, ...rest] = await Promise.all(
    (kind === "attestation" ? blobs.slice(0, 1) : blobs).map((blob) => unlessNotFound(readStatement(repository, blob)))
  );
  return [first, ...rest].every((statement) => statement?.subjects.includes(image));
}
async function readStatement({ registry, repository }, blob) {
  const statement = parsePayload(new TextDecoder().decode(await registry.getBlob(repository, blob)));
  const predicate = asRecord(statement["predicate"]);
  const builder = asText(asRecord(asRecord(predicate["runDetails"])["builder"])["id"]) || asText(asRecord(predicate["builder"])["id"]);
  const subjects = asList(statement["subject"]).map(
    (subject) => asText(asRecord(asRecord(subject)["digest"])["sha256"])
  );
  const signed = asText(asRecord(asRecord(statement["critical"])["image"])["docker-manifest-digest"]);
  return {
    subjects: [
      ...subjects.filter((hex) => hex !== "").map((hex) => `sha256:${hex}`),
      ...signed === "" ? [] : [signed]
    ],
    run: /\/actions\/runs\/(\d+)/.exec(builder)?.[1]
  };
}
function parsePayload(text) {
  const document = asRecord(tryParseJson(text));
  const payload = asText(document["payload"]);
  return payload === "" ? document : asRecord(tryParseJson(Buffer.from(payload, "base64").toString()));
}

// src/cleanup/audit.ts
async function auditTags(repository, { digests }) {
  const cache = /* @__PURE__ */ new Map();
  const isThere = (digest) => {
    const answer = cache.get(digest) ?? exists(repository, digest);
    cache.set(digest, answer);
    return answer;
  };
  const checked = await mapConcurrent([...digests], async ([tag, digest]) => {
    const all = [.../* @__PURE__ */ new Set([digest, ...await neededBy(repository, [digest])])];
    const found = await Promise.all(all.map(isThere));
    return { tag, missing: all.filter((_, at) => !found[at]) };
  });
  const incomplete = checked.filter(({ missing: missing2 }) => missing2.length > 0);
  const now = await resolveTags(
    repository,
    incomplete.map(({ tag }) => tag)
  );
  return { tags: digests.size, broken: incomplete.filter(({ tag }) => now.get(tag) === digests.get(tag)) };
}
async function findRestorable(repository, inventory, missing2) {
  const found = new Map([...inventory.deleted].filter(([digest]) => missing2.has(digest)));
  const rest = [...missing2].filter((digest) => !found.has(digest));
  const listDeleted = repository.backend.listDeleted?.bind(repository.backend);
  const owned = rest.length > 0 && listDeleted ? await findOwned(repository, inventory) : /* @__PURE__ */ new Set();
  const wanted = new Set(rest.filter((digest) => owned.has(digest)));
  if (wanted.size === 0 || !listDeleted) return found;
  for await (const page of listDeleted())
    for (const version of page) if (wanted.has(version.digest)) found.set(version.digest, version);
  return found;
}
async function findOwned(repository, inventory) {
  const tagged = await readManifests(repository, inventory.snapshot.digests.values());
  const isOwner = (digest) => inventory.isAnnotated(digest);
  const owners = [...inventory.manifests.values(), ...tagged.values()].filter(
    ({ digest, refs }) => isOwner(digest) || refs.some(isOwner)
  );
  return new Set(owners.flatMap(({ refs }) => refs));
}

// src/cleanup/referrers.ts
function referrerSubject(tag) {
  const hex = /^sha256-([0-9a-f]{64})(?:\.(?:sig|att|sbom))?$/.exec(tag)?.[1];
  return hex === void 0 ? void 0 : `sha256:${hex}`;
}
async function findReferrers(repository, manifests, tagsOf) {
  const found = await mapConcurrent([...manifests], async (manifest) => {
    const { digest, subject } = manifest;
    if (subject !== void 0) return [{ digest, subject }];
    const images = [...new Set(tagsOf(digest).flatMap((tag) => referrerSubject(tag) ?? []))];
    const [image, ...others] = images;
    if (image === void 0 || others.length > 0) return [];
    return await isReferrer(repository, manifest, image) ? [{ digest, subject: image }] : [];
  });
  return found.flat();
}
async function isReferrer(repository, manifest, image) {
  if (manifest.kind === "sbom") return true;
  if (manifest.kind !== "index") return await describes(repository, manifest, image);
  const entries = await readManifests(repository, manifest.refs);
  return manifest.runAnnotation === void 0 && [...entries.values()].every(({ subject }) => subject === image);
}

// src/cleanup/inventory.ts
var noTags = [];
var Inventory = class {
  manifests = /* @__PURE__ */ new Map();
  /** Deleted by this cleanup. */
  deleted = /* @__PURE__ */ new Map();
  /** What the deleted images referred to, with the runs that their tags named. */
  childrenOfDeleted = /* @__PURE__ */ new Map();
  /** Attestation → the image that its own content names, of those that an index of a finished run lists. */
  attestations = /* @__PURE__ */ new Map();
  /** By run: from its creation to its end. */
  #lifetimes = /* @__PURE__ */ new Map();
  /** What versions refer to that were pushed since the lists were read. */
  needed = /* @__PURE__ */ new Set();
  snapshot = emptySnapshot;
  /** How many pages of lists were read. */
  pages = 0;
  /** By digest: the last version that a list contained, and how many lists did. */
  #listed = /* @__PURE__ */ new Map();
  #repository;
  #runs;
  #selection;
  /** Patterns of tags that stay, with their images. */
  #excluded;
  /** Digest → such a tag on it. */
  #excludedTags = /* @__PURE__ */ new Map();
  constructor(repository, runs, { selection, excluded = [] }) {
    this.#repository = repository;
    this.#runs = runs;
    this.#selection = selection;
    this.#excluded = excluded;
  }
  /** Reads the whole list, all tags of the registry, and every manifest that is new. */
  async read() {
    const inThisList = /* @__PURE__ */ new Set();
    for await (const page of this.#repository.backend.list()) {
      this.pages++;
      for (const version of page) {
        const before = this.#listed.get(version.digest);
        const times = before?.version.id === version.id ? before.times : 0;
        this.#listed.set(version.digest, { version, times: times + (inThisList.has(version.digest) ? 0 : 1) });
        inThisList.add(version.digest);
      }
      await this.#readManifests(page.map(({ digest }) => digest));
    }
    await this.readTags();
  }
  /** Reads all tags of the registry, and every manifest that is new. */
  async readTags() {
    this.snapshot = await snapshotTags(this.#repository);
    const excluded = [...this.snapshot.digests].filter(([tag]) => this.isExcluded(tag));
    this.#excludedTags = new Map(excluded.map(([tag, digest]) => [digest, tag]));
    await this.#readManifests(this.snapshot.digests.values());
  }
  /** Reads manifests, and the status of the runs that pushed them. */
  async #readManifests(digests) {
    const unknown = [...digests].filter((digest) => !this.manifests.has(digest));
    const found = await readManifests(this.#repository, unknown);
    for (const [digest, manifest] of found) this.manifests.set(digest, manifest);
    await this.#runs.load([...found.values()].flatMap((manifest) => this.#selection.runOf(manifest) ?? []));
  }
  /** Reads the newest page, for versions that were pushed or tagged since the lists were read. */
  async readNewestPage() {
    if (!this.#repository.backend.capabilities.listsById) return;
    for await (const page of this.#repository.backend.list()) {
      const changed = page.filter(
        ({ digest, id, tags }) => this.#listed.get(digest)?.version.id !== id || tags.some((tag) => this.snapshot.digests.get(tag) !== digest)
      );
      const digests = changed.map(({ digest }) => digest);
      for (const digest of await neededBy(this.#repository, digests)) this.needed.add(digest);
      return;
    }
  }
  /** A manifest as the last list contained it. */
  listedVersion(digest) {
    return this.#listed.get(digest)?.version;
  }
  /** The id of a version in the API. */
  versionId(digest) {
    return this.#listed.get(digest)?.version.id ?? digest;
  }
  /** Every manifest that may be deleted, or that may need others, with the status of the runs of its tags. */
  async items() {
    const items = this.#listedItems();
    await this.#runs.load([...items.values()].flatMap(({ digest, tags }) => this.runsOf(tags, digest)));
    if (!this.#repository.backend.capabilities.listsUntagged) await this.#addChildren(items);
    await this.#verifyAttestations(items);
    await this.#readLifetimes(items);
    return items;
  }
  /** What an index calls an attestation proves nothing: every user who may push can write one. */
  async #verifyAttestations(items) {
    const listed = [...items.keys()].flatMap((digest) => {
      return this.#isOwner(items, digest) ? [...this.manifests.get(digest)?.attests ?? []] : [];
    });
    await mapConcurrent(listed, async ([digest, image]) => {
      const manifest = items.has(digest) && !this.attestations.has(digest) ? this.manifests.get(digest) : void 0;
      if (manifest?.kind !== "attestation") return;
      if (await describes(this.#repository, manifest, image)) this.attestations.set(digest, image);
    });
  }
  /** Whether the attestations that an index lists may be deleted with it. */
  #isOwner(items, digest) {
    const isClaimed = () => items.get(digest)?.tags.some((tag) => this.isExpiredTag(tag, digest)) === true;
    return this.isExpiredManifest(digest) || this.#selection.claimsAttestations === true && isClaimed();
  }
  /** Of runs whose tags are on an image without annotation, or on an index of one. */
  async #readLifetimes(items) {
    for (const { digest, tags, createdAt } of items.values()) {
      const hasUnmarked = !this.isAnnotated(digest) || this.manifests.get(digest)?.isPart === true;
      if (createdAt === void 0 || !hasUnmarked) continue;
      for (const tag of tags) {
        const run = this.isExpiredTag(tag, digest) ? this.#selection.claimOf(tag) : void 0;
        if (run !== void 0 && !this.#lifetimes.has(run)) this.#lifetimes.set(run, await this.#runs.lifetime(run));
      }
    }
  }
  /**
   * Of the runs, those that existed when the manifest was first pushed; none if the API does not report it. With
   * `named`, only those that its own annotation names.
   */
  contentRuns(digest, runs, { named }) {
    const { createdAt } = this.#listed.get(digest)?.version ?? {};
    const versionRun = this.manifests.get(digest)?.versionRun;
    return [...runs].filter((run) => {
      const lifetime = this.#lifetimes.get(run);
      const isCreatedDuring = lifetime && createdAt !== void 0 && createdAt >= lifetime.createdAt && createdAt <= lifetime.endedAt;
      return isCreatedDuring && (!named || versionRun === run);
    });
  }
  /** The runs that must have finished before these tags may be deleted. */
  runsOf(tags, digest) {
    return tags.flatMap((tag) => this.#selection.runsOfTag(tag, this.manifests.get(digest)));
  }
  /** The runs to ask for right before a manifest is deleted that has these tags, or none. */
  runsToRecheck(tags, digest) {
    if (tags.length > 0) return this.runsOf(tags, digest);
    return this.#selection.rechecksRuns ? [this.#selection.runOf(this.manifests.get(digest)) ?? []].flat() : [];
  }
  #listedItems() {
    const items = /* @__PURE__ */ new Map();
    const registryTags = /* @__PURE__ */ new Map();
    for (const [tag, digest] of this.snapshot.digests)
      registryTags.set(digest, [...registryTags.get(digest) ?? [], tag]);
    for (const [digest, { version, times }] of this.#listed) {
      const isDeleted = this.deleted.get(digest)?.id === version.id;
      if (isDeleted || !this.manifests.has(digest)) continue;
      items.set(digest, this.#listedItem(version, registryTags.get(digest) ?? noTags, times));
    }
    for (const [digest, tags] of registryTags)
      if (!items.has(digest) && this.manifests.has(digest))
        items.set(digest, { id: "", digest, tags, confirmed: false });
    return items;
  }
  #listedItem({ id, digest, tags, createdAt }, registryTags, times) {
    const isCurrent = (tag) => (this.snapshot.digests.get(tag) ?? digest) === digest;
    const all = tags.length + registryTags.length === 0 ? noTags : [.../* @__PURE__ */ new Set([...tags.filter(isCurrent), ...registryTags])];
    const confirmed = times > 1 || !this.#repository.backend.capabilities.listsById;
    return { id, digest, tags: all, confirmed, ...createdAt !== void 0 && { createdAt } };
  }
  /**
   * If lists contain tagged manifests only, the children of temporary ones have to be read. Of these, only the ones are
   * added that belong to a run by their annotation: an index without a tag, used by its digest, might need the others.
   */
  async #addChildren(items) {
    const temporary = [...items.values()].filter(
      ({ digest, tags }) => tags.some((tag) => this.isExpiredTag(tag, digest))
    );
    const children = temporary.flatMap(({ digest }) => this.manifests.get(digest)?.refs ?? []);
    const images = [...temporary.map(({ digest }) => digest), ...children, ...this.childrenOfDeleted.keys()];
    await this.#readManifests(images);
    const lists = [...items.values()].filter(
      ({ tags }) => tags.some((tag) => images.includes(referrerSubject(tag) ?? ""))
    );
    const listed = lists.flatMap(({ digest }) => this.manifests.get(digest)?.refs ?? []);
    const referrers = [...listed, ...await listReferrers(this.#repository, images)];
    await this.#readManifests(referrers);
    for (const digest of referrers)
      if (!items.has(digest) && !this.deleted.has(digest) && this.manifests.get(digest)?.subject !== void 0)
        items.set(digest, { id: digest, digest, tags: [], confirmed: true });
    const attestations = [...this.manifests.values()].flatMap(({ attests }) => [...attests]);
    const owned = new Set(attestations.flatMap(([child, image]) => this.isAnnotated(image) ? [child] : []));
    const below = [...items.keys()].flatMap((digest) => this.manifests.get(digest)?.refs ?? []);
    for (const digest of [...below, ...this.childrenOfDeleted.keys()]) {
      if (items.has(digest) || this.deleted.has(digest) || !this.manifests.has(digest)) continue;
      if (this.isAnnotated(digest) || owned.has(digest))
        items.set(digest, { id: digest, digest, tags: [], confirmed: true });
    }
  }
  /** The manifests that may be referrers of a temporary image; those of releases are not worth a request. */
  referrerCandidates(items) {
    const isExpired2 = ({ digest, tags }) => tags.some((tag) => this.isExpiredTag(tag, digest));
    const expired = [...items.values()].filter(isExpired2).map(({ digest }) => digest);
    const children = expired.flatMap((digest) => this.manifests.get(digest)?.refs ?? []);
    const temporary = /* @__PURE__ */ new Set([...expired, ...children, ...this.childrenOfDeleted.keys()]);
    const found = /* @__PURE__ */ new Set();
    for (const [digest, { tags }] of [...items, ...items]) {
      const subject = this.manifests.get(digest)?.subject;
      const images = [...subject === void 0 ? [] : [subject], ...tags.flatMap((tag) => referrerSubject(tag) ?? [])];
      if (images.some((image) => temporary.has(image) || this.isAnnotated(image) || found.has(image))) found.add(digest);
    }
    return [...found].flatMap((digest) => this.manifests.get(digest) ?? []);
  }
  /** Whether the manifest has the annotation of any run. */
  isAnnotated(digest) {
    return annotatedRun(this.manifests.get(digest)?.runAnnotation) !== void 0;
  }
  /** Whether the run with this id is finished. */
  isFinished(run) {
    return run !== void 0 && this.#runs.classify(run).expired;
  }
  /** Whether the manifest belongs to a finished run by its annotations. */
  isExpiredManifest(digest) {
    return this.isFinished(this.#selection.runOf(this.manifests.get(digest)));
  }
  /** Whether the tag is selected, and all runs that may need it have finished. */
  isExpiredTag(tag, digest) {
    const isDeletable = this.#selection.isDeletable(tag, this.manifests.get(digest)) && !this.isExcluded(tag);
    return isDeletable && this.runsOf([tag], digest).every((run) => this.isFinished(run));
  }
  /** Why a tag that the cleanup is about stays; undefined for every other tag. */
  keepReason(tag, digest) {
    const manifest = this.manifests.get(digest);
    if (!this.#selection.includes(tag, manifest)) return void 0;
    if (this.isExcluded(tag)) return "it matches `exclude-tags`.";
    const excluded = this.#excludedTags.get(digest);
    if (excluded !== void 0) return `its image also has the tag ${excluded}, which matches \`exclude-tags\`.`;
    if (this.isExpiredTag(tag, digest)) return void 0;
    const verdicts = this.runsOf([tag], digest).map((run) => this.#runs.classify(run));
    return verdicts.find((verdict) => !verdict.expired)?.reason ?? this.#selection.keepReason(tag, manifest);
  }
  isExcluded(tag) {
    return matchesPattern(tag, this.#excluded);
  }
  /** The manifests with a tag that stays because of `exclude-tags`. */
  excludedDigests(items) {
    const hasExcluded = ({ tags }) => tags.some((tag) => this.isExcluded(tag));
    return [...items.values()].filter(hasExcluded).map(({ digest }) => digest);
  }
  /** Whether a listed tag may be deleted with its manifest: a history whose cache is deleted has such tags only. */
  isRemovableTag(tag, digest) {
    const isOfHistory = this.manifests.get(digest)?.kind === "history" && !this.isExcluded(tag);
    return isOfHistory || this.isExpiredTag(tag, digest);
  }
};

// src/cleanup/image-age.ts
var ImageAges = class {
  #repository;
  #contents = /* @__PURE__ */ new Map();
  constructor(repository) {
    this.#repository = repository;
  }
  async of({ digest, tags, pushedAt, taggedAt }) {
    if (taggedAt !== void 0) return { publishedAt: taggedAt };
    if (tags.length > 1) return { unknown: `it has the tags ${tags.join(", ")}, and may have been pushed again` };
    const content = this.#contents.get(digest) ?? readContent(this.#repository, digest);
    this.#contents.set(digest, content);
    return ageOf(await content, pushedAt, this.#repository.backend.capabilities.listsById);
  }
};
function ageOf({ builtAt, created, isOfOneRun }, pushedAt, isListed) {
  if (!isListed)
    return builtAt === void 0 ? { unknown: "it has no provenance with the time of its build, and the registry reports no time" } : { publishedAt: builtAt };
  if (pushedAt === void 0) return { unknown: "the API does not list it yet" };
  if (builtAt !== void 0) return { publishedAt: Math.max(builtAt, pushedAt) };
  if (isOfOneRun || created.some((time) => isTimeOfBuild(time, pushedAt))) return { publishedAt: pushedAt };
  return { unknown: "its content may be reproducible (no provenance, and no time of a build), and pushed again" };
}
var day2 = 24 * 60 * 60 * 1e3;
function isTimeOfBuild(created, pushedAt) {
  return /\.\d*[1-9]/.test(created) && Math.abs(pushedAt - Date.parse(created)) < day2;
}
async function readContent(repository, digest) {
  const top = await repository.manifest(digest);
  const entries = await Promise.all((top?.refs ?? []).map(repository.manifest));
  const all = [top, ...entries].flatMap((manifest) => manifest ?? []);
  const attestations = all.filter(({ kind }) => kind === "attestation");
  const times = (await Promise.all(attestations.map((one) => readFinishTimes(repository, one)))).flat();
  const isOfOneRun = top?.runAnnotation !== void 0;
  if (times.length > 0) return { builtAt: Math.max(...times), created: [], isOfOneRun };
  const images = all.filter(({ kind }) => kind === "image");
  const created = await Promise.all(images.map((image) => readCreated(repository, image)));
  return { builtAt: void 0, created, isOfOneRun };
}
var earliest = Date.UTC(2e3, 0);
async function readFinishTimes(repository, { digest }) {
  const manifest = await unlessNotFound(repository.registry.getManifest(repository.repository, digest));
  const statements = await Promise.all(
    (manifest ? parseProvenanceBlobs(manifest.bytes) : []).map((blob) => readJson(repository, blob))
  );
  return statements.flatMap(({ predicate }) => {
    const { runDetails, metadata } = asRecord(predicate);
    const finishedOn = asText(asRecord(asRecord(runDetails)["metadata"])["finishedOn"]) || asText(asRecord(metadata)["buildFinishedOn"]);
    const time = Date.parse(finishedOn);
    return time >= earliest ? [time] : [];
  });
}
async function readCreated(repository, { digest }) {
  const manifest = await unlessNotFound(repository.registry.getManifest(repository.repository, digest));
  const config = manifest && parseConfigDigest(manifest.bytes);
  return config === void 0 ? "" : asText((await readJson(repository, config))["created"]);
}
async function readJson({ registry, repository }, blob) {
  const bytes = await unlessNotFound(registry.getBlob(repository, blob));
  return asRecord(bytes && tryParseJson(new TextDecoder().decode(bytes)));
}

// src/cleanup/retention.ts
var maxExpired = 100;
function decideRetention(tags, rules2) {
  const counts = rules2.patterns.map((pattern) => countNewer(pattern, tags, rules2));
  const verdicts = new Map(tags.map((tag) => [tag.tag, decideTag(tag, counts, rules2)]));
  return limit(verdicts, tags);
}
function countNewer(pattern, tags, rules2) {
  const counted = tags.filter((tag) => matchesPattern(tag.tag, [pattern]) && isOld(tag, rules2));
  const byDigest = new Map(counted.map(({ digest, age: { publishedAt = 0 } }) => [digest, publishedAt]));
  const dates = [...byDigest.values()].sort((a, b) => b - a);
  const ranks = /* @__PURE__ */ new Map();
  dates.forEach((date, at) => ranks.set(date, ranks.get(date) ?? at));
  return { pattern, newerThan: (publishedAt) => ranks.get(publishedAt) ?? 0 };
}
var isOld = ({ age: { publishedAt = Infinity } }, { now, olderThan }) => now - publishedAt >= olderThan;
function decideTag(tag, counts, rules2) {
  const { digest, age } = tag;
  const keep = (reason2) => ({ isExpired: false, digest, reason: reason2 });
  const matching = counts.filter(({ pattern: pattern2 }) => matchesPattern(tag.tag, [pattern2]));
  if (age.publishedAt === void 0) return keep(`its age is unknown: ${age.unknown}.`);
  if (!isOld(tag, rules2)) return keep("the image is younger than `older-than`.");
  const { publishedAt } = age;
  const keeping = matching.find(({ newerThan }) => newerThan(publishedAt) < rules2.keep);
  if (keeping) return keep(`one of the ${rules2.keep} newest of \`${keeping.pattern}\`.`);
  const [{ pattern } = { pattern: "" }] = matching;
  const reason = rules2.keep === 0 ? `\`${pattern}\` keeps none` : `not one of the ${rules2.keep} newest of \`${pattern}\``;
  return { isExpired: true, digest, reason };
}
function limit(verdicts, tags) {
  const expired = tags.filter(({ tag }) => verdicts.get(tag)?.isExpired);
  const oldestFirst = [...expired].sort((a, b) => (a.age.publishedAt ?? 0) - (b.age.publishedAt ?? 0));
  const now = new Set([...new Set(oldestFirst.map(({ digest }) => digest))].slice(0, maxExpired));
  const reason = `one cleanup deletes ${maxExpired} images by their number. A later cleanup deletes it.`;
  for (const { tag, digest } of expired) if (!now.has(digest)) verdicts.set(tag, { isExpired: false, digest, reason });
  return verdicts;
}

// src/cleanup/selection.ts
function runReason(selection) {
  return selection.runReason ?? "its run has finished";
}
function selectRuns(patterns, only) {
  const includes = (tag) => matchesPattern(tag, patterns);
  const claimOf = (tag) => includes(tag) ? parseRunId(tag) : void 0;
  return {
    includes,
    // If the number may be a pull request, the annotation has to name it too.
    isDeletable: (tag, manifest) => {
      const run = claimOf(tag);
      return run !== void 0 && (isCertainlyRunId(run) || annotatedRun(manifest?.runAnnotation) === run);
    },
    keepReason: (tag) => {
      const run = claimOf(tag);
      if (run === void 0) return "its name does not contain the id of a run: `pr-<run_id>`, `build-<sha>-<run_id>`.";
      return `${run} may be a pull request number: the image has no ownership annotation of run ${run}.`;
    },
    runsOfTag: (tag) => [claimOf(tag) ?? []].flat(),
    runOf: (manifest) => annotatedRun(manifest?.runAnnotation),
    claimOf,
    reason: (tags) => only === void 0 ? formatRuns([...new Set(tags.flatMap((tag) => claimOf(tag) ?? []))]) : `it belongs to run ${only}, which \`run-id\` names`,
    ...only !== void 0 && { runReason: "`run-id` names its run" }
  };
}
function formatRuns(runs) {
  return runs.length === 1 ? `run ${runs.join()} has finished` : `the runs ${runs.join(", ")} have finished`;
}
function selectPullRequest(patterns, pullRequest) {
  const runOf = (manifest) => manifest?.pullRequest === pullRequest ? annotatedRun(manifest.runAnnotation) : void 0;
  const includes = (tag, manifest) => matchesPattern(tag, patterns) && runOf(manifest) !== void 0;
  const number = pullRequest.slice(pullRequest.lastIndexOf("-") + 1);
  return {
    includes,
    isDeletable: includes,
    keepReason: () => `it is not an image of pull request ${number}.`,
    runsOfTag: (tag, manifest) => includes(tag, manifest) ? requiredRuns(tag, manifest) : [],
    runOf,
    rechecksRuns: true,
    claimOf: () => void 0,
    reason: (_, manifest) => `run ${runOf(manifest) ?? ""} of pull request ${number} has finished`
  };
}
function requiredRuns(tag, manifest) {
  const [owner, tagged] = [annotatedRun(manifest?.runAnnotation), parseRunId(tag)];
  const runs = [
    ...owner === void 0 ? [] : [owner],
    ...tagged !== void 0 && isCertainlyRunId(tagged) ? [tagged] : []
  ];
  return [...new Set(runs)];
}

// src/cleanup/retained-tags.ts
var RetainedTags = class {
  selection;
  #repository;
  #options;
  #ages;
  #verdicts = /* @__PURE__ */ new Map();
  constructor(repository, options) {
    this.#repository = repository;
    this.#options = options;
    this.#ages = new ImageAges(repository);
    this.selection = this.#createSelection();
  }
  /** Decides again, after something was read. */
  async update({ digests, manifests, versionOf, isExcluded }) {
    const images = [...digests].filter(
      ([tag, digest]) => this.selection.includes(tag, manifests.get(digest)) && !isExcluded(tag)
    );
    const tagsOf = /* @__PURE__ */ new Map();
    for (const [tag, digest] of images) tagsOf.set(digest, [...tagsOf.get(digest) ?? [], tag]);
    const dated = await mapConcurrent([...tagsOf], async ([digest, tags]) => {
      const { createdAt: pushedAt, taggedAt } = versionOf(digest) ?? {};
      const age = await this.#ages.of({ digest, tags, pushedAt, taggedAt });
      return tags.map((tag) => ({ tag, digest, age }));
    });
    this.#verdicts = decideRetention(dated.flat(), { ...this.#options, now: this.#repository.clock.now() });
  }
  /**
   * Whether an image without ownership annotation is one of those that the patterns of these tags are about: it says so
   * itself, or it is an index and all images in it do. A tag proves nothing: anybody who may push can put it on any
   * image.
   */
  isNamed(digest, tags, manifests) {
    const patterns = this.#options.patterns.filter((pattern) => [...tags].some((tag) => matchesPattern(tag, [pattern])));
    const isVersion = (version) => version !== void 0 && matchesPattern(version, patterns);
    const manifest = manifests.get(digest);
    if (manifest?.kind !== "index" || manifest.version !== void 0) return isVersion(manifest?.version);
    const entries = manifest.refs.map((ref) => manifests.get(ref));
    const images = entries.filter((entry) => entry?.kind !== "attestation");
    return images.length > 0 && images.every((image) => isVersion(image?.version));
  }
  #createSelection() {
    const { patterns } = this.#options;
    const verdictOf = (tag) => this.#verdicts.get(tag);
    return {
      includes: (tag, manifest) => matchesPattern(tag, patterns) && isImage(tag, manifest),
      isDeletable: (tag, manifest) => {
        const verdict = verdictOf(tag);
        return verdict?.isExpired === true && verdict.digest === manifest?.digest;
      },
      keepReason: (tag) => verdictOf(tag)?.reason ?? "the tag was updated meanwhile.",
      runsOfTag: (tag, manifest) => matchesPattern(tag, patterns) ? requiredRuns(tag, manifest) : [],
      runOf: (manifest) => annotatedRun(manifest?.runAnnotation),
      claimOf: (tag) => matchesPattern(tag, patterns) ? tag : void 0,
      claimsAttestations: true,
      reason: ([tag = ""]) => verdictOf(tag)?.reason ?? ""
    };
  }
};
function isImage(tag, manifest) {
  const isImageOrIndex = manifest?.kind === "image" || manifest?.kind === "index";
  return isImageOrIndex && manifest.subject === void 0 && referrerSubject(tag) === void 0;
}

// src/cleanup/mode.ts
function createMode(repository, request) {
  const { retention, pullRequest, tags, unmarked, runId } = request;
  if (retention) return retentionMode(new RetainedTags(repository, { ...retention, patterns: tags }), unmarked);
  const selection = pullRequest === void 0 ? selectRuns(tags, runId) : selectPullRequest(tags, pullRequest);
  return {
    selection,
    update: () => Promise.resolve(),
    isUnmarkedContent: (digest, claims, inventory) => unmarked !== "keep" && inventory.contentRuns(digest, claims, { named: unmarked !== "delete" }).length > 0,
    untagReason: (_, others) => untagReason(runReason(selection), others, "nothing proves that this run pushed it")
  };
}
function retentionMode(retained, unmarked) {
  const { selection } = retained;
  return {
    selection,
    update: async (inventory) => {
      const { manifests, snapshot } = inventory;
      const versionOf = (digest) => inventory.listedVersion(digest);
      const isExcluded = (tag) => inventory.isExcluded(tag);
      await retained.update({ digests: snapshot.digests, manifests, versionOf, isExcluded });
    },
    isUnmarkedContent: (digest, claims, { manifests }) => {
      if (unmarked === "keep" || claims.size === 0) return false;
      return unmarked === "delete" || retained.isNamed(digest, claims, manifests);
    },
    untagReason: (tag, others) => untagReason(selection.reason([tag], void 0), others, "its annotations do not name such a tag")
  };
}
function untagReason(why, others, unproven) {
  const kept = others.length > 0 ? `it also has the tag ${others.join(", ")}` : unproven;
  return `${why}; the image is kept, because ${kept}`;
}

// src/cleanup/ownership.ts
function closure(roots, manifests) {
  const found = new Set(roots);
  for (const digest of found) manifests.get(digest)?.refs.forEach((ref) => found.add(ref));
  return found;
}
function decide({ digest, removable, version, tags, needed, isOwned = true }) {
  if (!version) return { action: "none" };
  if (version.digest !== digest) return { action: "skip", reason: movedTag };
  const others = [.../* @__PURE__ */ new Set([...version.tags, ...tags])].filter((tag) => !removable.includes(tag));
  if (others.length > 0) {
    const reason = `it also has the tag ${others.join(", ")}, so the image is kept.`;
    const mayUntag = version.tags.some((tag) => removable.includes(tag));
    return { action: mayUntag ? "untag" : "skip", reason };
  }
  if (!isOwned) return { action: "untag", reason: "nothing proves that only this run uses it, so the image is kept." };
  if (needed.has(digest))
    return { action: "skip", reason: "another image started to refer to it during the cleanup, so it is kept." };
  return { action: "delete" };
}

// src/cleanup/plan.ts
function planCleanup(input3) {
  const { items, manifests, excluded } = input3;
  const reasons = findReasons(input3);
  const candidates = [...reasons.keys()].filter((digest) => !excluded.has(digest) && items.get(digest)?.confirmed);
  const isCandidate = new Set(candidates);
  const staying = [...items.keys()].filter((digest) => !isCandidate.has(digest));
  const neededByAll = closure(refsOf(staying, manifests), manifests);
  const deletable = candidates.filter((digest) => !neededByAll.has(digest));
  const { referrers, needed } = planReferrers(input3, deletable, { staying, neededByAll });
  const isReferrer2 = new Set([...referrers.values()].flat());
  for (const digest of isReferrer2) reasons.set(digest, "it belongs to a deleted image");
  const isTagged = (digest) => (items.get(digest)?.tags.length ?? 0) > 0;
  const children = new Set(refsOf(deletable, manifests));
  const isTopIndex = (digest) => manifests.get(digest)?.kind === "index" && !children.has(digest);
  const tagged = deletable.filter(isTagged);
  const untagged = deletable.filter((digest) => !isTagged(digest));
  const below = untagged.filter((digest) => !isTopIndex(digest));
  const leaving = /* @__PURE__ */ new Set([...tagged, ...below]);
  return {
    untag: findTagsToRemove(input3, isCandidate),
    tagged,
    below,
    proofs: untagged.filter((digest) => isTopIndex(digest) && !isStillProof(digest, input3, leaving)),
    referrers,
    needed,
    reasons,
    kept: candidates.filter((digest) => needed.has(digest)).map((subject) => ({ subject, reason: "an image that is kept refers to it." }))
  };
}
function planReferrers(input3, deletable, { staying, neededByAll }) {
  const { items, manifests, excluded } = input3;
  const isDeletable = new Set(deletable);
  const mayLeave = ({ digest, subject }) => {
    const item = items.get(digest);
    const isOnlyReferrer = item?.tags.every((tag) => referrerSubject(tag) === subject);
    return item?.confirmed && isOnlyReferrer && !isDeletable.has(digest) && !excluded.has(digest);
  };
  const candidates = input3.referrers.filter((referrer) => mayLeave(referrer) && !isOfActiveRun(referrer.digest, input3));
  const images = new Set(deletable);
  for (const image of images) for (const { digest, subject } of candidates) if (subject === image) images.add(digest);
  const leaving = candidates.filter(({ subject }) => images.has(subject));
  if (leaving.length === 0) return { referrers: /* @__PURE__ */ new Map(), needed: neededByAll };
  const isLeaving = new Set(leaving.map(({ digest }) => digest));
  const rest = staying.filter((digest) => !isLeaving.has(digest));
  const needed = closure(refsOf(rest, manifests), manifests);
  const referrers = /* @__PURE__ */ new Map();
  for (const { digest, subject } of leaving)
    if (!needed.has(digest)) referrers.set(subject, [...referrers.get(subject) ?? [], digest]);
  return { referrers, needed };
}
function isEmptyPlan({ tagged, below, proofs, untag }) {
  return tagged.length + below.length + proofs.length + untag.length === 0;
}
var refsOf = (digests, manifests) => [...digests].flatMap((digest) => manifests.get(digest)?.refs ?? []);
function isStillProof(index, { items, manifests }, leaving) {
  return [...manifests.get(index)?.attests ?? []].some(([child, image]) => {
    const stays = items.has(child) && !leaving.has(child);
    return stays && (manifests.get(image)?.runAnnotation !== void 0 || !items.has(image));
  });
}
function findReasons(input3) {
  const { items, untagged } = input3;
  const reasons = expiredTagged(input3);
  const claims = claimedChildren(input3, reasons.keys());
  const attestations = untagged || claims.size > 0 ? ownedAttestations(input3) : /* @__PURE__ */ new Set();
  for (const digest of lonelyHistories(input3)) reasons.set(digest, "the cache that it belongs to is deleted");
  for (const { digest, tags } of items.values()) {
    if (tags.length > 0 || isOfActiveRun(digest, input3)) continue;
    if (isBelowDeleted(digest, input3, { claims, attestations }))
      reasons.set(digest, "it belonged only to a deleted ephemeral image");
    else if (untagged) {
      const reason = untaggedReason(digest, input3, attestations);
      if (reason !== void 0) reasons.set(digest, reason);
    }
  }
  return reasons;
}
function claimedChildren(input3, parents) {
  const { manifests, childrenOfDeleted } = input3;
  const claims = new Map(childrenOfDeleted);
  for (const parent of parents)
    for (const child of manifests.get(parent)?.refs ?? [])
      claims.set(child, /* @__PURE__ */ new Set([...claims.get(child) ?? [], ...claimsOn(parent, input3)]));
  return claims;
}
function claimsOn(digest, {
  items,
  manifests,
  selection,
  childrenOfDeleted
}) {
  const { runAnnotation, isPart } = manifests.get(digest) ?? {};
  if (runAnnotation !== void 0 && !isPart) return /* @__PURE__ */ new Set();
  const claims = items.get(digest)?.tags.flatMap((tag) => selection.claimOf(tag) ?? []) ?? [];
  return /* @__PURE__ */ new Set([...claims, ...childrenOfDeleted.get(digest) ?? []]);
}
function isBelowDeleted(digest, input3, { claims, attestations }) {
  const own = claims.get(digest);
  if (own === void 0) return false;
  if (attestations.has(digest) || isContent(digest, own, input3)) return true;
  const image = input3.selection.claimsAttestations ? input3.attestations.get(digest) ?? "" : "";
  return isContent(image, claims.get(image) ?? /* @__PURE__ */ new Set(), input3);
}
function expiredTagged(input3) {
  const reasons = /* @__PURE__ */ new Map();
  for (const item of input3.items.values()) {
    const { digest, tags } = item;
    if (isExpired(item, input3) && isContent(digest, claimsOn(digest, input3), input3))
      reasons.set(digest, input3.selection.reason(tags, input3.manifests.get(digest)));
  }
  return reasons;
}
function isExpired({ digest, tags }, input3) {
  const areExpired = tags.length > 0 && tags.every((tag) => input3.isExpiredTag(tag, digest));
  return areExpired && !isOfActiveRun(digest, input3);
}
function isContent(digest, claims, input3) {
  return input3.isExpiredManifest(digest) || input3.isUnmarkedContent(digest, claims);
}
function untaggedReason(digest, input3, attestations) {
  if (input3.isExpiredManifest(digest)) return `${runReason(input3.selection)}, and nothing refers to it`;
  if (attestations.has(digest) || input3.orphans.has(digest)) return "its subject image is deleted";
  const kind = input3.caches ? input3.manifests.get(digest)?.kind : void 0;
  if (kind === "cache") return "a later push replaced this cache";
  return kind === "history" ? "a later run replaced these times of earlier runs" : void 0;
}
function lonelyHistories({ items, manifests, caches }) {
  const histories = [...items.values()].filter(({ digest }) => caches && manifests.get(digest)?.kind === "history");
  const all = new Set(histories.length === 0 ? [] : [...items.values()].flatMap(({ tags }) => tags));
  const isLonely = (tag) => !all.has(cacheOfHistory(tag) ?? tag);
  return histories.filter(({ tags }) => tags.length > 0 && tags.every(isLonely)).map(({ digest }) => digest);
}
function isOfActiveRun(digest, { manifests, isExpiredManifest }) {
  return manifests.get(digest)?.runAnnotation !== void 0 && !isExpiredManifest(digest);
}
function ownedAttestations(input3) {
  const { items, manifests, childrenOfDeleted, attestations, isExpiredManifest } = input3;
  const found = /* @__PURE__ */ new Set();
  for (const [digest, { attests }] of manifests) {
    if (attests.size === 0 || !isExpiredManifest(digest)) continue;
    for (const [child, image] of attests) {
      const isOwnedImage = !items.has(image) || childrenOfDeleted.has(image) || isExpiredManifest(image);
      if (isOwnedImage && attestations.get(child) === image) found.add(child);
    }
  }
  return found;
}
function findTagsToRemove(input3, isCandidate) {
  const { items, isExpiredTag, excluded } = input3;
  return [...items.values()].flatMap((item) => {
    const { digest, tags, confirmed } = item;
    if (isCandidate.has(digest) || excluded.has(digest)) return [];
    const expired = tags.filter((tag) => isExpiredTag(tag, digest));
    const isForeign = confirmed && isExpired(item, input3) && !isContent(digest, claimsOn(digest, input3), input3);
    return expired.length < tags.length || isForeign ? expired.map((tag) => ({ digest, tag })) : [];
  });
}

// src/cleanup/registry-cleanup.ts
async function cleanUpRepository(repository, request, runs) {
  return await new RegistryCleanup(repository, request, runs).run();
}
var RegistryCleanup = class {
  #repository;
  #request;
  #runs;
  #mode;
  #inventory;
  #result;
  /** Digests that stay, by an earlier decision. */
  #excluded = /* @__PURE__ */ new Set();
  #orphans = /* @__PURE__ */ new Set();
  /** The tags that the first plan removes: a tag that expires later stays, with everything below it. */
  #firstTags;
  constructor(repository, request, runs) {
    this.#repository = repository;
    this.#request = request;
    this.#runs = runs;
    this.#mode = createMode(repository, request);
    this.#inventory = new Inventory(repository, runs, {
      selection: this.#mode.selection,
      excluded: request.excludeTags
    });
    this.#result = createResult(repository.name, request.dryRun, () => this.#inventory.pages);
  }
  async run() {
    try {
      await this.#inventory.read();
      await this.#inventory.read();
      const plan = await this.#plan();
      this.#reportActiveTags();
      if (this.#request.dryRun) await this.#reportPlan(plan);
      const mayDelete = !this.#request.dryRun && await this.#executeIfPossible(plan);
      this.#result.audit = await this.#auditTags();
      if (mayDelete) this.#result.audit = await this.#restoreNeeded(this.#result.audit);
    } catch (error2) {
      if (isInternalError(error2)) this.#result.errors.push(error2);
      this.#keep("", `${errorMessage(error2)} Nothing more was deleted.`);
    }
    return this.#result;
  }
  async #plan() {
    const inventory = this.#inventory;
    const { manifests, childrenOfDeleted, attestations, needed } = inventory;
    const { untagged, runId, pullRequest } = this.#request;
    await this.#mode.update(inventory);
    const items = await inventory.items();
    const tagsOf = (digest) => items.get(digest)?.tags ?? [];
    if (untagged && pullRequest === void 0) {
      const isFinished = (run) => inventory.isFinished(run);
      const candidates = unreferencedAttestations(items, manifests);
      for (const digest of await findOrphans(this.#repository, candidates, isFinished)) this.#orphans.add(digest);
    }
    const plan = planCleanup({
      items,
      manifests,
      childrenOfDeleted,
      attestations,
      referrers: await findReferrers(this.#repository, inventory.referrerCandidates(items), tagsOf),
      selection: this.#mode.selection,
      isUnmarkedContent: (digest, claims) => this.#mode.isUnmarkedContent(digest, claims, inventory),
      excluded: /* @__PURE__ */ new Set([...this.#excluded, ...needed, ...inventory.excludedDigests(items)]),
      orphans: this.#orphans,
      isExpiredManifest: (digest) => inventory.isExpiredManifest(digest),
      isExpiredTag: (tag, digest) => this.#firstTags?.has(tag) !== false && inventory.isExpiredTag(tag, digest),
      untagged,
      caches: runId === void 0 && pullRequest === void 0
    });
    return { ...plan, items };
  }
  /** A registry that never deletes, or not with this login, would refuse every single manifest: false. */
  async #executeIfPossible(plan) {
    const refusal = isEmptyPlan(plan) ? void 0 : await this.#repository.backend.probeDeletion?.();
    if (refusal) this.#keep("", `Nothing was deleted: ${refusal.message}`);
    else await this.#execute(plan);
    return refusal === void 0;
  }
  async #execute(first) {
    const { deleted } = this.#inventory;
    const tagsOf = (digest) => first.items.get(digest)?.tags ?? [];
    this.#firstTags = /* @__PURE__ */ new Set([...first.untag.map(({ tag }) => tag), ...first.tagged.flatMap(tagsOf)]);
    for (const { digest, tag } of first.untag) await this.#attempt(tag, () => this.#untag(digest, tag));
    await this.#deleteAll(first.tagged, first);
    if (first.tagged.length + first.untag.length > 0) await this.#inventory.read();
    const second = await this.#plan();
    await this.#deleteAll(second.below, second);
    if (deleted.size + second.proofs.length > 0) await this.#restoreNeeded(await this.#auditTags());
    const third = await this.#plan();
    await this.#deleteAll(third.proofs, third);
    this.#result.kept.push(...third.kept);
  }
  async #deleteAll(digests, plan) {
    for (const digest of digests) await this.#attempt(digest, () => this.#delete(digest, plan));
  }
  async #delete(digest, plan) {
    const version = await this.#confirmWithReferrers(digest, plan);
    this.#inventory.deleted.set(digest, version ?? this.#listed(digest));
    if (!version) return;
    const sizes = await readBlobSizes(this.#repository, digest);
    await this.#repository.backend.remove(version);
    this.#claimChildren(digest, plan);
    this.#reportDeleted([...version.tags, digest].join(" "), plan.reasons.get(digest), digest);
    sizes.forEach((size, blob) => this.#result.blobs.set(blob, size));
  }
  /** Deletes the referrers of an image right before the image, which is confirmed once more: that took a while. */
  async #confirmWithReferrers(digest, plan) {
    const version = await this.#confirm(digest, plan);
    const referrers = plan.referrers.get(digest) ?? [];
    if (referrers.length === 0) return version;
    for (const referrer of referrers) await this.#attempt(referrer, () => this.#delete(referrer, plan));
    try {
      return await this.#confirm(digest, plan);
    } catch (error2) {
      for (const referrer of [...referrers].reverse()) await this.#restore(referrer, "the image it describes is kept");
      throw error2;
    }
  }
  /** What claims an image without annotation by its tags claims what the image refers to as well. */
  #claimChildren(digest, { items }) {
    const { manifests, childrenOfDeleted } = this.#inventory;
    const claims = claimsOn(digest, { items, manifests, childrenOfDeleted, selection: this.#mode.selection });
    for (const ref of manifests.get(digest)?.refs ?? [])
      childrenOfDeleted.set(ref, /* @__PURE__ */ new Set([...childrenOfDeleted.get(ref) ?? [], ...claims]));
  }
  /** The version as it may be deleted; undefined if it does not exist any more. @throws NotDeletedError if it stays */
  async #confirm(digest, { items, needed, referrers }) {
    const tags = items.get(digest)?.tags ?? [];
    const isReferrer2 = [...referrers.values()].flat().includes(digest);
    const isReferrerTag = (tag) => referrerSubject(tag) !== void 0 && isReferrer2 && !this.#inventory.isExcluded(tag);
    const removable = tags.filter((tag) => this.#inventory.isRemovableTag(tag, digest) || isReferrerTag(tag));
    await this.#requireFinished(removable, digest);
    if (removable.length === 0) await this.#requireUnneeded(digest);
    const version = await refreshVersion(this.#repository, { ...this.#listed(digest), tags });
    const decision = decide({
      digest,
      removable,
      version,
      tags: tagsOn(this.#inventory.snapshot, digest),
      needed: { has: (other) => needed.has(other) || this.#inventory.needed.has(other) }
    });
    if (decision.action === "skip" || decision.action === "untag") throw new NotDeletedError(decision.reason);
    const error2 = version && hasLastTags(version.tags, this.#inventory) ? this.#repository.backend.lastTaggedError?.() : void 0;
    if (error2) throw error2;
    return version;
  }
  /** A run may have been started again. */
  async #requireFinished(tags, digest) {
    for (const run of new Set(this.#inventory.runsToRecheck(tags, digest))) {
      const verdict = await this.#runs.refresh(run);
      if (!verdict.expired) throw new NotDeletedError(verdict.reason);
    }
  }
  async #requireUnneeded(digest) {
    const isIndex = this.#inventory.manifests.get(digest)?.kind === "index";
    if (!isIndex) await this.#inventory.readNewestPage();
    else if (await isLastProof(this.#repository, digest))
      throw new NotDeletedError("only this index links an attestation to its run: the attestation is deleted first.");
  }
  async #untag(digest, tag) {
    const { backend } = this.#repository;
    await this.#requireFinished([tag], digest);
    const version = await backend.read({ ...this.#listed(digest), tags: [] });
    const others = version?.tags.filter((other) => other !== tag) ?? [];
    if (!version?.tags.includes(tag)) return;
    await backend.untag(version, tag);
    this.#reportDeleted(tag, this.#mode.untagReason(tag, others), "");
  }
  /** What a tag needs, and was deleted by this cleanup or by one that was killed. @returns the tags as they are then */
  async #restoreNeeded(before) {
    let audit = before;
    for (let round = 0; round < 3 && await this.#restoreMissing(audit); round++) audit = await this.#auditTags();
    return audit;
  }
  /** Reads the tags anew: a plan that follows keeps what has a tag by now. */
  async #auditTags() {
    await this.#inventory.readTags();
    return await auditTags(this.#repository, this.#inventory.snapshot);
  }
  /** @returns whether anything was restored */
  async #restoreMissing({ broken }) {
    const missing2 = new Set(broken.flatMap((tag) => tag.missing));
    let isAnyRestored = false;
    for (const [digest, version] of await findRestorable(this.#repository, this.#inventory, missing2)) {
      this.#inventory.deleted.set(digest, version);
      isAnyRestored = await this.#restore(digest, "an image that is kept refers to it") || isAnyRestored;
    }
    return isAnyRestored;
  }
  async #restore(digest, reason) {
    const version = this.#inventory.deleted.get(digest);
    if (!version || !await this.#repository.backend.restore(version)) return false;
    this.#inventory.deleted.delete(digest);
    this.#excluded.add(digest);
    const { deleted } = this.#result;
    deleted.splice(0, Infinity, ...deleted.filter((line) => line.digest !== digest));
    this.#result.restored.push({ subject: digest, reason });
    return true;
  }
  async #attempt(subject, work) {
    try {
      requireTime(this.#repository);
      await work();
    } catch (error2) {
      if (isInternalError(error2)) throw error2;
      this.#excluded.add(subject);
      this.#keep(subject, errorMessage(error2));
    }
  }
  /** Tags that look temporary and stay. */
  #reportActiveTags() {
    if (this.#request.runId !== void 0) return;
    for (const [tag, digest] of this.#inventory.snapshot.digests) {
      const reason = this.#inventory.keepReason(tag, digest);
      if (reason !== void 0) this.#keep(tag, reason);
    }
  }
  async #reportPlan({ tagged, below, proofs, referrers, untag, reasons, kept, items }) {
    const tagsOf = (digest) => items.get(digest)?.tags ?? [];
    for (const { tag, digest } of untag) {
      const others = tagsOf(digest).filter((other) => other !== tag);
      this.#reportDeleted(tag, this.#mode.untagReason(tag, others), "");
    }
    for (const digest of [...[...referrers.values()].flat(), ...tagged, ...below, ...proofs]) {
      this.#reportDeleted([...tagsOf(digest), digest].join(" "), reasons.get(digest), digest);
      (await readBlobSizes(this.#repository, digest)).forEach((size, blob) => this.#result.blobs.set(blob, size));
    }
    this.#result.kept.push(...kept);
  }
  #reportDeleted(subject, reason, digest) {
    this.#result.deleted.push({ subject, reason: reason ?? "", digest });
  }
  #keep(subject, reason) {
    this.#result.kept.push({ subject, reason });
  }
  #listed(digest) {
    return { id: this.#inventory.versionId(digest), digest, tags: [] };
  }
};

// src/stories/cleanup.ts
async function cleanUpRegistries(inputs2, ports) {
  const results = [];
  for (const repository of inputs2.images) {
    const result = await cleanUpOne(repository, inputs2, ports);
    logResult(result, ports.log);
    results.push(result);
  }
  for (const { name, audit } of results) {
    const broken = audit?.broken.map(({ tag }) => tag) ?? [];
    if (broken.length > 0)
      ports.log.warn(`${name}: incomplete tags: ${broken.join(", ")}. The report lists what is missing.`);
  }
  return { results, errors: results.flatMap(({ errors }) => errors) };
}
async function cleanUpOne(repository, inputs2, ports) {
  const { packages, event, until, fetchRunStatus } = ports;
  const { runId, prNumber, keepNTagged: keep } = inputs2;
  const pullRequest = prNumber === void 0 ? void 0 : pullRequestId(event, prNumber);
  const olderThan = pullRequest === void 0 ? inputs2.olderThan : 0;
  const retention = keep === void 0 ? void 0 : { keep, olderThan };
  const request = { ...inputs2, pullRequest, retention };
  const runs = createRunStatusCache(fetchRunStatus, () => ({ now: Date.now(), olderThan, runId }));
  try {
    const client = await createClientFactory(packages.registries)(repository);
    const mark = `${event.runId}-${event.runAttempt}-sweep`;
    const opened = await openPackageRepository(packages, { repository, client, until, mark });
    if (await isStored(opened)) return await cleanUpRepository(opened, request, runs);
    if (runId === void 0 && pullRequest === void 0) throw missingRepository(opened.name);
    ports.log.warn(`The repository ${opened.name} does not exist, so there is nothing to delete. ${mayBeMisspelled}`);
    return createResult(opened.name, inputs2.dryRun);
  } catch (error2) {
    return {
      ...createResult(formatRepository(repository), inputs2.dryRun),
      errors: error2 instanceof UserError || isInternalError(error2) ? [error2] : [],
      kept: [{ subject: "", reason: errorMessage(error2) }]
    };
  }
}
async function isStored({ backend, registry, repository }) {
  if (await unlessNotFound(registry.listTags(repository)) !== void 0) return true;
  if (backend.capabilities.listsUntagged) {
    for await (const page of backend.list()) if (page.length > 0) return true;
  }
  return false;
}
function missingRepository(name) {
  return new UserError({ code: "inputs", message: `image: the repository ${name} does not exist`, hint: unknownHint });
}
var unknownHint = "Check its spelling. Some registries remove a repository together with its last image: then remove it from `image`.";
var mayBeMisspelled = "If a build has pushed an image to it, check the spelling of `image`.";
function logResult({ name, deleted, kept, dryRun }, log) {
  const done = dryRun ? "Would delete" : "Deleted";
  deleted.forEach(({ subject, reason }) => log.info(`${done} ${name}: ${subject}: ${reason}`));
  kept.forEach(({ subject, reason }) => log.info(`Kept ${[name, subject, reason].filter(Boolean).join(": ")}`));
  if (deleted.length + kept.length === 0) log.info(`${name}: nothing to delete`);
  const stopped = kept.filter(({ subject }) => subject === "");
  if (stopped.length > 0) log.warn(`${name}: ${stopped.map(({ reason }) => reason).join(" ")}`);
}

// src/cleanup.ts
var job = new Job();
await job.run(async () => {
  job.mask(secretsToMask(job.env));
  const inputs2 = await readCleanupInputs(job.env, job.event);
  await reportCleanup(await cleanUpRegistries(inputs2, await prepareCleanup(job, inputs2)));
});
