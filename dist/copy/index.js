import { createRequire as __cr } from 'node:module'; import { fileURLToPath as __fu } from 'node:url'; import { dirname as __dn } from 'node:path'; const require = __cr(import.meta.url); const __filename = __fu(import.meta.url); const __dirname = __dn(__filename);
import {
  wordingOf
} from "./chunk-O72HTLTZ.js";
import "./chunk-Q5G6JPED.js";
import {
  runsForCommandLine
} from "./chunk-D5WJF5XN.js";
import "./chunk-WB574WTD.js";
import "./chunk-LUPX4NBI.js";
import {
  RunDir
} from "./chunk-XLDVS5SE.js";
import {
  exec,
  withholdVariables
} from "./chunk-WBB3IW3Z.js";
import {
  Diagnostics,
  boolean,
  choice,
  failFor,
  parseTable,
  passes
} from "./chunk-6BBOLIXA.js";
import {
  isTrue,
  parseBoolean,
  restorePem
} from "./chunk-PFJ2SYN4.js";
import {
  defaultApiUrl,
  detectPlatform,
  isForgejoRunner,
  passesParentInputs
} from "./chunk-BPKKR3LI.js";
import "./chunk-3NAHNUTQ.js";
import {
  ecrRegion,
  isEcr,
  isHubOidc
} from "./chunk-RGCVH7VI.js";
import {
  credentialHelper,
  dockerConfigFile,
  dockerConfigKey,
  loadJobDockerConfig,
  storedCredentials
} from "./chunk-OG3KWJ45.js";
import {
  readSource,
  storeImage
} from "./chunk-KAISPOLY.js";
import {
  createClientFactory,
  sourceError
} from "./chunk-XQ2KXIB5.js";
import {
  cancelledBeforeTags,
  isFixedTag,
  updateAllTags
} from "./chunk-56OEYOCE.js";
import "./chunk-MSIMGN27.js";
import {
  parsePlatforms
} from "./chunk-MMCOIGEM.js";
import {
  formatImageReference,
  formatRepository,
  formatTagReference,
  isSameRepository,
  parseImageReference
} from "./chunk-Z67TJYGW.js";
import {
  getAttribute,
  splitList
} from "./chunk-PMBDGWWW.js";
import {
  RegistryError,
  allowManyListeners,
  createGithubRequest,
  createPlatformRequest,
  createRunStatusFetcher,
  mapConcurrent
} from "./chunk-UZE4S4VP.js";
import {
  createRawFetch
} from "./chunk-3JLVMQAG.js";
import "./chunk-WYWHX3I2.js";
import {
  annotatedRun,
  ownershipAnnotation,
  repositoryScope
} from "./chunk-BVY53L6M.js";
import {
  logWait,
  sleep,
  withAbort
} from "./chunk-NRQ7GBVI.js";
import "./chunk-BOMW6JSG.js";
import {
  InputError,
  didYouMean,
  shorten
} from "./chunk-QJ7EZ3IZ.js";
import {
  createFetch
} from "./chunk-TZBAXGW5.js";
import {
  UserError,
  UserErrors,
  errorMessage,
  formatError
} from "./chunk-Q6VVJFLU.js";
import {
  readRegularFile,
  removeDir,
  setPrivateUmask,
  specialKind
} from "./chunk-INCO74GJ.js";
import {
  asList,
  asRecord,
  asText,
  isRecord,
  tryParseJson
} from "./chunk-SGSZ2VWF.js";
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
  const names2 = posix.relative(base, path).split("/");
  const targets = names2.map((_, index) => posix.join(base, ...names2.slice(0, index + 1))).map((link) => ({ link, target: resolveLinks(link, read) }));
  const leaving = targets.find(({ target }) => target === void 0 || !isWithin(target, root));
  if (leaving !== void 0 || isInGit(names2)) return leaving;
  const inGit = targets.find(({ target = "" }) => isInGit(posix.relative(root, target).split("/")));
  return inGit && { ...inGit, isGit: true };
}
function isInGit(names2) {
  return names2.includes(".git");
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
  const list = { input, expected: `is not a YAML list of logins: ${form}` };
  const entries = await parseYamlList(text(input), list, ({ expected }) => report({ input, expected })) ?? [];
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
function quoted(names2) {
  return names2.map((name) => `\`${name}\``).join(" and ");
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
  github: async () => (await import("./chunk-FXDCXXD2.js")).githubBackend,
  forgejo: async () => (await import("./chunk-3KXGDAOG.js")).forgejoBackend,
  gitea: async () => (await import("./chunk-3KXGDAOG.js")).forgejoBackend,
  oci: async () => (await import("./chunk-V5ETMHFV.js")).ociBackend
};
var choices = ["auto", ...Object.keys(backends)];
var packagesChoices = Object.fromEntries(
  choices.map((name) => [name, name])
);

// src/inputs/shared-inputs.ts
var sharedRows = {
  /** Report the plan, change nothing. */
  dryRun: ["dry-run", boolean()],
  packagesApi: ["packages-api", choice(packagesChoices, "auto")]
};
var cleanupModes = { auto: "auto", always: "always", never: "never", true: "auto", false: "never" };
var cleanupRow = ["cleanup", choice(cleanupModes, "auto")];
var signInputs = ["sign", "sign-key", "sign-password", "sign-config", "sign-root", "sign-log", "cosign-release"];
async function parseSign(source, run) {
  const isGiven = signInputs.some((name) => !/^(?:false)?$/i.test(source.text(name)));
  return isGiven ? (await import("./chunk-4YOLPW7J.js")).parseSignInputs(source, run) : void 0;
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

// src/inputs/telemetry.ts
var defaultTimeout = 1e4;
var generalEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
var endpointForm = "is not an http or https URL without a password, such as `https://collector.example.com:4318`";
var grpcProtocol = "since OTEL_EXPORTER_OTLP_PROTOCOL is `grpc` and this action uses HTTP: set `otlp-endpoint`, usually port 4318";
function parseTelemetry(source) {
  const { env } = source;
  const resource = { "service.name": "multiarch-build", ...parsePairs(env["OTEL_RESOURCE_ATTRIBUTES"]) };
  const name = env["OTEL_SERVICE_NAME"] ?? "";
  const parent = parseTraceparent(env["TRACEPARENT"] ?? "");
  const traces = isSampled(env) ? parseSignal("traces", source) : void 0;
  const metrics = parseSignal("metrics", source);
  return {
    ...traces && { traces },
    ...metrics && { metrics },
    resource: name === "" ? resource : { ...resource, "service.name": name },
    ...parent && { parent },
    traceState: parent ? env["TRACESTATE"] ?? "" : ""
  };
}
function telemetrySecrets(env) {
  const headers = ["", "TRACES_", "METRICS_"].map((signal) => env[`OTEL_EXPORTER_OTLP_${signal}HEADERS`] ?? "");
  const values = headers.flatMap((text) => [...text.split(",").map(valueOf), ...Object.values(parsePairs(text))]);
  return values.flatMap((value) => [value, value.replace(/^(?:Bearer|Basic|Api-Token|Token)(?: |%20)/i, "")]);
}
var valueOf = (pair) => pair.slice(pair.indexOf("=") + 1).trim();
function isSampled(env) {
  const isRecorded = !/^[0-9a-f]{2}-.*-[0-9a-f][02468ace]$/.test(env["TRACEPARENT"] ?? "");
  const samplers = {
    always_on: true,
    always_off: false,
    parentbased_always_on: isRecorded,
    parentbased_always_off: isRecorded && env["TRACEPARENT"] !== void 0
  };
  return samplers[env["OTEL_TRACES_SAMPLER"] ?? ""] ?? isRecorded;
}
function parseSignal(signal, source) {
  const { env } = source;
  const variable = (name) => firstGiven(env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${name}`], env[`OTEL_EXPORTER_OTLP_${name}`]);
  const exporters = splitList(env[`OTEL_${signal.toUpperCase()}_EXPORTER`] ?? "");
  const isOff = env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true";
  const url = parseEndpoint(signal, source, variable("PROTOCOL"));
  if (url === "" || isOff || exporters.length > 0 && !exporters.includes("otlp")) return void 0;
  const timeout = Number(variable("TIMEOUT") || defaultTimeout);
  return {
    url,
    headers: Object.fromEntries(Object.entries(parsePairs(variable("HEADERS"))).filter(isHeader)),
    timeout: timeout > 0 ? timeout : defaultTimeout,
    gzip: variable("COMPRESSION") === "gzip",
    certificate: variable("CERTIFICATE")
  };
}
function firstGiven(...texts) {
  return texts.find((text) => text !== void 0 && text !== "") ?? "";
}
function parseEndpoint(signal, { env, text, report, warn }, protocol) {
  const given = text("otlp-endpoint");
  const own = `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`;
  if (given !== "" && !isEndpoint(given)) failFor(report, "otlp-endpoint", withoutPassword(given))(endpointForm);
  const endpoints = { [own]: env[own], "otlp-endpoint": given, [generalEndpoint]: env[generalEndpoint] };
  const [name, endpoint = ""] = Object.entries(endpoints).find(([, url]) => firstGiven(url) !== "") ?? [];
  if (name === void 0) return "";
  const problem = name === "otlp-endpoint" ? void 0 : findProblem(endpoint, protocol);
  if (problem !== void 0) warn(`No ${signal} are sent to ${name}, ${problem}.`);
  if (problem !== void 0 || !isEndpoint(endpoint)) return "";
  return name === own ? endpoint : withPath(endpoint, `v1/${signal}`);
}
function findProblem(endpoint, protocol) {
  if (protocol === "grpc") return grpcProtocol;
  return isEndpoint(endpoint) ? void 0 : `since it ${endpointForm}`;
}
function withPath(endpoint, path) {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/${path}`;
  return url.href;
}
function isEndpoint(text) {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && username === "" && password === "";
}
function withoutPassword(text) {
  return shorten(text.replace(/\/\/[^/@]*@/, "//***@"));
}
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
function isHeader([name, value]) {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}
function parseTraceparent(text) {
  const [, traceId = "", spanId = ""] = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?$/.exec(text) ?? [];
  return /[1-9a-f]/.test(traceId) && /[1-9a-f]/.test(spanId) ? { traceId, spanId } : void 0;
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

// src/inputs/copy-inputs.ts
var rows = {
  /** Empty for all. */
  platforms: ["platforms", parsePlatformList],
  referrers: ["referrers", boolean(true)],
  existing: ["existing", choice({ update: "update", keep: "keep", fail: "fail" }, "update")],
  dryRun: ["dry-run", boolean()]
};
async function readCopyInputs(env, event, files = hostFiles) {
  const diagnostics = new Diagnostics();
  const source = createSource({ env, event, files, diagnostics });
  checkNames(source, copyInputs);
  const from = parseFrom(source);
  const to = parseTo(source, from);
  const values = parseTable(rows, source);
  const isSubset = values.platforms.length > 0;
  for (const reference of to)
    passes(failFor(source.report, "to"), formatTagReference(reference), [
      [!isSubset && isSame(reference, from), "is the image of `from`: write another repository or another tag"]
    ]);
  const sign = await parseSign(source, { push: true, partial: false, trust: "trusted" });
  const registries = await parseRegistries(source);
  parseTelemetry(source);
  const logins = await parseLogins(source, { images: to, sources: from ? [from] : [], push: true });
  diagnostics.throwIssues();
  const found = from ?? { registry: "", path: "" };
  return { ...values, sign, from: found, to, logins, registries, warnings: diagnostics.warnings };
}
function parsePlatformList(...[text, , { name, report }]) {
  return parsePlatforms(name, splitList(text), report);
}
var fromForm = "write `ghcr.io/acme/app:1.2` or `ghcr.io/acme/app@sha256:\u2026`";
function parseFrom({ text, report }) {
  const given = text("from");
  const fail = failFor(report, "from", given);
  if (!passes(failFor(report, "from"), void 0, [[given === "", `is empty: ${fromForm}`]])) return void 0;
  const reference = parseReference(given, fail);
  const isIncomplete = reference && reference.tag === void 0 && reference.digest === void 0;
  return passes(fail, given, [[isIncomplete === true, `has neither a tag nor a digest: ${fromForm}`]]) ? reference : void 0;
}
function parseTo({ text, report }, from) {
  const fail = failFor(report, "to");
  const entries = splitList(text("to"));
  passes(fail, void 0, [[entries.length === 0, "is empty: write the repositories to copy to, one per line"]]);
  const references = entries.flatMap((entry) => {
    const reference = parseReference(entry, (expected) => fail(expected, entry));
    if (!reference) return [];
    const { digest, tag = from?.tag, ...repository } = reference;
    const isValid = passes(fail, entry, [
      [digest !== void 0, "has a digest, and only a tag can be updated: write `quay.io/acme/app:1.2`"],
      [tag === void 0 && from !== void 0, "has no tag, and `from` has none: write `quay.io/acme/app:1.2`"]
    ]);
    return isValid && tag !== void 0 ? [{ ...repository, tag }] : [];
  });
  return [...new Map(references.map((reference) => [formatTagReference(reference), reference])).values()];
}
function parseReference(text, reject) {
  const [, name = "", rest = ""] = /^(.*?)((?::[^/:@]*)?(?:@.*)?)$/s.exec(text) ?? [];
  return parseImageReference(`${name.toLowerCase()}${rest}`, reject);
}
function isSame(to, from) {
  return from !== void 0 && isSameRepository(to, from) && to.tag === from.tag;
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
var appendToEach = (names2, suffix) => names2.split(";").map((name) => appendSuffix(name, suffix)).join(";");
var whole = (value) => [value];
var nameByRepository = (repository) => ["buildkit", ...repository.split("/")].filter((part) => part !== "").join("-");
function lowerCaseName(ref) {
  const [, name = "", rest = ""] = /^(.*?)((?::[^/:@]*)?(?:@.*)?)$/.exec(ref) ?? [];
  return `${name.toLowerCase()}${rest}`;
}
function missing(names2, example) {
  return (attributes) => names2.map((name) => [(getAttribute(attributes, name) ?? "") === "", `has no \`${name}\`: write \`${example}\``]);
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
var names = {
  inputs: "The login is that of `username` and `password`, or of `registry-auth`",
  token: "The login is the job token (`github-token`)",
  job: "The login is the job\u2019s own Docker login, from an earlier step or from the runner"
};
var denied = {
  inputs: "give this account permission to push to the repository, or use another login.",
  token: "set `permissions: packages: write` for the job, and give this repository the Write role in the settings of the package.",
  job: "give this account permission to push to the repository, or set `username` and `password`."
};
var rejected = {
  inputs: "the password is wrong or has expired. Create a new one and update the secret.",
  token: "the registry does not accept it. Set `username` and `password`.",
  job: "the password is wrong or has expired. Log in again, or set `username` and `password`."
};
var noLogin = "The job has no login at this registry: set `username` and `password`, or log in in an earlier step. On GHCR, keep the default of `github-token` and set `permissions: packages: write`.";
function pushLoginHint(origin, isRejected2) {
  return origin === void 0 ? noLogin : `${names[origin]}: ${(isRejected2 ? rejected : denied)[origin]}`;
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
    function rejected2(value) {
      try {
        step(generator["throw"](value));
      } catch (e) {
        reject(e);
      }
    }
    function step(result) {
      result.done ? resolve2(result.value) : adopt(result.value).then(fulfilled, rejected2);
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
  const names2 = /(\bwrite )?`([a-z-]+)(?:: ([^`]+))?`/g;
  return line.replace(names2, (whole2, write, name, value) => {
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

// src/job/logins.ts
async function resolveLogins(job2, options) {
  const { logins, images, required = images, sources: sources2 = [], push, hosts } = options;
  const { env, log } = job2;
  const dockerConfig = loadJobDockerConfig(env, log.warn);
  const registries = createRegistryAccess([], dockerConfig, hosts);
  const isMirror = (host) => images.some(({ registry }) => registry === host) && !required.some(({ registry }) => registry === host);
  const exchanged = await logWait("logins", exchangeKeys(job2, logins, { isMirror, fetch: registries.fetch }), log.info);
  const kept = await dropTokenIfJobHasLogin(exchanged, { images, push, registries, log });
  const onlyRead = sources2.filter((source) => !images.some(({ registry }) => registry === source.registry));
  const resolved = await dropTokenIfJobHasLogin(kept, { images: onlyRead, push: false, registries, log });
  const lines = resolved.flatMap(({ password }) => password.split(/[\r\n]+/)).map((line) => line.trim());
  job2.mask(lines.filter((line) => line.length > 3));
  return { logins: resolved, registries: createRegistryAccess(resolved, dockerConfig, hosts), dockerConfig };
}
async function exchangeKeys({ env, log }, logins, { isMirror, fetch }) {
  const access2 = { env, fetch };
  const exchange = async (some) => {
    if (!some.some(({ ecr = false, hubOidc = false }) => ecr || hubOidc)) return some;
    const { exchangeHubTokens } = await import("./chunk-OXAF7DPE.js");
    const { exchangeEcrKeys } = await import("./chunk-TWFX6NIT.js");
    return await exchangeEcrKeys(await exchangeHubTokens(some, access2), access2);
  };
  const required = exchange(logins.filter(({ registry }) => !isMirror(registry)));
  const optional = logins.filter(({ registry }) => isMirror(registry)).map(async (login) => {
    return await exchange([login]).catch((error2) => {
      log.warn(`No login at ${login.registry}, which has only mirrors: ${errorMessage(error2)}`);
      return [];
    });
  });
  return [...await required, ...(await Promise.all(optional)).flat()];
}

// src/job/signing.ts
import { mkdirSync } from "node:fs";
function signing(job2, { sign, dir, ...access2 }) {
  return async () => {
    if (!sign) return void 0;
    const { createSigner } = await import("./chunk-VLQL6MFL.js");
    mkdirSync(dir, { mode: 448 });
    const { env, log, signal, event } = job2;
    const mask = (secrets) => job2.mask(secrets);
    return await createSigner({ ...access2, settings: sign, dir, env, log, signal, serverUrl: event.serverUrl, mask });
  };
}

// src/job/copy-step.ts
async function prepareCopy(job2, inputs2, record2) {
  const { log, signal } = job2;
  const { logins, from, to, sign } = inputs2;
  inputs2.warnings.forEach((warning2) => log.warn(warning2));
  const hosts = inputs2.registries;
  const { registries } = await resolveLogins(job2, { logins, images: to, sources: [from], push: true, hosts });
  const dir = RunDir.choose(job2.env["RUNNER_TEMP"]).path;
  const prepareSigning = signing(job2, { sign, dir, registries, hosts });
  return { ports: { registries, log, signal, record: record2, prepareSigning }, dir };
}

// src/forge/event.ts
import { existsSync as existsSync4, mkdirSync as mkdirSync2, mkdtempSync, readFileSync } from "node:fs";
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
  constructor(errors, record2) {
    super(errors);
    this.name = "BuildErrors";
    this.record = record2;
  }
};

// src/job/report.ts
var reports = {
  merge: () => [import("./chunk-45ZFXOKO.js"), import("./chunk-PFDH3MEV.js"), import("./chunk-QFONFJB6.js")],
  copy: () => [import("./chunk-DWG4M3FN.js"), import("./chunk-QFONFJB6.js")]
};
function preloadReport(step) {
  for (const module of reports[step]()) module.catch(() => void 0);
}
async function reportDryRun({ report, problems: problems2 }) {
  const { renderDryRun, renderDryRunSummary } = await import("./chunk-MF63N6Q6.js");
  renderDryRun(report).forEach((line) => runnerLog.line(forReader(line)));
  await writeSummary(renderDryRunSummary(report));
  if (problems2.length > 0) throw new UserErrors(problems2);
}
async function reportCopy(result, took) {
  const { renderCopyLines, renderCopyOutputs, renderCopySummary } = await import("./chunk-DWG4M3FN.js");
  setOutputs(renderCopyOutputs(result));
  renderCopyLines(result, took).forEach((line) => runnerLog.line(line));
  await writeSummary(renderCopySummary(result, took));
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
  const { renderErrorSummary, renderFailedSummary } = await import("./chunk-QFONFJB6.js");
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
  const { limitSummary, maskSecrets } = await import("./chunk-QFONFJB6.js");
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

// src/job/telemetry.ts
function isOn({ traces, metrics }) {
  return traces !== void 0 || metrics !== void 0;
}
async function withTelemetry(job2, measured, work) {
  let failure;
  try {
    await work();
  } catch (error2) {
    failure = error2 ?? new Error("unknown");
    throw error2;
  } finally {
    await send(job2, measured, failure).catch((error2) => job2.log.debug(`No telemetry: ${String(error2)}`));
  }
}
async function send(job2, { action, record: record2 }, failure) {
  const { env, event, log, signal } = job2;
  const ignore2 = () => void 0;
  const text = (name) => (env[variableOf(name)] ?? "").trim();
  const settings = parseTelemetry({ env, text, report: ignore2, warn: ignore2 });
  if (record2.isDry || !isOn(settings)) return;
  const { createRoot, describeEnd, sendTelemetry } = await import("./chunk-GRKR4VY3.js");
  const [, traceId, spanId] = (record2.traceparent ?? "").split("-");
  const root = traceId !== void 0 && spanId !== void 0 ? { traceId, spanId } : createRoot(settings, event);
  const run = {
    action,
    record: record2,
    event,
    pipeline: env["GITHUB_WORKFLOW"] ?? "",
    job: env["GITHUB_JOB"] ?? "",
    id: `${event.runId}-${event.runAttempt}-${root.spanId}`,
    end: describeEnd(failure, signal.aborted),
    now: Date.now()
  };
  const warnings = await sendTelemetry({ settings, run, root, env });
  warnings.forEach((warning2) => log.warn(warning2));
}

// src/report/run-record.ts
var RunRecord = class {
  /** Milliseconds since the epoch. */
  began;
  phases = [];
  /** Every node of the list, available or not. */
  outcomes = [];
  /** Everything that was planned, in the order of the inputs. */
  targets = [];
  groups = [];
  published = [];
  /** Bytes that a copy uploaded; undefined for other actions. */
  uploaded;
  /** Nodes that were lost while they built. */
  lost = [];
  /** Undefined if it is not known. */
  previous;
  /** The span of this run, as in the variable TRACEPARENT; undefined if it is not traced. */
  traceparent;
  /** A dry run is not measured. */
  isDry = false;
  constructor(began2 = performance.timeOrigin) {
    this.began = began2;
  }
  /** Records when a phase started and ended, with any result. */
  async time(phase, work) {
    const start = Date.now();
    try {
      return await work();
    } finally {
      this.phases.push({ phase, start, end: Date.now() });
    }
  }
};

// src/publish/copy/temporary.ts
function describeTemporary(root, to) {
  const document = asRecord(tryParseJson(new TextDecoder().decode(root.bytes)));
  const run = annotatedRun(asText(asRecord(document["annotations"])[ownershipAnnotation]));
  if (run === void 0) return [];
  const kept = new Set(to.filter(({ tag }) => isFixedTag(tag)).map(formatRepository));
  const tags = to.filter((reference) => !kept.has(formatRepository(reference))).map(({ tag }) => `\`${tag}\``);
  if (tags.length === 0) return [];
  const names2 = [...new Set(tags)].join(", ");
  return [
    `The image is a temporary one of the run ${run}: when ${names2} names another image, a cleanup deletes this one. To keep it, add a tag with the version or the commit to \`to\`, such as \`stable-0123abc\`.`
  ];
}

// src/publish/copy/tags.ts
async function readTags(to, createClient) {
  return await mapConcurrent(to, async (reference) => {
    const client = await createClient(reference);
    return { reference, client, before: await client.headManifest(reference.path, reference.tag) };
  });
}
function planTags(current, digest, existing) {
  const tags = current.map((tag) => ({ ...tag, state: stateOf(tag.before, digest, existing) }));
  const conflicts = tags.filter(({ state }) => state === "updated");
  if (existing === "fail" && conflicts.length > 0) throw existingTags(conflicts);
  return tags;
}
function stateOf(before, digest, existing) {
  if (before === void 0) return "created";
  if (before === digest) return "unchanged";
  return existing === "keep" ? "kept" : "updated";
}
function existingTags(conflicts) {
  const count = conflicts.length === 1 ? "A tag of `to` exists" : `${conflicts.length} tags of \`to\` exist`;
  return new UserError({
    code: "registry",
    message: `${count} with a different image, and \`existing\` is \`fail\``,
    hint: "Nothing was copied. Use new tags, or set `existing` to `update` or `keep`.",
    details: conflicts.map(({ reference, before }) => `${formatTagReference(reference)}: ${before ?? ""}`)
  });
}

// src/publish/push-access.ts
var otherHint = "Check the name in `image`; if it is correct, check the registry\u2019s status.";
var connectionHints = [
  [
    /CERT|SELF_SIGNED|UNABLE_TO/i,
    'Set the certificate authority of the registry: `registries: "{host}: {ca: /path/to/ca.pem}"`.'
  ],
  [/EPROTO|SSL/i, 'If the registry has no TLS, set `registries: "{host}: {http: true}"`.'],
  [/ENOTFOUND|EAI_AGAIN/, "The name of {host} cannot be resolved: check `image`."],
  [/ECONNREFUSED/, "Nothing listens at {host}: check `image` and its port."]
];
function accessHint(error2) {
  if (!(error2 instanceof RegistryError)) return otherHint;
  const { code = "", host } = error2;
  const [, hint2 = otherHint] = connectionHints.find(([pattern]) => pattern.test(code)) ?? [];
  return hint2.replaceAll("{host}", host);
}
async function checkPushAccess(repository, createClient, { missingHelper, asksForVerification = false }) {
  try {
    const check = await (await createClient(repository)).checkPush(repository.path, asksForVerification);
    return { denied: false, ...check };
  } catch (error2) {
    const failure = pushFailure(error2, repository, missingHelper);
    return { denied: isRefusal(error2), failure, verifies: Promise.resolve(false), ended: Promise.resolve() };
  }
}
function isRefusal(error2) {
  return error2 instanceof RegistryError && ["denied", "unauthorized"].includes(error2.kind);
}
function pushFailure(error2, repository, missingHelper) {
  const refused = isRefusal(error2) ? error2 : void 0;
  const helper = refused && !refused.origin ? missingHelper?.(repository.registry) : void 0;
  return new UserError({
    code: "registry",
    message: helper ? `${helper.command} is not installed: no login at ${repository.registry}` : `Nothing can be pushed to ${formatRepository(repository)}`,
    hint: helper?.text ?? (refused ? pushLoginHint(refused.origin, refused.kind === "unauthorized") : accessHint(error2)),
    details: [errorMessage(error2)],
    cause: error2
  });
}

// src/stories/problems.ts
var Problems = class {
  #errors = [];
  /** Adds the failure of a step and returns undefined. @throws any error that is not a known failure: it is a bug */
  async collect(work) {
    return await work.catch((error2) => {
      if (error2 instanceof UserErrors) this.#errors.push(...error2.errors);
      else if (error2 instanceof UserError) this.#errors.push(error2);
      else throw error2;
    });
  }
  add(errors) {
    this.#errors.push(...errors);
  }
  get all() {
    return this.#errors;
  }
  /** For the report. */
  get headlines() {
    return this.#errors.map((error2) => formatError(error2).headline);
  }
};

// src/stories/copy.ts
async function copyImage(inputs2, ports) {
  const { registries, log, signal, record: record2 } = ports;
  const stop = new AbortController();
  const cancel = () => stop.abort(signal.reason);
  signal.addEventListener("abort", cancel, { once: true });
  const progress = { isTagUpdated: false };
  let ended = [];
  try {
    signal.throwIfAborted();
    const planning = () => Promise.all([planCopy(inputs2, registries, stop.signal), ports.prepareSigning()]);
    const [plan, sign] = await record2.time("plan", planning);
    const { image, tags, checks } = plan;
    ended = [...checks.values()].map((check) => check.ended);
    const notes = describeImage(inputs2, image);
    notes.forEach((note) => log.warn(note));
    const transfers = await record2.time("copy", () => storeEverywhere(plan, ports));
    record2.uploaded = [...transfers.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    const verification = await sign?.(copiesOf(image, tags));
    signal.throwIfAborted();
    signal.removeEventListener("abort", cancel);
    await record2.time("publish", () => updateTags(image, tags, () => progress.isTagUpdated = true));
    return describeCopy(inputs2, image, { tags, transfers, notes, verification });
  } catch (error2) {
    throw signal.aborted && !progress.isTagUpdated ? cancelledBeforeTags(cancelHint, error2) : error2;
  } finally {
    await Promise.all(ended);
    stop.abort();
  }
}
async function planCopyOnly(inputs2, { registries, signal, prepareSigning }) {
  const problems2 = new Problems();
  const [{ notes, tags } = { notes: [], tags: [] }] = await Promise.all([
    problems2.collect(describePlan(inputs2, registries, signal)),
    problems2.collect(prepareSigning())
  ]);
  const kept = tags.filter(({ state }) => state === "kept");
  const report = {
    nodes: [],
    targets: [],
    tags: tags.map(({ reference, before = "" }) => ({ tag: formatTagReference(reference), now: before })),
    permissions: tags.map(({ reference }) => `may push to ${formatRepository(reference)}`),
    post: [],
    warnings: [
      ...inputs2.warnings,
      ...notes,
      ...kept.map(({ reference }) => `${formatTagReference(reference)} is kept`)
    ],
    problems: problems2.headlines
  };
  return { report, problems: problems2.all };
}
async function describePlan(inputs2, registries, signal) {
  const { image, tags, checks } = await planCopy(inputs2, registries, signal, { willCopy: false });
  await Promise.all([...checks.values()].map(({ ended }) => ended));
  return { notes: describeImage(inputs2, image), tags };
}
async function planCopy(inputs2, registries, signal, { willCopy } = { willCopy: true }) {
  const { from, to } = inputs2;
  const source = await createClientFactory(registries, signal, { willPush: false })(from);
  const createClient = createClientFactory(registries, signal);
  const isElsewhere = to.some(({ registry, path }) => registry !== from.registry || path !== from.path);
  const options = { ...inputs2, referrers: inputs2.referrers && isElsewhere };
  const current = readTags(to, createClient);
  current.catch(ignore);
  const [image, checks] = await Promise.all([
    readSource({ client: source, path: from.path }, from.digest ?? from.tag ?? "", options).catch((error2) => {
      throw explainSource(error2, formatImageReference(from));
    }),
    willCopy && startsWithMounts(inputs2) ? noChecks : checkAccess(inputs2, createClient, registries, ({ registry }) => willCopy && registry !== from.registry)
  ]);
  const tags = await current.catch((error2) => {
    throw to[0] && checks.size === 0 ? explainPush(error2, to[0], registries) : error2;
  });
  return { image, tags: planTags(tags, image.root.digest, inputs2.existing), checks };
}
var noChecks = /* @__PURE__ */ new Map();
function startsWithMounts({ from, to }) {
  return to.every(({ registry, path }) => registry === from.registry && path !== from.path && path === to[0]?.path);
}
async function checkAccess({ to }, createClient, registries, getsContent) {
  const repositories = [...new Map(to.map((reference) => [formatRepository(reference), reference])).values()];
  const checks = await mapConcurrent(repositories, async (repository) => {
    const options = { ...registries, asksForVerification: getsContent(repository) };
    const check = await checkPushAccess(repository, createClient, options);
    return [formatRepository(repository), check];
  });
  for (const [, { failure }] of checks) if (failure) throw failure;
  return new Map(checks);
}
function explainSource(error2, from) {
  if (!(error2 instanceof RegistryError)) return error2;
  const isMissing = error2.kind === "not-found";
  const login = "Nothing was copied. Check `from`, and that a login in `registry-auth` has permission to read it.";
  const hint2 = isMissing || error2.kind === "denied" || error2.kind === "unauthorized" ? login : void 0;
  return new UserError({
    ...sourceErrorOptions(`${from} cannot be read`, hint2),
    details: [error2.message],
    cause: error2
  });
}
function sourceErrorOptions(message, hint2) {
  const { code, hint: usual } = sourceError(message);
  return { code, message, hint: hint2 ?? usual };
}
function describeImage({ platforms, to }, { root, tree, sourceDigest }) {
  const subset = `Only ${platforms.join(", ")}: the digest is ${root.digest} instead of ${sourceDigest}.`;
  const signatures = "Signatures of the whole image do not apply to it.";
  const foreign = `${tree.foreign} layers are not in the registry, but at a URL in the image: they stay there.`;
  return [
    ...root.digest === sourceDigest ? [] : [`${subset} ${signatures}`],
    ...tree.foreign === 0 ? [] : [foreign],
    ...describeTemporary(root, to)
  ];
}
async function storeEverywhere({ image, tags, checks }, { log, registries }) {
  const transfers = /* @__PURE__ */ new Map();
  for (const { reference, client, state } of tags) {
    const name = formatRepository(reference);
    if (state === "kept" || transfers.has(name)) continue;
    log.info(`Copying ${image.root.digest} to ${name}`);
    const transfer = await storeImage(image, { client, path: reference.path, ...checks.get(name) }).catch(
      (error2) => {
        throw explainStore(checks.has(name) ? error2 : explainPush(error2, reference, registries), name);
      }
    );
    transfers.set(name, transfer);
  }
  return transfers;
}
function explainPush(error2, to, { missingHelper }) {
  return isRefusal(error2) ? pushFailure(error2, to, missingHelper) : error2;
}
function explainStore(error2, name) {
  if (!(error2 instanceof RegistryError)) return error2;
  return new UserError({
    code: "registry",
    message: `The image could not be copied to ${name}`,
    hint: "No tag was updated. Run the job again: what is in the repository already is not transferred again.",
    details: [error2.message],
    cause: error2
  });
}
async function updateTags({ root }, tags, onUpdate) {
  const pending = tags.filter(({ state }) => state === "created" || state === "updated");
  const destinations = pending.map(({ reference, client }) => ({
    variant: { tags: [reference] },
    repository: { registry: reference.registry, path: reference.path },
    client,
    index: root
  }));
  const context = { journal: { note: onUpdate }, log: { debug: ignore }, isEphemeral: () => false };
  await updateAllTags(destinations, context);
}
var ignore = () => void 0;
function copiesOf({ root }, tags) {
  const copied = tags.filter(({ state }) => state !== "kept");
  const images = copied.map(({ reference: { registry, path }, client }) => ({ repository: { registry, path }, client }));
  const byName = new Map(images.map((image) => [formatRepository(image.repository), image]));
  return [...byName.values()].map((image) => ({ ...image, digest: root.digest }));
}
function describeCopy({ from }, { root, sourceDigest, referrers }, done) {
  const listed = [...referrers.bySubject.values()].flat().length;
  const tags = done.tags.map(({ reference, state, before }) => {
    const transfer = done.transfers.get(formatRepository(reference));
    return { reference, state, before, ...transfer && state !== "kept" && { transfer } };
  });
  return {
    from: formatImageReference(from),
    digest: root.digest,
    sourceDigest,
    referrers: listed + referrers.tags.length,
    tags,
    notes: done.notes,
    ...done.verification && { verification: done.verification }
  };
}
var cancelHint = "Layers that were copied already are not transferred again by the next run.";

// src/copy.ts
var began = performance.now();
var job = new Job();
var record = new RunRecord();
var copy = async () => {
  job.mask(secretsToMask(job.env));
  const inputs2 = await readCopyInputs(job.env, job.event);
  record.isDry = inputs2.dryRun;
  const { ports, dir } = await withAbort(job.signal, prepareCopy(job, inputs2, record));
  try {
    if (inputs2.dryRun) await reportDryRun(await planCopyOnly(inputs2, ports));
    else {
      const copied = copyImage(inputs2, ports);
      preloadReport("copy");
      await reportCopy(await copied, performance.now() - began);
    }
  } finally {
    removeDir(dir);
  }
};
await job.run(() => withTelemetry(job, { action: "copy", record }, copy));
