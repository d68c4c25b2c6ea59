import { createRequire as __cr } from 'node:module'; import { fileURLToPath as __fu } from 'node:url'; import { dirname as __dn } from 'node:path'; const require = __cr(import.meta.url); const __filename = __fu(import.meta.url); const __dirname = __dn(__filename);
import {
  BuildErrors,
  exit,
  exportVariables,
  getInput,
  mainInputs,
  reportDryRun,
  reportFailure,
  runnerLog,
  saveState,
  setSecret
} from "./chunk-LFINWUCS.js";
import {
  createRunChecker
} from "./chunk-TUGUBYS4.js";
import {
  CacheChoice,
  PushAccessCheck,
  RunHistory,
  historyRef,
  packagesChoices,
  parseCache,
  parseFlavor,
  parseLogins,
  planTargets,
  requirePlatforms
} from "./chunk-FSDSSWAO.js";
import {
  canAddWorkerKeys,
  createNodePool,
  mapRegistryFiles,
  openNodes,
  registrySections,
  withWorkerKeys,
  withoutRegistries
} from "./chunk-D5GM7LHX.js";
import {
  formatBusyNodes,
  formatNode,
  nodeWarnings
} from "./chunk-CEFZUYEY.js";
import "./chunk-LZ7QRZHN.js";
import {
  withoutRepeats
} from "./chunk-YFGHYTEP.js";
import {
  describeFork,
  oldestBuildx,
  parseImageTests,
  withTestCommand
} from "./chunk-6IPSQQEU.js";
import {
  defaultTags,
  ephemeralTag,
  isEphemeral,
  longestTag,
  sanitiseTag,
  saveRegistryHosts
} from "./chunk-SHLB34FS.js";
import {
  findStepLogin,
  originOf
} from "./chunk-F3ZAJK3G.js";
import {
  exportDest,
  exportPart,
  findLeavingLink,
  gitToken,
  isArchive,
  isGitOverSsh,
  isWithin,
  leavingMessage,
  parseBuildContexts,
  parseContext,
  parseDockerfile,
  parseOutputs,
  parseSecrets,
  readLink,
  specialMessage
} from "./chunk-EXYBIVMV.js";
import {
  boolean,
  checkedText,
  choice,
  list,
  parseTable
} from "./chunk-AVFF4BCJ.js";
import "./chunk-TQ6DSXWL.js";
import {
  limitGarbage
} from "./chunk-ELTQF4P4.js";
import "./chunk-XBCUOX5T.js";
import {
  parsePep440,
  parseSemver
} from "./chunk-D567ZSHM.js";
import {
  createClientFactory
} from "./chunk-AXXNWSZP.js";
import {
  checkBuildx,
  findBuildx,
  findVersion,
  newest,
  oldest,
  runEnv
} from "./chunk-MIV4FRHB.js";
import {
  isOlder
} from "./chunk-XESH3RDN.js";
import "./chunk-T7WRZO6S.js";
import {
  removeSecrets
} from "./chunk-FPI7GYW3.js";
import {
  cacheSecrets,
  parseCacheSpec,
  parseCacheSpecs,
  parseTyped,
  typeOf
} from "./chunk-VNEVTKJT.js";
import {
  cacheBackends,
  cacheEnvSecrets,
  cacheErrorPattern
} from "./chunk-RHG4V4CF.js";
import {
  checkDriverOpts,
  isTlsOption,
  optionsFor,
  parseBuildkitdFlags,
  parseDriverOpts,
  tlsNames
} from "./chunk-7OOHAZ5Y.js";
import {
  fieldOf,
  listField,
  parseFields,
  parseYamlKeys,
  parseYamlList,
  parseYamlMap
} from "./chunk-NPIBALLJ.js";
import {
  matchesAny,
  matchesWildcard
} from "./chunk-MAX7S6BF.js";
import {
  Diagnostics,
  failConflicts,
  failEach,
  failFor,
  passes
} from "./chunk-2Q7PHMGJ.js";
import {
  defaultApiUrl,
  detectPlatform,
  passesParentInputs
} from "./chunk-BPKKR3LI.js";
import {
  allowManyListeners,
  createGithubRequest,
  createPlatformRequest,
  createRunStatusFetcher
} from "./chunk-LYOEXV3O.js";
import {
  createRawFetch
} from "./chunk-GVT4YPUD.js";
import {
  RegistryError
} from "./chunk-ZRQY36VE.js";
import {
  createFetch
} from "./chunk-HGCOWDSS.js";
import "./chunk-42KDH72K.js";
import {
  metadataVariables
} from "./chunk-PGQWOXRA.js";
import {
  expand,
  formatAnnotation,
  formatLevel,
  generateLabels,
  isOnly,
  normaliseEntries,
  overlayAnnotations,
  overlayLabels,
  parseAnnotationEntries,
  parseAnnotations,
  parseLevels
} from "./chunk-CDKPKZ2K.js";
import {
  formatEndpoint,
  hidePassword,
  parseEndpoint
} from "./chunk-WV32ZRIZ.js";
import {
  RunDir,
  driverOf,
  endpointDriver,
  sshTargetOf,
  startSharedForwarder
} from "./chunk-UOYFMUO5.js";
import "./chunk-4Q4TJHB3.js";
import {
  EngineClient
} from "./chunk-BFZ34EC6.js";
import {
  formatPemBlock,
  pemBlock,
  restoreLines,
  restorePem
} from "./chunk-5UZSLOQ6.js";
import {
  parsePlatform,
  parsePlatforms
} from "./chunk-X2DPYKDT.js";
import {
  contextHost
} from "./chunk-TNTS25SW.js";
import {
  isTrue,
  parseBoolean
} from "./chunk-2GPHZVZO.js";
import {
  createDockerConfig,
  credentialHelper,
  dockerConfigDir,
  dockerConfigFile,
  dockerConfigKey,
  loadJobDockerConfig,
  storedCredentials
} from "./chunk-P5CAASOL.js";
import {
  parseRecord,
  parseRecordInput,
  repeated,
  splitLines,
  splitList,
  splitRecords,
  unquote
} from "./chunk-X2PRX2AZ.js";
import {
  getAttribute,
  joinAttributes,
  parseAttributes,
  splitFields
} from "./chunk-HJEJ2W3L.js";
import {
  canonicalHost
} from "./chunk-3Q66ZB7X.js";
import {
  parseResourceName,
  repositoryScope,
  reservationVolume,
  resourcePrefix,
  runBuilderName
} from "./chunk-YZUHKMNZ.js";
import "./chunk-KES7WWPS.js";
import {
  exec,
  execTool,
  inheritedEnv,
  minimalEnv,
  withholdVariables
} from "./chunk-H4PHTIQB.js";
import {
  readRegularFile,
  removeDir,
  setPrivateUmask,
  specialKind,
  tryList,
  tryRead,
  writePrivate
} from "./chunk-CQLWHIIA.js";
import {
  wordingOf
} from "./chunk-O72HTLTZ.js";
import "./chunk-LCSQ3MRT.js";
import {
  logWait,
  sleep,
  withAbort,
  withTimeout
} from "./chunk-TWGDRSIL.js";
import {
  UserError,
  errorMessage
} from "./chunk-Q6VVJFLU.js";
import "./chunk-3NAHNUTQ.js";
import {
  notesOn
} from "./chunk-6ZBSUKW4.js";
import {
  measureTargets
} from "./chunk-CROL5UUZ.js";
import "./chunk-UBDCCMAS.js";
import "./chunk-T2G74G6X.js";
import "./chunk-MYU5ZK4W.js";
import {
  groupByNode,
  inDraftOrder,
  targetLabel,
  targetLabels
} from "./chunk-NS6XUNVE.js";
import {
  formatRepository,
  formatTagReference,
  isSameRepository,
  isTag,
  lowerCaseRepository,
  parseRepository,
  parseTagReference
} from "./chunk-AXQRWRS4.js";
import "./chunk-WWAFFPPM.js";
import {
  runsForCommandLine
} from "./chunk-D5WJF5XN.js";
import {
  didYouMean,
  shorten
} from "./chunk-QJ7EZ3IZ.js";
import "./chunk-LUPX4NBI.js";
import {
  asList,
  asRecord,
  asText,
  isRecord,
  tryParseJson
} from "./chunk-JOI66O5Z.js";
import "./chunk-5EFHKGRW.js";

// src/forge/event.ts
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

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
  const variable2 = (name2, byDefault = "") => env[`GITHUB_${name2}`] ?? env[`FORGEJO_${name2}`] ?? env[`GITEA_${name2}`] ?? byDefault;
  const payload = withRepository(readPayload(variable2("EVENT_PATH"), warn), repositoryDetails);
  const serverUrl = variable2("SERVER_URL", "https://github.com").replace(/\/+$/, "");
  const repository = variable2("REPOSITORY");
  const [name, ref, sha] = [variable2("EVENT_NAME"), variable2("REF"), variable2("SHA")];
  const [actor, isProtected] = [variable2("ACTOR"), variable2("REF_PROTECTED") === "true"];
  const trigger = { name, ref, repository, payload, isProtected, actor };
  const readOnly = readOnlyTrigger(trigger);
  return {
    serverUrl,
    apiUrl: variable2("API_URL", defaultApiUrl(serverUrl)),
    repository,
    runId: variable2("RUN_ID", "0"),
    runAttempt: Number(variable2("RUN_ATTEMPT", "1")),
    name,
    ref,
    trust: classifyTrust(trigger),
    ...readOnly && { readOnlyTrigger: readOnly },
    sha,
    actor,
    workspace: resolve(variable2("WORKSPACE", process.cwd())),
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
  } catch (error) {
    const file = path === "" ? "GITHUB_EVENT_PATH is not set" : `GITHUB_EVENT_PATH is ${path}`;
    warn(`Cannot read the event payload (${file}): ${errorMessage(error)}. ${leastTrusted}`);
    return void 0;
  }
}
var leastTrusted = "The run has the trust level `fork`, the lowest.";
var gitTimeout = 5e3;
async function withCommitDate(event, fetchDate = () => Promise.resolve(void 0)) {
  const { sha, headSha = "", workspace } = event;
  const dateOf = async (commit) => await readCommitDate(commit, workspace) ?? await fetchDate(commit);
  const commitDate = event.commitDate ?? (sha === "" ? void 0 : await dateOf(sha));
  const headCommitDate = headSha === "" ? void 0 : await dateOf(headSha);
  return { ...event, ...commitDate && { commitDate }, ...headCommitDate && { headCommitDate } };
}
async function readCommitDate(sha, workspace) {
  const objects = join(workspace, ".git/objects");
  if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(sha) || !existsSync(objects)) return void 0;
  const gitDir = createRepository(objects, sha.length === 64 ? "sha256" : "sha1");
  if (gitDir === void 0) return void 0;
  const env = { PATH: inheritedEnv()["PATH"], LC_ALL: "C", GIT_DIR: gitDir, ...isolatedGit };
  const { code, stdout } = await execTool("git", ["cat-file", "commit", sha], { env, deadline: gitTimeout });
  removeDir(gitDir);
  const [, seconds] = /^committer .* (\d+) [+-]\d{4}$/m.exec(code === 0 ? stdout : "") ?? [];
  return seconds === void 0 ? void 0 : new Date(Number(seconds) * 1e3);
}
var isolatedGit = {
  GIT_ALLOW_PROTOCOL: "none",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_NO_LAZY_FETCH: "1"
};
function createRepository(objects, format) {
  let dir;
  try {
    dir = mkdtempSync(join(tmpdir(), "mab-git-"));
    mkdirSync(join(dir, "refs"));
    mkdirSync(join(dir, "objects/info"), { recursive: true });
    writePrivate(join(dir, "HEAD"), "ref: refs/heads/none\n");
    writePrivate(join(dir, "config"), `[core]
repositoryformatversion = 1
[extensions]
objectFormat = ${format}
`);
    writePrivate(join(dir, "objects/info/alternates"), `${objects}
`);
    return dir;
  } catch {
    if (dir !== void 0) removeDir(dir);
    return void 0;
  }
}

// src/forge/event-details.ts
var detailsTimeout = 5e3;
function createEventDetails(request, { repository }, { signal, log }) {
  const [owner = "", repo = ""] = repository.split("/");
  const fetchData = async (route, parameters = {}) => {
    try {
      return (await withAbort(signal, request(route, { owner, repo, ...parameters }))).data;
    } catch (error) {
      log(`The API does not answer ${route}: ${String(error)}`);
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
async function withRepositoryDetails(event, env, { repository }) {
  return event.lacksRepository ? { ...readEvent(env, void 0, await repository()), now: event.now } : event;
}

// src/inputs/local-paths.ts
import { existsSync as existsSync2 } from "node:fs";
import { posix } from "node:path";
var hostFiles = { exists: existsSync2, read: readRegularFile, readLink, specialKind };
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
    return posix.resolve(this.workspace, text);
  }
  /**
   * The absolute path that the action or a build will read or write; an issue of the input that names it if a symbolic
   * link leads out of the workspace, or if what is there cannot be used.
   */
  use(text, input5, use = "read") {
    const path = this.absolute(text);
    this.#used.add(["file", "variants"].includes(input5) && this.isFile(path) ? posix.dirname(path) : path);
    const leaving = findLeavingLink(path, this.workspace, this.#files.readLink);
    if (leaving) failFor(this.#report, input5)(leavingMessage(leaving, this.workspace), text);
    else passes(failFor(this.#report, input5), text, this.#problems(path, use));
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
    return this.exists(posix.join(this.workspace, ".git")) ? "" : wordingOf("pathNotFound");
  }
};

// src/inputs/source.ts
function variableOf(input5) {
  return `INPUT_${input5.replaceAll(" ", "_").toUpperCase()}`;
}
function usesCommitDate(env) {
  return Object.entries(env).some(([name, text = ""]) => name.startsWith("INPUT_") && text.includes("commit_date"));
}

// src/inputs/secret-variables.ts
function secretVariablesOf(env) {
  return [...(env[variableOf("secret-envs")] ?? "").matchAll(/=\s*"?(\w+)/g)].map(([, name = ""]) => name);
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
      (error) => reportFailure(this.#cancel?.signal.aborted ? cancelled(error) : error, this.summary)
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

// src/buildx/install/provide.ts
async function provideBuildx(request, deps, atLeast = oldest) {
  const installed = request.kind === "any" ? await findBuildx() : void 0;
  if (installed && !isOlder(installed.version, atLeast)) return { buildx: installed };
  const version = await chooseVersion(request, deps);
  const digest = request.kind === "exact" ? request.digest : void 0;
  if (isOlder(version, atLeast))
    throw new UserError({
      code: "inputs",
      message: `version: buildx ${version} is too old: ${atLeast} or newer is needed`,
      hint: "Use a newer version, or remove `version` if the runner has buildx."
    });
  const found = await findVersion(version, digest);
  if (found) return { buildx: found };
  const { installBuildx } = await import("./chunk-SXPRDLC2.js");
  const { command, save } = await installBuildx({ version, digest }, deps);
  return { buildx: await checkBuildx(command, version), ...save && { save } };
}
async function chooseVersion(request, deps) {
  if (request.kind === "latest") return await latestVersion(deps);
  return request.kind === "exact" ? request.version : newest;
}
async function latestVersion(deps) {
  try {
    const { fetchLatestVersion } = await import("./chunk-OWXMWLIH.js");
    return await fetchLatestVersion(deps);
  } catch (error) {
    deps.signal.throwIfAborted();
    deps.log.warn(
      `Could not determine the latest buildx version, so ${newest} is used: ${errorMessage(error)}. Write \`version: v${newest}\` to avoid this request to api.github.com.`
    );
    return newest;
  }
}
async function findRequested({ buildx, install }, atLeast = oldest) {
  if (install) await requireBuildAlias();
  if (buildx.kind === "any") {
    const found = await findBuildx();
    return isOlder(found.version, atLeast) ? void 0 : found;
  }
  return buildx.kind === "exact" ? await findVersion(buildx.version, buildx.digest) : void 0;
}
var aliasHint = "Remove `install`; this action does not change Docker\u2019s configuration. If later steps build with docker, install Docker 23 or newer on the runner, where `docker build` uses buildx.";
var pluginHint = "Install its plugin (Docker: `docker-buildx-plugin`; Debian and Ubuntu: `docker-buildx`), or remove `install`.";
async function requireBuildAlias() {
  const { stdout } = await execTool("docker", ["version", "--format", "{{.Client.Version}}"]);
  const version = stdout.trim();
  if (version === "") throw inputError("install: this runner has no `docker`", aliasHint);
  if (isOlder(version, "23.0.0"))
    throw inputError(`install: \`docker build\` of Docker ${version} does not use buildx`, aliasHint);
  const { code } = await execTool("docker", ["buildx", "version"]);
  if (code !== 0) throw inputError("install: the buildx plugin of `docker` is not installed on this runner", pluginHint);
}
function inputError(message2, hint2) {
  return new UserError({ code: "inputs", message: message2, hint: hint2 });
}

// src/inputs/aliases.ts
var aliases = [
  ["buildkitd-config", "buildkitd-config-inline", readConfigFile],
  ["keep-state", "keep-builder", parseKeepState],
  // docker/login-action
  ["logout", "login", parseLogout]
];
async function parseAliases(source) {
  const texts = /* @__PURE__ */ new Map();
  for (const [alias, name, parse] of aliases) {
    const text = source.given(alias) === "" ? void 0 : parse(source);
    if (text === void 0) continue;
    texts.set(name, text);
    source.diagnostics.useAlias(name, alias);
  }
  const nodeList = await parseNodeList(source);
  return { texts, ...nodeList && { nodeList } };
}
var lineForm = "in `nodes`, as in `linux/arm64 = ssh://user@host`, or remove `nodes`";
var listForm = "write `- endpoint: ssh://user@host` and below it `platforms: linux/arm64`";
async function parseNodeList(source) {
  const { given, diagnostics } = source;
  const inputs = ["endpoint", "append"].filter((name) => given(name) !== "");
  const isCluster = given("driver") === "kubernetes";
  if (given("nodes") !== "") {
    for (const name of inputs) {
      const quoted = name === "endpoint" ? hidePassword(given(name)) : void 0;
      failFor(diagnostics.report, name, quoted)(`cannot be combined with \`nodes\`: list every node ${lineForm}`);
    }
    return void 0;
  }
  if (inputs.length === 0 && !isCluster) return void 0;
  diagnostics.useAlias("nodes", inputs.at(-1) ?? "driver");
  const more = await parseAppend(source);
  const first = firstNode(source, isCluster ? "kubernetes://" : "local");
  return more && first && [...more, ...first];
}
async function parseAppend({ given, diagnostics: { report } }) {
  const text = given("append");
  const form3 = { input: "append", given: hidePassword(text), expected: `is not a YAML list of nodes: ${listForm}` };
  return text === "" ? [] : await parseYamlList(text, form3, report);
}
function firstNode({ given, diagnostics }, byDefault) {
  const isRemote = given("driver") === "remote";
  if (given("endpoint") === "" && isRemote) return [];
  const endpoint = given("endpoint") === "" ? byDefault : given("endpoint");
  const parsed = parseEndpoint(endpoint, failFor(diagnostics.report, "endpoint", hidePassword(endpoint)));
  if (!parsed) return void 0;
  const withDriver = endpointDriver(parsed).withDriver(parsed, isRemote ? "remote" : "");
  const isFixed = isRemote || withDriver && endpointDriver(withDriver).missingPlatforms !== void 0;
  const platforms = parsePlatforms("platforms", splitList(given("platforms")), () => void 0);
  return [{ endpoint, ...isFixed && { platforms } }];
}
function parseKeepState({ given, diagnostics: { report } }) {
  const text = given("keep-state");
  const isKept = parseBoolean("keep-state", text, report);
  const isContradiction = /^false$/i.test(text) && isTrue(given("keep-builder"));
  const message2 = "conflicts with `keep-builder: true`, which controls the same setting: remove one of them";
  passes(failFor(report, "keep-state"), text, [[isContradiction, message2]]);
  return isKept && /^(false)?$/i.test(given("keep-builder")) ? "true" : void 0;
}
function parseLogout({ given, diagnostics: { report } }) {
  return parseBoolean("logout", given("logout"), report) ? void 0 : "job";
}
function readConfigFile({ given, paths, diagnostics: { report } }) {
  const name = given("buildkitd-config");
  const fail = failFor(report, "buildkitd-config", name);
  const path = paths.absolute(name);
  const isPath = !/[\r\n=]/.test(name);
  const isUsable = passes(fail, name, [
    [given("buildkitd-config-inline") !== "", "cannot be combined with `buildkitd-config-inline`: remove one of them"],
    [!isPath && !paths.exists(path), "is not a path: write text in `buildkitd-config-inline`, or a file\u2019s path here"],
    [!paths.exists(path), `was not found: ${path}`],
    [paths.isDirectory(path), "is a directory: write the path of the file in it, such as `buildkitd.toml`"]
  ]);
  return isUsable ? paths.readFile(name, fail) : void 0;
}

// src/inputs/fallback.ts
var choices = ["node", "local", "emulate", "skip", "fail"];
var parseFallback = (text, fail) => {
  const found = [];
  for (const entry of splitList(text)) {
    const choice2 = choices.find((candidate) => candidate === entry);
    const last = found.find((before) => before === "skip" || before === "fail");
    const isValid = passes(fail, entry, [
      [
        choice2 === void 0,
        `is not one of ${choices.map((known) => `\`${known}\``).join(", ")}${didYouMean(entry, choices)}`
      ],
      [choice2 !== void 0 && found.includes(choice2), "is listed twice: list each word once, in the order to try"],
      [last !== void 0, `is never used after \`${last ?? ""}\`: move it before \`${last ?? ""}\`, or remove it`]
    ]);
    if (isValid && choice2 !== void 0) found.push(choice2);
  }
  return found.length > 0 ? found : ["node", "local"];
};

// src/inputs/nodes/cgroup-parent.ts
var pathOrSlice = /^\/?[\w.@-]+(?:\/[\w.@-]+)*\/?$|^[\w.@-]+\.slice(?::[\w.@-]*:)?$/;
var parentDirectory = /(?:^|\/)\.\.?(?:\/|$)/;
var configKey = /^\s*"?(?:worker\s*\.\s*oci\s*\.\s*)?defaultCgroupParent"?\s*=/im;
var notAGroup = "is not a valid control group: write its path, such as `/builds`, or `builds.slice:run:` if systemd manages them";
var contradiction = "conflicts with `defaultCgroupParent` in the buildkitd configuration: remove one of them";
var inlineTable = "cannot be combined with this form of the buildkitd configuration: move the worker settings below `[worker.oci]`";
var ownConfig = "write `defaultCgroupParent` into its own configuration, below `[worker.oci]`";
var parseCgroupParent = checkedText((text) => [
  [!pathOrSlice.test(text) || parentDirectory.test(text), notAGroup]
]);
function checkCgroupParent(parent, nodes, config, report) {
  if (parent === "") return;
  const remote = nodes.find(({ endpoint }) => !endpointDriver(endpoint).startsDaemon);
  failEach(failFor(report, "cgroup-parent", parent), [
    [remote !== void 0, `has no effect on ${remote?.name ?? ""}, a buildkitd that runs already: ${ownConfig}`],
    [configKey.test(config), contradiction],
    [!configKey.test(config) && !canAddWorkerKeys(config), inlineTable]
  ]);
}
function withCgroupParent(spec, parent) {
  if (parent === "" || !endpointDriver(spec.endpoint).startsDaemon) return spec;
  const key = `defaultCgroupParent = ${JSON.stringify(parent)}`;
  return { ...spec, buildkitdConfig: withWorkerKeys(spec.buildkitdConfig, [key]) };
}

// src/nodes/registry-config.ts
import { createHash } from "node:crypto";
function formatDaemonFiles(hosts) {
  const sections = Object.entries(hosts).map(([host, settings]) => ({
    host,
    ...settings,
    path: certificatePath(host, "ca", settings.ca)
  }));
  const lines = sections.flatMap(({ host, ca, http, insecure, mirrors, path }) => [
    `[registry.${JSON.stringify(host)}]`,
    ...http ? ["  http = true"] : [],
    ...insecure ? ["  insecure = true"] : [],
    ...mirrors.length > 0 ? [`  mirrors = ${JSON.stringify(mirrors)}`] : [],
    ...ca === "" ? [] : [`  ca = [${JSON.stringify(`/etc/buildkit/${path}`)}]`]
  ]);
  return {
    toml: lines.map((line) => `${line}
`).join(""),
    files: Object.fromEntries(sections.filter(({ ca }) => ca !== "").map(({ ca, path }) => [path, ca]))
  };
}
function certificatePath(host, kind, content) {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 8);
  return `certs/${host.replace(/[^a-zA-Z0-9.-]+/g, "_")}/${kind}-${hash}.pem`;
}
function withRegistryConfig({ nodes, localFallback }, hosts) {
  const { toml, files } = formatDaemonFiles(hosts);
  const withConfig = (spec) => toml === "" || !driverOf(spec).startsDaemon || spec.existingNodeName !== void 0 ? spec : {
    ...spec,
    // TOML does not allow a section twice: buildkitd would not start.
    buildkitdConfig: [withoutRegistries(spec.buildkitdConfig, Object.keys(hosts)), toml].filter((part) => part !== "").join("\n"),
    daemonFiles: { ...spec.daemonFiles, ...files }
  };
  return { nodes: nodes.map(withConfig), localFallback: withConfig(localFallback) };
}

// src/inputs/nodes/daemon-config.ts
var withoutDaemon = ["docker", "remote"];
function parseDaemonConfig({ text, report, paths, note }, store) {
  const given = text("buildkitd-config-inline");
  if (given !== "") return parseConfig(given, paths, failFor(report, "buildkitd-config-inline"));
  const isUsed = text("builder") === "" && !withoutDaemon.includes(text("driver"));
  const { file, text: config } = isUsed ? store.defaultConfig() : { file: "", text: "" };
  if (config === "") return { buildkitdConfig: "" };
  const fail = failFor(report, "buildkitd-config");
  const inFile = (expected, value) => fail(`${expected}; this is in ${file}, buildx\u2019s default configuration`, value);
  note(`The daemons that this step starts have the configuration ${file}, as with \`buildx create\`.`);
  return { ...parseConfig(config, paths, inFile), defaultFile: file };
}
function parseConfig(config, paths, fail) {
  checkKeys(config, fail);
  const files = {};
  const buildkitdConfig = mapRegistryFiles(config, ({ host, kind, path }) => {
    const content = `${paths.readFile(path, fail)}
`;
    const name = certificatePath(host, kind, content);
    files[name] = content;
    return `/etc/buildkit/${name}`;
  });
  return { buildkitdConfig, ...Object.keys(files).length > 0 && { daemonFiles: files } };
}
function checkKeys(text, fail) {
  let section = "";
  for (const { text: line, line: number } of splitLines(text)) {
    const [, brackets, header = ""] = /^(\[\[?)\s*([^\]]+?)\s*\]/.exec(line) ?? [];
    const name = plainKey(brackets === void 0 ? /^([^=]+)=/.exec(line)?.[1] ?? "" : header);
    passes((expected) => fail(`in line ${number} ${expected}`, line), void 0, [
      [
        brackets === "[[" && /^worker(\.|$)/.test(name),
        `prevents buildkitd from starting: write a worker once, as \`[${name}]\`; ${routing}`
      ],
      [isIgnored(name, brackets === void 0 ? section : ""), ignored]
    ]);
    if (brackets !== void 0) section = name;
  }
}
function isIgnored(name, section) {
  return !ignoredKey.test(section) && ignoredKey.test(section === "" ? name : `${section}.${name}`);
}
var routing = "list other machines in `nodes` instead";
var ignored = `is ignored by buildkitd, which would silently build under emulation: ${routing}`;
var ignoredKey = /^(?:address|identity|worker\.[^.]+\.(?:ssh|address|identity)(?:\..*)?)$/;
function plainKey(text) {
  return text.replace(/["'\s]/g, "");
}

// src/inputs/nodes/driver.ts
var targets = {
  "docker-container": "Docker Engine",
  remote: "buildkitd",
  docker: "Docker Engine",
  kubernetes: "cluster"
};
var driverNames = Object.keys(targets);
var unknownDriver = "is not a valid driver: use `docker-container` (Docker Engines), `docker` (the BuildKit inside them), `remote` (buildkitd) or `kubernetes`";
var examples = {
  remote: "`unix:///run/buildkit/buildkitd.sock`, `ssh://user@host/run/buildkit/buildkitd.sock` or `tcp://host:1234`",
  kubernetes: "`kubernetes://`"
};
var noBuildkitd = "needs a buildkitd, and none is named: write it into `endpoint` or `nodes`, as in `linux/arm64 = tcp://host:1234`";
var parseDriver = (text, fail) => {
  const driver = driverNames.find((name) => name === text);
  const isUnknown = driver === void 0 && text !== "";
  passes(fail, text, [[isUnknown, `${unknownDriver}${didYouMean(text, driverNames)}`]]);
  return driver ?? "";
};
function checkDriver(driver, nodes, named, report) {
  const isNowhere = driver === "remote" && !named;
  passes(failFor(report, "driver"), driver, [[isNowhere, noBuildkitd]]);
  if (driver === "" || isNowhere) return;
  const example = examples[driver];
  const advice = `${example === void 0 ? "" : `write ${example}, or `}remove \`driver\``;
  const needed = `\`driver: ${driver}\` needs a ${targets[driver]}: ${advice}`;
  for (const { endpoint } of nodes) {
    const { target } = endpointDriver(endpoint);
    const isOther = target !== targets[driver];
    passes(failFor(report, "nodes"), formatEndpoint(endpoint), [[isOther, `is a ${target}, and ${needed}`]]);
  }
}
var engineConfigures = "cannot be combined with `driver: docker`: its BuildKit reads only the `daemon.json` of the engine";
var ownSettings = "sets `driver-opts` or `buildkitd-flags`, and the BuildKit of `driver: docker` reads only the `daemon.json` of its engine: remove them";
function checkBuiltIn(driver, nodes, source) {
  if (driver !== "docker") return;
  const inputs = ["driver-opts", "buildkitd-flags", "buildkitd-config-inline", "cgroup-parent"];
  failConflicts(source, [
    [true, inputs, `${engineConfigures}. Remove one of them`],
    [true, ["keep-builder"], "is always true with `driver: docker`: remove it"]
  ]);
  if (source.text("driver-opts") !== "" || source.text("buildkitd-flags") !== "") return;
  for (const { name } of nodes.filter(hasOwnSettings)) failFor(source.report, "nodes")(ownSettings, name);
}
function hasOwnSettings({ endpoint, driverOpts, buildkitdFlags }) {
  const { target } = endpointDriver(endpoint);
  return target === "Docker Engine" && (Object.keys(driverOpts).length > 0 || buildkitdFlags.length > 0);
}
var rootlessConfig = "has no effect with `rootless=true`, because a rootless pod does not read the buildkitd configuration of buildx: remove one of them";
var podsDeleted = "has no effect with kubernetes: pods are deleted after the run. Remove it; the cache in the registry remains, and a buildkitd that runs in the cluster, at `tcp://host:1234`, keeps its own";
function checkPods(nodes, source) {
  const pods = nodes.filter((spec) => driverOf(spec).onDemand);
  const isRootless = pods.some(({ driverOpts }) => isTrue(driverOpts["rootless"]));
  failConflicts(source, [
    [isRootless, ["buildkitd-config-inline", "registries", "cgroup-parent"], rootlessConfig],
    [pods.length > 0 && pods.length === nodes.length, ["keep-builder"], podsDeleted]
  ]);
}
function checkUse(nodes, report) {
  const targetOf = ({ endpoint }) => endpointDriver(endpoint).target;
  const isCluster = (node) => targetOf(node) === "cluster";
  const [first] = nodes;
  const other = first && nodes.find((node) => isCluster(node) !== isCluster(first));
  if (!other) return;
  const difference = `${first.name} is a ${targetOf(first)} and ${other.name} is a ${targetOf(other)}`;
  failFor(report, "use", "true")(`requires nodes with the same driver, but ${difference}: remove it`);
}

// src/inputs/nodes/known-hosts.ts
import { createHmac } from "node:crypto";

// src/nodes/ssh/wire-format.ts
function readStrings(bytes, count = Infinity) {
  const strings = [];
  let at = 0;
  while (at + 4 <= bytes.length && strings.length < count) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    strings.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return strings;
}

// src/inputs/nodes/known-hosts.ts
var input = "ssh-known-hosts";
var keyTypes = /^(ssh-(rsa|ed25519|dss)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)$/;
var lineForm2 = "write `host ssh-ed25519 AAAA\u2026`, as in a known_hosts file";
var privateKey = `holds a private key, which belongs in \`ssh-private-key\` and in a secret: ${lineForm2}`;
var damagedKey = "has a damaged key, which was cut off or broken into several lines: copy the whole line again";
function parseKnownHosts(text, report = () => void 0) {
  const fail = failFor(report, input);
  const hasPrivateKey = /PRIVATE KEY|PuTTY-User-Key-File/.test(text);
  const lines = passes(fail, void 0, [[hasPrivateKey, privateKey]]) ? splitLines(text) : [];
  return lines.flatMap((line) => parseLine(line, fail) ?? []);
}
function formatKnownHosts(lines) {
  return lines.map(
    ({ marker, patterns, keyType, key }) => `${marker === "" ? "" : `@${marker} `}${patterns.join(",")} ${keyType} ${key}
`
  ).join("");
}
function covers(lines, host, port) {
  const names2 = port === 22 ? [host] : [`[${host}]:${port}`, host];
  const matching = lines.filter(
    ({ patterns }) => names2.some((name) => matchesAny(patterns, name.toLowerCase(), matches))
  );
  const revoked = new Set(matching.filter(({ marker }) => marker === "revoked").map(({ key }) => key));
  return matching.some(({ marker, key }) => marker !== "revoked" && !revoked.has(key));
}
function checkKnownHosts(lines, targets2, report) {
  const names2 = targets2.flatMap((target) => [target, ...target.jumps ?? []]).map(knownName);
  const missing = names2.filter(({ host, port }) => !covers(lines, host, port));
  for (const { host, port, alias } of new Map(missing.map((name) => [`${name.host}:${name.port}`, name])).values()) {
    const name = port === 22 ? host : `[${host}]:${port}`;
    const scan = `ssh-keyscan${port === 22 ? "" : ` -p ${port}`} ${host}`;
    failFor(report, input)(wordingOf("unknownHost", { name, scan, host: alias }));
  }
}
function knownName({ host, hostName = host, hostKeyAlias, port }) {
  const alias = port === 22 || hostName !== host ? host : `-p ${port} ${host}`;
  return { alias, host: hostKeyAlias ?? hostName, port: hostKeyAlias === void 0 ? port : 22 };
}
function parseLine({ text, line }, fail) {
  const [, marker = "", entry = ""] = /^(?:@(\S+)\s+)?(.*)$/.exec(text) ?? [];
  const [hosts = "", keyType = "", key = ""] = entry.split(/\s+/);
  const patterns = hosts.split(",").map(canonicalPattern);
  const given = text.includes(" ") || text.length < 40 ? text : void 0;
  const isValid = passes((expected) => fail(`in line ${line} ${expected}`, given), given, [
    [
      !["", "cert-authority", "revoked"].includes(marker),
      "begins with an unknown marker: `@cert-authority` and `@revoked` are known"
    ],
    ...fieldProblems(hosts, keyType, key),
    ...patterns.flatMap(patternProblems)
  ]);
  return isValid ? { marker, patterns, keyType, key } : void 0;
}
function fieldProblems(hosts, keyType, key) {
  const isFingerprint = /^\d+$/.test(hosts) && /^(SHA256|MD5):/.test(keyType);
  return [
    [keyTypes.test(hosts), `lacks the host's name before its key: ${lineForm2}`],
    [isFingerprint, `is a fingerprint, and the key itself is needed: ${lineForm2}`],
    [key === "", `is not complete: ${lineForm2}`],
    [!keyTypes.test(keyType), `has an unknown type of key, \`${shorten(keyType)}\`: ${lineForm2}`],
    [!isKey(keyType, key), damagedKey]
  ];
}
function canonicalPattern(pattern) {
  const [, before = "", address = "", after = ""] = /^(!?\[?)([0-9a-f]*:[0-9a-f:.]+)((?:\]:\d+)?)$/i.exec(pattern) ?? [];
  return address === "" ? pattern : `${before}${canonicalHost(address)}${after}`;
}
function patternProblems(pattern) {
  const [, host = "", port = ""] = /^([^:[\]]+):(\d+)$/.exec(pattern) ?? [];
  const isDamaged = pattern.startsWith("|") && !/^\|1\|[A-Za-z0-9+/]+=*\|[A-Za-z0-9+/]+=*$/.test(pattern);
  return [
    [host !== "", `has a port without brackets: write \`[${host}]:${port}\``],
    [isDamaged, "has a damaged hashed name: copy the whole line again"],
    [pattern === "" || pattern === "!", `has an empty name between its commas: ${lineForm2}`]
  ];
}
function isKey(keyType, key) {
  const bytes = Buffer.from(/^[A-Za-z0-9+/]+={0,2}$/.test(key) ? key : "", "base64");
  const fields = readStrings(bytes);
  const length = fields.reduce((sum, field) => sum + 4 + field.length, 0);
  return length === bytes.length && fields.length > 1 && fields[0]?.toString("latin1") === keyType;
}
function matches(pattern, name) {
  if (!pattern.startsWith("|1|")) return matchesWildcard(pattern, name);
  const [, , salt = "", hash = ""] = pattern.split("|");
  const expected = createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest();
  return expected.equals(Buffer.from(hash, "base64"));
}

// src/inputs/nodes/node-list.ts
var input2 = "nodes";
var localDraft = { endpoint: { kind: "local" }, platforms: [], driverOpts: {}, buildkitdFlags: [] };
var lineForm3 = "`platform = endpoint`, for example `linux/arm64 = ssh://user@host`";
function localFallbackNode(defaults) {
  const { driverOpts, buildkitdFlags = [] } = defaults;
  const options = optionsFor(endpointDriver(localDraft.endpoint), driverOpts);
  return { ...localDraft, name: "local", driverOpts: options, buildkitdFlags, ...configOf(defaults) };
}
function configOf({ buildkitdConfig, daemonFiles }) {
  return { buildkitdConfig, ...daemonFiles && { daemonFiles } };
}
async function parseNodesInput(text, defaults, sink) {
  const report = ({ given, ...issue }) => sink({ ...issue, ...given !== void 0 && { given: hidePassword(given) } });
  const merged = mergeNodes(await parseDrafts(text, defaults, report) ?? [localDraft], report);
  checkDefaults(merged, defaults, report);
  const nodes = nameNodes(merged, defaults);
  for (const node of nodes) checkOptions(node, report);
  return nodes;
}
async function parseDrafts(text, { driver = "", list: list2 }, report) {
  const lines = splitLines(text);
  const isYaml = /^(-(\s|$)|---|\[)/.test(lines[0]?.text ?? "");
  if (list2 !== void 0 || isYaml) {
    const { parseAppend: parseAppend2, parseNodeList: parseNodeList2 } = await import("./chunk-TQKREGZF.js");
    return list2 ? parseNodeList2(list2, driver, report) : await parseAppend2(text, driver, report);
  }
  return lines.length === 0 ? void 0 : lines.flatMap((line) => parseLine2(line.text, report) ?? []);
}
var severalNodes = /=.*[\s,][a-z0-9]+\/[a-z0-9/.]+\s*=/;
function parseLine2(line, report) {
  const fail = failFor(report, input2, hidePassword(line));
  if (!passes(fail, void 0, [[severalNodes.test(line), "contains two nodes: write one per line"]])) return void 0;
  const [, list2, target = ""] = /^([^=]*)=\s*(.*)$/.exec(line) ?? [];
  if (list2 === void 0) passes(fail, void 0, problemsWithoutEquals(line));
  const names2 = (list2 ?? "").split(/[,\s]+/).filter((entry) => entry !== "");
  const platforms = parsePlatforms(
    input2,
    names2,
    ({ given = "", expected }) => fail(`holds \`${given}\`, which ${expected}`)
  );
  failEach(fail, [
    [list2 !== void 0 && names2.length === 0, `has no platform: write ${lineForm3}`],
    [list2 !== void 0 && target === "", "has no endpoint after `=`: write `local` or `ssh://user@host`"]
  ]);
  const endpoint = target === "" ? void 0 : parseEndpoint(target, fail);
  return endpoint && platforms.length > 0 ? { ...localDraft, endpoint, platforms } : void 0;
}
function problemsWithoutEquals(line) {
  const isPlatforms = line.split(",").every((part) => parsePlatform(part));
  return [
    [parseEndpoint(line) !== void 0, `has no platform: write \`linux/arm64 = ${line}\``],
    [isPlatforms, `has no endpoint: write \`${line} = ssh://user@host\` or \`${line} = local\``],
    [true, `is not a node: write ${lineForm3}`]
  ];
}
var listedTwice = "has several entries with different names or options, or one of them without platforms: merge the entries into one with all of its platforms";
function mergeNodes(drafts, report) {
  const merged = /* @__PURE__ */ new Map();
  for (const draft of drafts) {
    const { endpoint } = draft;
    const key = endpointDriver(endpoint).mergeKey?.(endpoint, optionsKey(draft)) ?? formatEndpoint(endpoint);
    const previous = merged.get(key);
    if (!previous) merged.set(key, draft);
    else if (optionsKey(previous) === optionsKey(draft))
      merged.set(key, { ...previous, platforms: [.../* @__PURE__ */ new Set([...previous.platforms, ...draft.platforms])] });
    else failFor(report, input2)(listedTwice, formatEndpoint(endpoint));
  }
  return [...merged.values()];
}
function optionsKey({ name, driverOpts, buildkitdFlags, platforms }) {
  return JSON.stringify([name, Object.entries(driverOpts).sort(), buildkitdFlags, platforms.length === 0]);
}
var runAlready = "has no effect: every node is a buildkitd that runs already, and is configured where it runs";
function checkDefaults(drafts, defaults, report) {
  const { driverOpts, buildkitdFlags = [], buildkitdConfig, defaultFile } = defaults;
  const all = [...new Set(drafts.map(({ endpoint }) => endpointDriver(endpoint)))];
  const starting = all.filter(({ startsDaemon }) => startsDaemon);
  const accepting = starting.length > 0 ? starting : [endpointDriver(localDraft.endpoint)];
  checkDriverOpts(driverOpts, accepting, failFor(report, "driver-opts"));
  if (all.length === 0 || starting.length > 0) return;
  const unused = {
    "driver-opts": !Object.keys(driverOpts).every(isTlsOption),
    "buildkitd-config-inline": buildkitdConfig !== "" && defaultFile === void 0,
    "buildkitd-flags": buildkitdFlags.length > 0
  };
  for (const [name, isUnused] of Object.entries(unused))
    passes(failFor(report, name), void 0, [[isUnused, runAlready]]);
}
function checkOptions({ endpoint, driverOpts }, report) {
  const driver = endpointDriver(endpoint);
  const fail = failFor(report, input2, formatEndpoint(endpoint));
  const form3 = `${tlsNames.join(", ")} are for a buildkitd at \`tcp://host:port\`: remove them`;
  const hasTls = driver.startsDaemon && Object.keys(driverOpts).some(isTlsOption);
  driver.validate?.(driverOpts, fail);
  failEach(fail, [[hasTls, `is a ${driver.target}, and ${form3}`]]);
}
function nameNodes(drafts, defaults) {
  const taken = new Set(drafts.flatMap(({ name }) => name === void 0 ? [] : [name.toLowerCase()]));
  return drafts.flatMap((draft) => {
    const driver = endpointDriver(draft.endpoint);
    return expandNode(driver, withDefaults(driver, draft, defaults)).map(({ base, ...node }) => ({
      ...node,
      name: node.name ?? uniqueName(base, taken),
      ...driver.startsDaemon ? configOf(defaults) : { buildkitdConfig: "" }
    }));
  });
}
function expandNode(driver, draft) {
  return driver.expand?.(draft) ?? [{ ...draft, base: driver.baseName(draft.endpoint) }];
}
function withDefaults(driver, draft, { driverOpts, buildkitdFlags = [] }) {
  return {
    ...draft,
    driverOpts: { ...optionsFor(driver, driverOpts), ...draft.driverOpts },
    buildkitdFlags: driver.startsDaemon && draft.buildkitdFlags.length === 0 ? buildkitdFlags : draft.buildkitdFlags
  };
}
function uniqueName(base, taken) {
  let name = base;
  for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${base}-${number}`;
  taken.add(name.toLowerCase());
  return name;
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
function parseSshKeys(text, report) {
  const fail = failFor(report, "ssh-private-key");
  const pasted = restoreLines(text);
  const keys3 = [...pasted.matchAll(pemBlock)].flatMap(([, label = "", body = ""]) => {
    const isValid = passes(fail, void 0, blockProblems(label, body));
    return isValid ? [`${formatPemBlock(label, body)}
`] : [];
  });
  passes(fail, void 0, restProblems(pasted.replace(pemBlock, "\n")));
  return [...new Set(keys3)];
}
function blockProblems(label, body) {
  const base64 = body.replace(/\s+/g, "");
  const bytes = Buffer.from(base64, "base64");
  return [
    [label === "ENCRYPTED PRIVATE KEY" || body.includes("ENCRYPTED"), problems.passphrase],
    [label.endsWith("PUBLIC KEY"), problems.publicKey],
    [label.startsWith("CERTIFICATE") || !label.endsWith("PRIVATE KEY"), problems.otherBlock],
    [label === "DSA PRIVATE KEY", problems.dsa],
    [!base64Form.test(base64), problems.damaged],
    ...label === "OPENSSH PRIVATE KEY" ? opensshProblems(bytes) : [[!isDerSequence(bytes), problems.damaged]]
  ];
}
var base64Form = /^[A-Za-z0-9+/]+={0,2}$/;
function opensshProblems(bytes) {
  const magic = "openssh-key-v1\0";
  const [cipher, kdf, options] = readStrings(bytes.subarray(magic.length), 3);
  const lengths = [cipher, kdf, options].reduce((sum, field) => sum + 4 + (field?.length ?? 0), magic.length);
  const [publicPart, privatePart] = readStrings(bytes.subarray(lengths + 4), 2);
  const isMagic = bytes.subarray(0, magic.length).toString("latin1") === magic;
  return [
    [!isMagic || !options || !publicPart?.length || !privatePart?.length, problems.damaged],
    [cipher?.toString("latin1") !== "none", problems.passphrase]
  ];
}
function isDerSequence(bytes) {
  const [tag, first = 0] = bytes;
  const count = first & 128 ? first & 127 : 0;
  if (tag !== 48 || count > 4 || bytes.length < 2 + count) return false;
  const length = count === 0 ? first : bytes.readUIntBE(2, count);
  return bytes.length === 2 + count + length;
}
var publicKeyLine = /^(---- BEGIN SSH2 PUBLIC KEY|(ssh-(rsa|ed25519|dss)|ecdsa-sha2-\S+|sk-\S+) AAAA)/m;
function restProblems(text) {
  const lines = text.split("\n").map((line) => line.replace(/["',;]/g, "").trim());
  const rest = lines.filter((line) => line !== "" && !line.startsWith("#")).join("\n");
  const base64 = rest.replace(/\s+/g, "");
  const decoded = base64Form.test(base64) && base64.length > 40 ? Buffer.from(base64, "base64").toString("latin1") : "";
  const isPath = /^\S+$/.test(rest) && /^[~./]|\.(pem|key|pub|ppk)$|^id_/.test(rest);
  return [
    [rest.includes("-----BEGIN"), problems.noEnd],
    [rest.includes("-----END"), problems.noBegin],
    [/^PuTTY-User-Key-File-/m.test(rest), problems.putty],
    [publicKeyLine.test(rest), problems.publicKey],
    [/-----BEGIN|PuTTY-User-Key-File-/.test(decoded), problems.base64],
    [/^(openssh-key-v1|0)/.test(decoded), problems.noFrame],
    [isPath, problems.fileName],
    [rest !== "", problems.other]
  ];
}
function keyLines(text) {
  return [...text.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----([\s\S]*?)-----END/g)].flatMap(([, body = ""]) => body.split(/\s+|\\n/)).filter((line) => line.length > 7);
}

// src/inputs/builder-inputs.ts
var rows = {
  /** What to do with the targets of a node that is unavailable. */
  fallback: ["fallback", parseFallback],
  /** Whether the builder becomes that of the job's later steps. */
  use: ["use", boolean()],
  /** Whether daemons stay on their nodes for the next run. */
  keepBuilder: ["keep-builder", boolean()]
};
var daemonRows = {
  driver: ["driver", parseDriver],
  driverOpts: ["driver-opts", parseDriverOpts],
  buildkitdFlags: ["buildkitd-flags", parseBuildkitdFlags],
  cgroupParent: ["cgroup-parent", parseCgroupParent]
};
async function parseBuilderInputs(source, store) {
  const values = parseTable(rows, source);
  const { driver, cgroupParent, ...options } = parseTable(daemonRows, source);
  const daemon = { ...options, ...parseDaemonConfig(source, store) };
  const nodes = await parseNodes(source, { ...daemon, driver, list: source.nodeList }, store);
  checkBuiltIn(driver, nodes, source);
  if (values.use) checkUse(nodes, source.report);
  checkCgroupParent(cgroupParent, nodes, daemon.buildkitdConfig, source.report);
  const withCgroup = (spec) => withCgroupParent(spec, cgroupParent);
  const ssh = await parseSsh(nodes, source);
  return {
    ...ssh,
    nodes: ssh.nodes.map((spec) => ({ ...withCgroup(spec), ...driver === "docker" && { builtIn: true } })),
    ...values,
    localFallback: withCgroup(localFallbackNode(daemon))
  };
}
async function parseNodes(source, defaults, store) {
  const { text, report, paths, nodeList } = source;
  if (text("builder") !== "") {
    const platforms = parsePlatforms("platforms", splitList(text("platforms")), () => void 0);
    const { parseBuilder } = await import("./chunk-JULSJ6X4.js");
    return parseBuilder(text("builder"), { text, platforms, report }, store);
  }
  const nodes = await parseNodesInput(text("nodes"), defaults, report);
  checkDriver(defaults.driver, nodes, text("nodes") !== "" || nodeList !== void 0, report);
  checkPods(nodes, source);
  for (const { endpoint } of nodes.filter((node) => node.endpoint["socket"] === void 0)) {
    const { path, kubeconfig } = endpoint;
    if (typeof path === "string") paths.use(path, "nodes", "connect");
    if (typeof kubeconfig === "string") paths.use(kubeconfig, "nodes");
  }
  return nodes.map((spec) => ({ ...spec, driverOpts: readPems(spec.driverOpts, source) }));
}
function readPems(options, { paths, report }) {
  const isFile = (name, value) => ["cacert", "cert", "key"].includes(name) && value !== "" && !value.includes("-----BEGIN");
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => {
      if (!isFile(name, value)) return [name, value];
      const fail = failFor(report, "nodes", `${name}=${value}`);
      return [name, `${paths.readFile(value, (expected) => fail(expected))}
`];
    })
  );
}
var bothEmpty = "is empty, and so is `ssh-known-hosts`: secrets and variables are empty if their name is misspelled, if the job does not name the `environment` that has them, and in runs for forks; only nodes with Tailscale SSH need no key";
async function parseSsh(nodes, source) {
  const { env, text, report, hasIssue } = source;
  const sshKeys = parseSshKeys(text("ssh-private-key"), report);
  const hosts = parseKnownHosts(text("ssh-known-hosts"), report);
  const reached = text("ssh-config") === "" ? nodes : await withSshConfig(nodes, source);
  if (!hasIssue("ssh-known-hosts") && !hasIssue("ssh-config") && !isWithheld(source))
    checkKnownHosts(
      hosts,
      reached.flatMap((spec) => sshTargetOf(spec) ?? []),
      report
    );
  const isEmpty = !runsForCommandLine(env) && ["ssh-known-hosts", "ssh-private-key"].every((name) => text(name) === "");
  passes(failFor(report, "ssh-private-key"), void 0, [
    [isEmpty && hasIssue("ssh-known-hosts") && (env["SSH_AUTH_SOCK"] ?? "") === "", bothEmpty]
  ]);
  return { nodes: reached, sshKeys, knownHosts: formatKnownHosts(hosts) };
}
function isWithheld({ text, event }) {
  return event.trust === "fork" && text("ssh-known-hosts") === "" && text("ssh-private-key") === "";
}
async function withSshConfig(nodes, source) {
  const { parseSshConfig } = await import("./chunk-ZPTJKBJR.js");
  const { resolve: resolve2 } = parseSshConfig(source);
  return nodes.map((spec) => {
    const target = sshTargetOf(spec);
    return target ? { ...spec, ssh: resolve2(target) } : spec;
  });
}

// src/inputs/buildx-version.ts
var parseBuildxVersion = (text, fail) => {
  if (text === "" || text === "latest") return { kind: text === "" ? "any" : "latest" };
  const [, version = "", digest] = /^v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)(?:@sha256:([0-9a-f]{64}))?$/.exec(text) ?? [];
  const message2 = "is not a valid version of buildx: write a version such as `v0.30.1`, a version with the digest of its binary (`v0.30.1@sha256:\u2026`) or `latest`, or remove `version`";
  if (!passes(fail, text, [[version === "", message2]])) return { kind: "any" };
  return { kind: "exact", version, ...digest !== void 0 && { digest } };
};

// src/inputs/cross-checks/settings.ts
function checkTogether(settings, platforms, { report }) {
  const { load, call, exports, imagePush } = settings;
  const builds = platforms.reduce((sum, one) => sum + Math.max(one.length, 1), 0);
  const several = platforms.find((one) => one.length > 1) ?? [];
  const form3 = `write \`platforms: ${several[0] ?? ""}\`, or push and pull`;
  passes(failFor(report, "load"), "true", [
    [
      load && several.length > 0,
      `loads one platform into the local engine, but this builds ${several.join(", ")}: ${form3}`
    ]
  ]);
  passes(failFor(report, "call"), call, [
    [
      call !== void 0 && (load || exports.length > 0 || imagePush === "yes"),
      "builds nothing, but `load` or `outputs` need a build: remove one of them"
    ]
  ]);
  if (builds > 1) checkShared(settings, `would be written by ${builds} builds, which overwrite each other`, report);
}
function checkShared({ cacheTo, exports }, problem, report) {
  for (const spec of cacheTo) {
    const type = typeOf(parseCacheSpec(spec));
    const form3 = type === "registry" ? "use `cache`, which stores one cache per platform and variant, with the image or at `type=registry,ref=\u2026`" : `write it in \`cache\`, \`cache: type=${type},\u2026\`, which adds variant and platform to its name`;
    passes(failFor(report, "cache-to"), type === "registry" ? spec : `type=${type}`, [
      [!cacheBackends.get(type)?.isInImage, `${problem}: ${form3}`]
    ]);
  }
  for (const { type, dest } of exports)
    passes(failFor(report, "outputs"), `type=${type},dest=${dest}`, [
      [
        type !== "local",
        `${problem}: build one platform and no variants, or write \`type=local\`, which has a directory per build`
      ]
    ]);
}

// src/inputs/cross-checks/variants.ts
function checkTagged(source, repositories, plan, isPart) {
  const { text, event, report, hasIssue } = source;
  if (hasIssue("image", "tags")) return;
  const hasNames = plan.names.length > 0;
  const names2 = shorten(plan.names.join(", "));
  const fail = failFor(report, "image");
  const hasImage = passes(fail, void 0, [
    [
      repositories.length === 0,
      "is empty: write the repository to push to, such as `ghcr.io/acme/app`, or full references in `tags`, or `push: false`"
    ],
    [
      hasNames && text("image") === "",
      `is empty, but \`tags\` has names without a repository (${names2}): write the repository here, or full references there`
    ]
  ]);
  if (hasImage && !isPart && !hasNames && plan.references.length === 0)
    failFor(report, "tags")(noTags(text("tags"), event, plan));
  if (hasNames || plan.references.length === 0) return;
  const tagged = new Set(plan.references.map(formatRepository));
  for (const repository of repositories.map(formatRepository).filter((one) => !tagged.has(one)))
    fail(
      "gets no tag, because all full references in `tags` are to other repositories: add one to `tags`, or remove this repository",
      repository
    );
}
function noTags(given, { name, ref }, { notes }) {
  if (given === "")
    return `is empty, and the event \`${name}\` has no branch or tag: write tag names such as \`nightly\``;
  const reasons = notes.length > 0 ? ` (${notes.join("; ")})` : "";
  return `has no rule that gives a tag for the event \`${name}\` of \`${ref}\`${reasons}: add one, such as \`type=ref,event=branch\` or \`type=ref,event=pr\`, or push nothing with \`push: false\``;
}
function checkTagsDiffer(variants, { report }) {
  const owners = /* @__PURE__ */ new Map();
  const reported = /* @__PURE__ */ new Set();
  for (const { name, tags } of variants)
    for (const tag of tags.map(formatTagReference)) {
      const owner = owners.get(tag) ?? name;
      owners.set(tag, owner);
      const message2 = `has the same tag as \`${owner}\`, ${tag}: give each variant its own \`tag-suffix\``;
      passes(failFor(report, "variants"), name, [[owner !== name && !reported.has(`${owner} ${name}`), message2]]);
      reported.add(`${owner} ${name}`);
    }
}
function checkPlatforms(variants, nodes, source) {
  if (source.hasIssue("nodes") || nodes.some(({ platforms }) => platforms.length === 0)) return;
  checkHaveNode(variants, nodes, source);
  if (source.hasIssue("platforms")) return;
  const native = nodes.flatMap(({ platforms }) => platforms);
  const built = [...new Set(variants.flatMap(({ platforms }) => platforms.length > 0 ? platforms : native))];
  for (const annotation of variants[0]?.annotations ?? []) {
    const { platform } = annotation;
    const message2 = `is for ${platform ?? ""}, which is not built here: the platforms are ${built.join(", ")}`;
    passes(failFor(source.report, "annotations"), formatAnnotation(annotation), [
      [platform !== void 0 && !built.includes(platform), message2]
    ]);
  }
}
function checkHaveNode(variants, nodes, { text, report }) {
  const capabilities = nodes.map(({ name, platforms }) => `${name} builds ${platforms.join(", ")}`).join("; ");
  const ofStep = new Set(parsePlatforms("platforms", splitList(text("platforms")), () => void 0));
  for (const platform of new Set(variants.flatMap(({ platforms }) => platforms)))
    passes(failFor(report, ofStep.has(platform) ? "platforms" : "variants"), platform, [
      [
        !nodes.some(({ platforms }) => platforms.includes(platform)),
        `has no node (${capabilities}): add a line to \`nodes\`, such as \`${platform} = ssh://user@host\``
      ]
    ]);
}

// src/inputs/settings/ssh.ts
function parseSsh2(source) {
  return splitRecords("ssh", source.text("ssh"), source.report).flatMap(({ text }) => joinPaths(splitList(text))).map((entry) => parseSshEntry(entry, source));
}
var otherAgent = "set `ssh: default=/path/to/key`";
function parseGitAgent(context, source) {
  return passes(failFor(source.report, "context"), context, agentProblems(source, otherAgent)) ? ["default"] : [];
}
function parseSshEntry(entry, source) {
  const { paths, report } = source;
  const [, id = "", rest = ""] = /^([^=]*)(?:=(.*))?$/s.exec(entry) ?? [];
  const files = splitList(rest).map((path) => paths.use(path, "ssh", "connect"));
  passes(failFor(report, "ssh"), entry, [
    [!/^[A-Za-z0-9_.-]+$/.test(id), "has no id: write `default`, or `id=/path/to/key`"],
    ...files.length === 0 ? agentProblems(source, "write `default=/path/to/key`") : files.flatMap((path) => fileProblems(path, files, paths))
  ]);
  return files.length === 0 ? id : `${id}=${files.join(",")}`;
}
function agentProblems({ env, paths }, instead) {
  const socket = env["SSH_AUTH_SOCK"] ?? "";
  const start = `start one in an earlier step, or ${instead}`;
  return [
    [socket === "", `needs an agent, but SSH_AUTH_SOCK is not set: ${start}`],
    [!paths.exists(socket), `needs an agent, but SSH_AUTH_SOCK names ${socket}, which does not exist: ${start}`],
    [paths.isDirectory(socket), `needs an agent, but SSH_AUTH_SOCK names ${socket}, a directory: ${start}`]
  ];
}
function fileProblems(path, all, paths) {
  const text = paths.isFile(path) ? paths.tryRead(path) : void 0;
  return [
    [!paths.exists(path), `does not name a socket or key: ${path} was not found`],
    [paths.isDirectory(path), `does not name a socket or key: ${path} is a directory`],
    [text !== void 0 && !isKey2(text), `does not name a key: ${path} is not a private key without a passphrase`],
    [text === void 0 && all.length > 1, `names several paths, but ${path} is not a readable key: write keys only`]
  ];
}
function isKey2(text) {
  const problems2 = [];
  const keys3 = parseSshKeys(text, (issue) => problems2.push(issue));
  return keys3.length > 0 && problems2.length === 0;
}
function joinPaths(parts) {
  return parts.reduce((entries, part) => {
    const last = entries.at(-1);
    return /^[./]/.test(part) && last?.includes("=") ? [...entries.slice(0, -1), `${last},${part}`] : [...entries, part];
  }, []);
}

// src/inputs/settings/attests.ts
var form = { what: "attestation", example: "type=sbom", types: ["provenance", "sbom"] };
function parseAttests(source, loads) {
  const { text, env, event, report } = source;
  const listed = parseListed(source);
  const byDefault = loads || isTrue(env["BUILDX_NO_DEFAULT_ATTESTATIONS"]) ? "false" : "";
  const given = text("provenance") === "" ? listed.get("provenance") : void 0;
  const provenance = given === void 0 ? text("provenance") || byDefault : given || "true";
  const fail = failFor(report, given === void 0 ? "provenance" : "attests", provenance);
  const sbom = text("sbom") === "" ? listed.get("sbom") : parseSbom(text("sbom"), failFor(report, "sbom", text("sbom")));
  const attests = sbom === void 0 || isDisabled(sbom) ? [] : [["type=sbom", sbom].filter(Boolean).join(",")];
  return { provenance: parseProvenance(provenance, event, fail), attests };
}
function isDisabled(attributes) {
  return /\bdisabled=true\b/.test(attributes);
}
function parseListed({ text, report }) {
  const fail = failFor(report, "attests");
  const listed = /* @__PURE__ */ new Map();
  for (const entry of splitRecords("attests", text("attests"), report)) {
    const attributes = parseTyped(entry.text, form, fail);
    if (!attributes) continue;
    const type = typeOf(attributes);
    if (listed.has(type)) fail("is given twice: write it once, with all of its attributes", `type=${type}`);
    listed.set(type, joinAttributes(attributes.filter(([name]) => name !== "type")));
  }
  return listed;
}
function parseSbom(text, fail) {
  if (/^(false|False|FALSE)$/.test(text)) return void 0;
  const attributes = /^(true|True|TRUE)$/.test(text) ? [] : parseAttributes(text);
  passes(fail, text, [[!attributes, "is not valid: write `true`, `false` or `generator=image`"]]);
  return attributes && joinAttributes(attributes);
}
var names = ["mode", "builder-id", "capture-usage", "disabled", "filename", "inline-only", "reproducible", "version"];
var modes = "write `mode=min` or `mode=max`";
function parseProvenance(text, event, fail) {
  if (/^(false|False|FALSE)$/.test(text) || isDisabled(text)) return "";
  const isShort = /^(|true|True|TRUE)$/.test(text);
  const byDefault = text === "" && event.isPrivate !== false ? "mode=min,inline-only=true" : "mode=max";
  const fields = splitFields(text);
  passes(fail, text, [
    [fields === void 0, "has a quote in the middle of a field: put the whole field between quotes"]
  ]);
  const isValid = isShort || (fields?.every((field) => isProvenanceAttribute(field, fail)) ?? false);
  return withBuilder(isShort || !isValid ? byDefault : text, event);
}
function isProvenanceAttribute(attribute2, fail) {
  const [, name = "", value = ""] = /^([^=]*)=(.*)$/.exec(attribute2) ?? [];
  const guess = didYouMean(`mode=${attribute2}`, ["mode=min", "mode=max"]);
  return passes(fail, void 0, [
    [!attribute2.includes("="), `is not valid: write \`true\`, \`false\`, \`mode=min\` or \`mode=max\`${guess}`],
    [!names.includes(name), `has the unknown attribute \`${shorten(name)}\`: ${modes}${didYouMean(name, names)}`],
    [name === "mode" && !["min", "max"].includes(value), `has an unknown mode: ${modes}`],
    [value === "", `has no value for \`${name}\`: ${modes}`]
  ]);
}
function withBuilder(attributes, { serverUrl, repository, runId, runAttempt }) {
  if (/(^|,)builder-id=/.test(attributes) || repository === "") return attributes;
  const name = repository.split("/").map(encodeURIComponent).join("/");
  return `${attributes},builder-id=${serverUrl}/${name}/actions/runs/${runId}/attempts/${runAttempt}`;
}

// src/inputs/settings/limits.ts
var parseHosts = (text, fail) => {
  const hosts = /* @__PURE__ */ new Map();
  for (const entry of splitList(text)) {
    const [, name = "", address = ""] = /^([^\s:=]+)[:=](\S+)$/.exec(entry) ?? [];
    const isValid = passes(fail, entry, [
      [name === "", "is not a host with its address: write `name:10.0.0.1`"],
      [
        !isAddress(address),
        "has no valid address after the name: write `name:10.0.0.1`, `name:[fd00::1]` or `name:host-gateway`"
      ],
      [hosts.has(name) && hosts.get(name) !== address, `gives \`${name}\` a second address: keep one of them`]
    ]);
    if (isValid) hosts.set(name, address);
  }
  return Object.fromEntries(hosts);
};
function isAddress(text) {
  const bare = /^\[(.+)\]$/.exec(text)?.[1] ?? text;
  const isIpv4 = /^\d{1,3}(\.\d{1,3}){3}$/.test(bare) && bare.split(".").every((part) => Number(part) < 256);
  return text === "host-gateway" || isIpv4 || bare.includes(":") && URL.canParse(`http://[${bare}]/`);
}
var entitlements = ["network.host", "security.insecure", "device"];
var parseEntitlements = list((entry) => [
  [
    !/^(network\.host|security\.insecure|device(=.+)?)$/.test(entry),
    "is not a valid entitlement: use `network.host`, `security.insecure` or `device=\u2026`" + didYouMean(entry, entitlements)
  ]
]);
var parseNetwork = checkedText((text) => [
  [
    !["default", "none", "host"].includes(text),
    "is not one of `default`, `none`, `host`; a network of the node is set in `driver-opts`, as `network=\u2026`"
  ]
]);
var parseShmSize = checkedText((text) => [
  [!/^\d+(\.\d+)? ?([kmgt]i?b?|b)?$/i.test(text), "is not a valid size: write bytes, or a size such as `128m`"]
]);
var limits = "core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack";
var parseUlimits = list((entry) => {
  const [, name = "", soft, hard] = /^([^=]+)=(-1|\d+)(?::(-1|\d+))?$/.exec(entry) ?? [];
  const names2 = limits.split(", ");
  const isInverted = hard !== void 0 && hard !== "-1" && (soft === "-1" || Number(soft) > Number(hard));
  return [
    [name === "", "is not a valid limit: write `nofile=1024:2048`, the soft limit first"],
    [!names2.includes(name), `has an unknown limit: valid limits are ${limits}${didYouMean(name, names2)}`],
    [isInverted, "has a soft limit above the hard limit: write `nofile=1024:2048`"]
  ];
});
var calls = { build: void 0, check: "check", lint: "check", outline: "outline", targets: "targets" };
var parseCall = (text, fail) => {
  if (text === "") return void 0;
  const [given = "", ...attributes] = splitList(text);
  const name = Object.keys(calls).find((call) => call === given);
  const isKnown = name !== void 0 && attributes.every((attribute2) => /^(format|ignorestatus)=/.test(attribute2));
  passes(fail, text, [
    [!isKnown, `is not one of \`build\`, \`check\`, \`outline\`, \`targets\`${didYouMean(given, Object.keys(calls))}`]
  ]);
  return isKnown ? calls[name] : void 0;
};

// src/inputs/settings/settings.ts
var rows2 = {
  /** Name → address. */
  hosts: ["add-hosts", parseHosts],
  entitlements: ["allow", parseEntitlements],
  network: ["network", parseNetwork],
  noCache: ["no-cache", boolean()],
  noCacheFilters: ["no-cache-filters", list()],
  pull: ["pull", boolean()],
  shmSize: ["shm-size", parseShmSize],
  ulimits: ["ulimit", parseUlimits]
};
function parseSettings(source) {
  const { call, load } = parseTable({ call: ["call", parseCall], load: ["load", boolean()] }, source);
  const outputs = parseOutputs(source, load);
  return {
    // The Docker format has no attestations.
    ...parseAttests(source, outputs.load || outputs.exports.some(({ type }) => type === "docker")),
    ...outputs,
    ...parseTable(rows2, source),
    ...call && { call },
    cacheFrom: parseCacheSpecs("cache-from", source),
    cacheTo: parseCacheSpecs("cache-to", source),
    contexts: parseBuildContexts(source),
    secrets: parseSecrets(source),
    ssh: parseSsh2(source),
    rewriteTimestamps: hasEpoch(source)
  };
}
function hasEpoch({ env, report }) {
  const [name, epoch] = ["SOURCE_DATE_EPOCH", env["SOURCE_DATE_EPOCH"] ?? ""];
  passes(failFor(report, name), epoch, [
    [
      !/^(\d*|context)$/.test(epoch),
      "is not a valid time: write whole seconds since 1970, as `git log -1 --pretty=%ct` prints them"
    ]
  ]);
  return epoch !== "";
}

// src/inputs/fork-restrictions.ts
function parseTrust({ text, report, event }) {
  const levels2 = { auto: event.trust, pr: lowest(event.trust, "pr"), fork: "fork" };
  return parseTable({ trust: ["trust", choice(levels2, event.trust)] }, { text, report }).trust;
}
var withheld = ["secrets", "secret-envs", "secret-files", "ssh"];
function parseSettingsForTrust(source) {
  const { event, text } = source;
  const { forkSecrets } = parseTable({ forkSecrets: ["fork-secrets", boolean()] }, source);
  if (event.trust !== "fork") return parseSettings(source);
  if (forkSecrets) return withoutCacheExports(parseSettings(source), source);
  const settings = parseSettings({ ...source, text: (name) => withheld.includes(name) ? "" : text(name) });
  const entitlements2 = settings.entitlements.filter((entitlement) => entitlement !== "security.insecure");
  const given = [
    ...withheld.filter((name) => text(name) !== "").map((name) => `\`${name}\``),
    ...entitlements2.length < settings.entitlements.length ? ["`allow: security.insecure`"] : []
  ];
  if (given.length > 0)
    source.warn(
      `This run builds the code of a fork, so its builds do not get ${given.join(", ")}. If they need it, and you review the code before it runs, set \`fork-secrets: true\`.`
    );
  return withoutCacheExports({ ...settings, entitlements: entitlements2 }, source);
}
function withoutCacheExports(settings, { warn }) {
  const cacheTo = settings.cacheTo.filter((spec) => cacheBackends.get(typeOf(parseCacheSpec(spec)))?.isInImage);
  if (cacheTo.length < settings.cacheTo.length)
    warn("This run builds the code of a fork, which writes no caches: `cache-to` is not used.");
  return { ...settings, cacheTo };
}
function withGitAccess(settings, context, source) {
  const { event, text, report } = source;
  const needsAgent = isGitOverSsh(context) && settings.ssh.length === 0;
  if (event.trust === "fork" && !/^true$/i.test(text("fork-secrets"))) {
    if (needsAgent) failFor(report, "context")(noAgentForForks, context);
    return settings;
  }
  const tokens2 = gitToken(settings.secrets, context, text("github-token"), event);
  const ssh = needsAgent ? parseGitAgent(context, source) : settings.ssh;
  return { ...settings, ssh, secrets: [...settings.secrets, ...tokens2] };
}
var noAgentForForks = "is fetched over SSH, but builds of the code of a fork get no SSH agent: write the `https://` URL of the repository";

// src/metadata/dates.ts
var months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December"
];
var days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
var year = ({ clock }) => clock.getUTCFullYear();
var month = ({ clock }) => clock.getUTCMonth() + 1;
var day = ({ clock }) => clock.getUTCDate();
var weekday = ({ clock }) => clock.getUTCDay();
var hour = ({ clock }) => clock.getUTCHours();
var hour12 = (date) => hour(date) % 12 || 12;
var minute = ({ clock }) => clock.getUTCMinutes();
var second = ({ clock }) => clock.getUTCSeconds();
var monthName = (date) => months[month(date) - 1] ?? "";
var dayName = (date) => days[weekday(date)] ?? "";
var two = (value) => padded(value, 2);
var englishWeek = ({ clock }) => weekOf(clock, 0, 6);
var isoWeek = ({ clock }) => weekOf(clock, 1, 4);
var tokens = {
  ...numberTokens("M", month, { widths: [2], ordinal: true }),
  MMM: (date) => monthName(date).slice(0, 3),
  MMMM: monthName,
  ...numberTokens("Q", (date) => Math.ceil(month(date) / 3), { ordinal: true }),
  ...numberTokens("D", day, { widths: [2], ordinal: true }),
  ...numberTokens("DDD", ({ clock }) => dayOfYear(clock), { ordinal: true }),
  DDDD: padded(({ clock }) => dayOfYear(clock), 3),
  ...numberTokens("d", weekday, { ordinal: true }),
  dd: (date) => dayName(date).slice(0, 2),
  ddd: (date) => dayName(date).slice(0, 3),
  dddd: dayName,
  ...numberTokens("e", weekday),
  ...numberTokens("E", (date) => weekday(date) || 7),
  ...numberTokens("w", (date) => englishWeek(date).week, { widths: [2], ordinal: true }),
  ...numberTokens("W", (date) => isoWeek(date).week, { widths: [2], ordinal: true }),
  ...numberTokens("Y", year, { widths: [4, 5] }),
  YY: two((date) => year(date) % 100),
  YYYYYY: (date) => `+${padded(year, 6)(date)}`,
  ...numberTokens("y", year, { widths: [2, 3, 4], ordinal: true }),
  ...Object.fromEntries(["N", "NN", "NNN", "NNNNN"].map((token) => [token, () => "AD"])),
  NNNN: () => "Anno Domini",
  gg: two((date) => englishWeek(date).year % 100),
  gggg: padded((date) => englishWeek(date).year, 4),
  ggggg: padded((date) => englishWeek(date).year, 5),
  GG: two((date) => isoWeek(date).year % 100),
  GGGG: padded((date) => isoWeek(date).year, 4),
  GGGGG: padded((date) => isoWeek(date).year, 5),
  A: (date) => hour(date) < 12 ? "AM" : "PM",
  a: (date) => hour(date) < 12 ? "am" : "pm",
  ...numberTokens("H", hour, { widths: [2] }),
  ...numberTokens("h", hour12, { widths: [2] }),
  ...numberTokens("k", (date) => hour(date) || 24, { widths: [2] }),
  ...numberTokens("m", minute, { widths: [2] }),
  ...numberTokens("s", second, { widths: [2] }),
  Hmm: (date) => `${hour(date)}${two(minute)(date)}`,
  Hmmss: (date) => `${hour(date)}${two(minute)(date)}${two(second)(date)}`,
  hmm: (date) => `${hour12(date)}${two(minute)(date)}`,
  hmmss: (date) => `${hour12(date)}${two(minute)(date)}${two(second)(date)}`,
  ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8, 9].map((digits) => ["S".repeat(digits), fraction(digits)])),
  ...numberTokens("X", ({ instant }) => Math.floor(instant.getTime() / 1e3)),
  ...numberTokens("x", ({ instant }) => instant.getTime()),
  z: zoneName,
  zz: zoneName,
  Z: ({ offset }) => formatOffset(offset, ":"),
  ZZ: ({ offset }) => formatOffset(offset, "")
};
var longFormats = {
  LTS: "h:mm:ss A",
  LT: "h:mm A",
  L: "MM/DD/YYYY",
  LL: "MMMM D, YYYY",
  LLL: "MMMM D, YYYY h:mm A",
  LLLL: "dddd, MMMM D, YYYY h:mm A",
  l: "M/D/YYYY",
  ll: "MMM D, YYYY",
  lll: "MMM D, YYYY h:mm A",
  llll: "ddd, MMM D, YYYY h:mm A"
};
var zoneLocales = ["en-US", "en-GB", "en-ZA", "en-AU", "en-CA", "en-IN", "ja", "id", "en-HK", "en-GU"];
var zoneNames = {
  "America/Adak": "HST HDT",
  "America/Havana": "CST CDT",
  "America/Hermosillo": "MST",
  "America/Mazatlan": "MST",
  "Asia/Colombo": "+0530",
  "Asia/Dubai": "+04",
  "Asia/Jerusalem": "IST IDT",
  "Asia/Karachi": "PKT",
  "Asia/Macau": "CST",
  "Asia/Manila": "PST",
  "Asia/Pyongyang": "KST",
  "Asia/Seoul": "KST",
  "Asia/Shanghai": "CST",
  "Asia/Taipei": "CST",
  "Europe/Dublin": "GMT IST",
  "Europe/Moscow": "MSK"
};
var literal = "\\[([^[\\]]*)\\]";
var longPattern = new RegExp(`${literal}|\\\\?(?:${alternatives(longFormats)})`, "g");
var tokenPattern = new RegExp(`${literal}|\\\\?(?:${alternatives(tokens)})|\\\\`, "g");
function isTimeZone(zone) {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
function formatDate(instant, format, zone = "UTC") {
  const date = toZone(instant, zone);
  const expanded = format.replace(longPattern, (token) => longFormats[token] ?? token);
  return expanded.replace(tokenPattern, (token, text) => {
    if (text !== void 0) return text;
    return token.startsWith("\\") ? token.slice(1) : tokens[token]?.(date) ?? token;
  });
}
function alternatives(table) {
  return Object.keys(table).sort((a, b) => b.length - a.length).join("|");
}
function numberTokens(token, value, { widths = [], ordinal = false } = {}) {
  return {
    [token]: (date) => String(value(date)),
    ...Object.fromEntries(widths.map((width) => [token.repeat(width), padded(value, width)])),
    ...ordinal && { [`${token}o`]: (date) => toOrdinal(value(date)) }
  };
}
function padded(value, width) {
  return (date) => String(value(date)).padStart(width, "0");
}
function fraction(digits) {
  return ({ clock }) => String(clock.getUTCMilliseconds()).padStart(3, "0").padEnd(9, "0").slice(0, digits);
}
function toZone(instant, zone) {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric"
  }).formatToParts(instant);
  const field = (type) => Number(parts.find((part) => part.type === type)?.value);
  const clock = Date.UTC(field("year"), field("month") - 1, field("day"), field("hour"), field("minute"), field("second")) + instant.getUTCMilliseconds();
  return { clock: new Date(clock), offset: Math.round((clock - instant.getTime()) / 6e4), instant, zone };
}
function zoneName({ instant, offset, zone }) {
  const [standard, summer = standard] = zoneNames[canonicalZone(zone)]?.split(" ") ?? [];
  const winter = toZone(new Date(Date.UTC(instant.getUTCFullYear(), 0, 1)), zone).offset;
  const known = offset > winter ? summer : standard;
  const names2 = zoneLocales.map((locale) => localZoneName(instant, zone, locale));
  return known ?? names2.find((name) => !/^(GMT|UTC)[+-]/.test(name)) ?? formatOffset(offset, "").replace(/00$/, "");
}
function localZoneName(instant, zone, locale) {
  const parts = new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: "short" }).formatToParts(instant);
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? "";
}
function canonicalZone(zone) {
  return new Intl.DateTimeFormat("en-US", { timeZone: zone }).resolvedOptions().timeZone;
}
function formatOffset(offset, separator) {
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  const digits = [hours, minutes].map((value) => String(value).padStart(2, "0"));
  return `${offset < 0 ? "-" : "+"}${digits.join(separator)}`;
}
function weekOf(clock, begin, anchor) {
  const sinceBegin = (clock.getUTCDay() - begin + 7) % 7;
  const anchored = new Date(clock.getTime() + ((anchor - begin + 7) % 7 - sinceBegin) * 864e5);
  return { week: Math.floor((dayOfYear(anchored) - 1) / 7) + 1, year: anchored.getUTCFullYear() };
}
function dayOfYear(clock) {
  const begin = Date.UTC(clock.getUTCFullYear(), 0, 1);
  return Math.floor((clock.getTime() - begin) / 864e5) + 1;
}
function toOrdinal(value) {
  const teen = Math.floor(value % 100 / 10) === 1;
  const ending = teen ? "th" : ["th", "st", "nd", "rd"][value % 10] ?? "th";
  return `${value}${ending}`;
}

// src/metadata/context.ts
var unknownCommitDate = "`{{commit_date}}` is the time of this run, since neither the event nor the checkout contains the date of the commit, and the API did not answer: run `actions/checkout` before this step, with `ref` or `fetch-depth` if that is another commit.";
function metadataContext(event, env, reject, note = () => void 0) {
  const ref = refOf(event);
  const length = env["DOCKER_METADATA_SHORT_SHA_LENGTH"] ?? "";
  if (!/^\d*$/.test(length)) reject(invalidLength(length));
  const isHead = event.headSha !== void 0 && usesHead(event, env);
  const sha = isHead ? event.headSha ?? "" : event.sha;
  const commitDate = isHead ? event.headCommitDate : event.commitDate;
  const context = {
    name: event.name,
    ref,
    branch: withoutPrefix("refs/heads/", ref),
    tag: withoutPrefix("refs/tags/", ref),
    // Forgejo and Gitea end these in `/head`.
    number: withoutPrefix("refs/pull/", ref).replace(/\/(?:merge|head)$/, ""),
    sha,
    shortSha: sha.slice(0, Number(length) || 7),
    ...commitDate && { commitDate }
  };
  return { ...context, expressions: globalExpressions(context, event, () => note(unknownCommitDate)) };
}
function usesHead({ name }, env) {
  return /^true$/i.test(env["DOCKER_METADATA_PR_HEAD_SHA"] ?? "") && name.includes("pull_request");
}
function invalidLength(length) {
  const variable2 = `the variable DOCKER_METADATA_SHORT_SHA_LENGTH is \`${shorten(length)}\``;
  return `cannot be evaluated: ${variable2}, and a number is expected`;
}
function refOf({ name, ref, number }) {
  return name === "pull_request_target" && number !== void 0 ? `refs/pull/${number}/merge` : ref;
}
function globalExpressions({ name, branch, tag, number, shortSha, commitDate }, event, noteUnknownDate) {
  const baseRef = tag !== "" || number !== "" ? (event.baseRef ?? "").replace(/^refs\/heads\//, "") : "";
  const date = dateExpression(event.now);
  const always = /create|discussion|issues|schedule/.test(name) && (branch !== "" || tag !== "");
  const isDefault = branch !== "" && branch === event.defaultBranch || always;
  return {
    branch: () => branch,
    tag: () => tag,
    sha: () => shortSha,
    base_ref: () => baseRef,
    is_default_branch: () => String(isDefault),
    is_not_default_branch: () => String(!isDefault),
    date,
    commit_date: (args, reject) => {
      if (!commitDate) noteUnknownDate();
      return dateExpression(commitDate ?? event.now)(args, reject);
    }
  };
}
function dateExpression(instant) {
  return ({ text, tz = "UTC" }, reject) => {
    if (text === void 0) reject("contains a date without a format: write `{{date 'YYYYMMDD'}}`");
    else if (!isTimeZone(tz)) reject(unknownTimeZone(tz));
    else return formatDate(instant, text, tz);
    return "";
  };
}
function unknownTimeZone(zone) {
  const meant = didYouMean(zone, ["UTC", ...Intl.supportedValuesOf("timeZone")]);
  return `contains the unknown time zone \`${shorten(zone)}\`: write one such as \`Europe/Berlin\`${meant}`;
}
function withoutPrefix(prefix, ref) {
  return ref.startsWith(prefix) ? ref.slice(prefix.length) : "";
}

// src/metadata/rules/parse.ts
var forms = {
  schedule: { priority: 1e3, defaults: { pattern: "nightly" }, example: "type=schedule,pattern=nightly" },
  semver: {
    priority: 900,
    defaults: { pattern: "", value: "", match: "" },
    required: "pattern",
    example: "type=semver,pattern={{version}}"
  },
  pep440: {
    priority: 900,
    defaults: { pattern: "", value: "", match: "" },
    required: "pattern",
    example: "type=pep440,pattern={{version}}"
  },
  match: {
    priority: 800,
    defaults: { pattern: "", group: "0", value: "" },
    required: "pattern",
    example: "type=match,pattern=v(.*),group=1"
  },
  edge: { priority: 700, defaults: { branch: "" }, example: "type=edge" },
  ref: { priority: 600, defaults: { event: "" }, required: "event", example: "type=ref,event=branch" },
  raw: { priority: 200, defaults: { value: "" }, required: "value", example: "type=raw,value=nightly" },
  sha: { priority: 100, defaults: { format: "short" }, example: "type=sha" }
};
var types = Object.keys(forms).filter(isType);
var common = ["enable", "priority", "prefix", "suffix"];
var messages = {
  quote: 'has a quote in the middle of a field: put the whole field between quotes, as in `type=match,"pattern=v(.*),x"`, and write `""` for each quote in it',
  group: "write the number of a pair of parentheses in the pattern, or 0 for the whole match"
};
function isType(text) {
  return Object.hasOwn(forms, text);
}
function isRule(line) {
  return line.includes("=") || line.includes("{{");
}
function toRawRule(name) {
  return { type: "raw", priority: forms.raw.priority, attributes: { value: name, enable: "true" }, line: name };
}
function parseRule(line, reject) {
  const fields = splitFields(line);
  if (!fields) {
    reject(messages.quote);
    return void 0;
  }
  const { type = "raw", ...attributes } = parseFields2(fields);
  const problem = isType(type) ? findProblem(type, attributes) : `has the unknown type \`${type}\`; valid types: ${types.join(", ")}${didYouMean(type, types)}`;
  if (problem !== void 0) reject(problem);
  if (problem !== void 0 || !isType(type)) return void 0;
  return {
    type,
    line,
    priority: Number(attributes["priority"] ?? forms[type].priority),
    attributes: { enable: "true", ...forms[type].defaults, ...defaultPrefix(type, attributes), ...attributes }
  };
}
function parseFields2(fields) {
  const pairs = fields.filter((field) => field !== "").map((field) => {
    const equals = field.indexOf("=");
    if (equals <= 0 || field.slice(0, equals).includes("{{")) return ["value", field];
    return [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1).trim()];
  });
  return Object.fromEntries(pairs);
}
function defaultPrefix(type, { event }) {
  if (type === "sha") return { prefix: "sha-" };
  return type === "ref" && event === "pr" ? { prefix: "pr-" } : {};
}
var checks = {
  priority: (value, type) => /^-?\d+(\.\d+)?$/.test(value) ? void 0 : `has the priority \`${value}\`: write a number, such as \`priority=${forms[type].priority}\``,
  event: (value) => notOneOf("event", value, ["branch", "tag", "pr"]),
  group: (value) => /^\d+$/.test(value) ? void 0 : `has the group \`${value}\`: ${messages.group}`,
  format: (value) => notOneOf("format", value, ["short", "long"]),
  match: invalidPattern,
  pattern: (value, type) => type === "match" ? invalidPattern(value) : void 0
};
function findProblem(type, attributes) {
  const { defaults, required, example } = forms[type];
  const known = [...common, ...Object.keys(defaults)];
  const unknown = Object.keys(attributes).find((name) => !known.includes(name));
  if (unknown !== void 0) {
    const valid = `valid attributes: ${known.join(", ")}${didYouMean(unknown, known)}`;
    return `has the attribute \`${unknown}\`, which \`type=${type}\` does not have; ${valid}`;
  }
  if (required !== void 0 && !Object.hasOwn(attributes, required))
    return `has no \`${required}\`: write \`${example}\``;
  const problems2 = Object.entries(checks).flatMap(([name, check]) => {
    const value = attributes[name];
    return (value === void 0 ? void 0 : check(value, type)) ?? [];
  });
  return problems2[0];
}
function notOneOf(name, value, values) {
  if (values.includes(value)) return void 0;
  const forms2 = values.map((each) => `\`${name}=${each}\``);
  const list2 = `${forms2.slice(0, -1).join(", ")} or ${forms2.at(-1) ?? ""}`;
  return `has the unknown ${name} \`${value}\`: write ${list2}${didYouMean(value, values)}`;
}
function invalidPattern(pattern) {
  try {
    toRegExp(pattern);
    return void 0;
  } catch (error) {
    return `has a pattern that is not a valid regular expression: ${errorMessage(error)}`;
  }
}
function toRegExp(pattern) {
  const [, inner, flags = ""] = /^\/(.+)\/([a-z]*)$/s.exec(pattern) ?? [];
  return inner === void 0 ? new RegExp(pattern) : new RegExp(inner, flags);
}

// src/metadata/rules/evaluate.ts
function evaluateRules(rules2, ruleContext2) {
  const { flavor, sanitise, context } = ruleContext2;
  const byPriority = [...rules2].sort((a, b) => b.priority - a.priority);
  const values = byPriority.flatMap((rule) => evaluateRule(rule, ruleContext2));
  const [first] = values;
  if (!first) return [];
  const wantsLatest = flavor.latest === "auto" || flavor.latest === "highest" ? first.latest : flavor.latest === "true";
  const latest = wantsLatest ? [sanitise(expandLatest(flavor, context.expressions))] : [];
  return [.../* @__PURE__ */ new Set([...values.map(({ value }) => sanitise(value)), ...latest])];
}
function expandLatest({ prefix, prefixLatest, suffix, suffixLatest }, expressions) {
  const expandPart = (template) => expand(template, expressions, () => void 0);
  return `${prefixLatest ? expandPart(prefix) : ""}latest${suffixLatest ? expandPart(suffix) : ""}`;
}
function evaluateRule(rule, ruleContext2) {
  const { context, flavor } = ruleContext2;
  const reject = onceEach((expected) => ruleContext2.reject(rule, expected));
  checkTemplates(rule, ruleContext2, reject);
  const expandText = (template, more = {}) => expand(template, { ...more, ...context.expressions }, reject);
  const { enable = "true", prefix = flavor.prefix, suffix = flavor.suffix } = rule.attributes;
  const enabled = expandText(enable);
  if (!/^(true|false)$/i.test(enabled))
    reject(`has \`enable=${enabled}\`: write \`true\`, \`false\`, or an expression that gives one of them`);
  if (!/^true$/i.test(enabled)) return [];
  const tag = evaluators[rule.type]({ ...ruleContext2, rule, expandText });
  if (tag === void 0) return [];
  const value = `${expandText(prefix)}${tag.value}${expandText(suffix)}`;
  if (/^[.-]+$/.test(value)) ruleContext2.note(`\`${value}\` is not a valid tag: \`${rule.line}\` gives no tag`);
  return /^[.-]*$/.test(value) ? [] : [{ ...tag, value }];
}
function onceEach(reject) {
  const reported = /* @__PURE__ */ new Set();
  return (expected) => {
    if (!reported.has(expected)) reject(expected);
    reported.add(expected);
  };
}
function checkTemplates({ type, attributes }, { context, flavor }, reject) {
  const expressions = { ...context.expressions, commit_date: context.expressions["date"] ?? (() => "") };
  const versions = versionExpressions({ raw: "", version: "", major: "", minor: "", patch: "" });
  const { enable = "", prefix = flavor.prefix, suffix = flavor.suffix, value = "", pattern = "" } = attributes;
  for (const template of [enable, prefix, suffix, value]) expand(template, expressions, reject);
  if (type === "schedule") expand(pattern, expressions, reject);
  if (type === "semver" || type === "pep440") expand(pattern, { ...versions, ...expressions }, reject);
}
var evaluators = {
  schedule: ({ rule, context, expandText }) => context.name.includes("schedule") ? tagValue(expandText(attribute(rule, "pattern"))) : void 0,
  semver: (tagContext) => fromVersion(tagContext, parseSemver, "is not a valid semantic version (https://semver.org)"),
  pep440: (tagContext) => fromVersion(tagContext, parsePep440, "is not a valid Python version (https://peps.python.org/pep-0440)"),
  match: fromMatch,
  edge: ({ rule, context, event }) => {
    const requested = attribute(rule, "branch");
    const branch = requested === "" || requested === "$repo.default_branch" ? event.defaultBranch : requested;
    return context.branch !== "" && context.branch === branch ? tagValue("edge") : void 0;
  },
  ref: ({ rule, context }) => {
    const event = attribute(rule, "event");
    const value = event === "pr" ? context.number : event === "tag" ? context.tag : context.branch;
    return value === "" ? void 0 : tagValue(value, event === "tag");
  },
  raw: ({ rule, expandText }) => tagValue(expandText(attribute(rule, "value"))),
  sha: ({ rule, context }) => {
    const value = attribute(rule, "format") === "long" ? context.sha : context.shortSha;
    return value === "" ? void 0 : tagValue(value);
  }
};
function tagValue(value, latest = false) {
  return { value, latest };
}
function attribute(rule, name) {
  return rule.attributes[name] ?? "";
}
function subjectOf({ rule, context, expandText }) {
  const value = attribute(rule, "value");
  if (value !== "") return expandText(value);
  return context.tag === "" ? void 0 : context.tag;
}
function fromVersion(tagContext, parse, invalid) {
  const { rule, expandText, note } = tagContext;
  const subject = subjectOf(tagContext);
  if (subject === void 0) return void 0;
  const match = attribute(rule, "match");
  const matched = match === "" ? null : toRegExp(match).exec(subject);
  if (match !== "" && !matched) note(`${match} of \`${rule.line}\` does not match ${subject}`);
  const name = (matched?.[1] ?? matched?.[0] ?? subject).replaceAll("/", "-");
  const version = parse(name);
  if (!version) {
    note(`${name} ${invalid}: \`${rule.line}\` gives no tag`);
    return void 0;
  }
  const pattern = attribute(rule, "pattern");
  if (version.preRelease) return tagValue(isOnly(pattern, "raw") ? version.raw : version.version);
  return tagValue(expandText(pattern, versionExpressions(version)), true);
}
function versionExpressions({ raw, version, major, minor, patch }) {
  return { raw: () => raw, version: () => version, major: () => major, minor: () => minor, patch: () => patch };
}
function fromMatch(tagContext) {
  const { rule, note } = tagContext;
  const subject = subjectOf(tagContext);
  if (subject === void 0) return void 0;
  const pattern = attribute(rule, "pattern");
  const group = Number(attribute(rule, "group"));
  const matched = toRegExp(pattern).exec(subject);
  const value = matched?.[group];
  if (value !== void 0) return tagValue(value, true);
  const reason = matched ? `${pattern} has no group ${group} that matches ${subject}` : `${pattern} does not match ${subject}`;
  note(`${reason}: \`${rule.line}\` gives no tag`);
  return void 0;
}

// src/metadata/tags.ts
var messages2 = {
  comment: "has a comment behind it: comments need a line of their own",
  spaces: "contains spaces: write one tag per line, or commas between them",
  tagForm: "or another name of letters, digits, `.`, `_` and `-` that begins with a letter, digit or `_`",
  cache: "begins with `buildcache-`, which is reserved for tags of the build cache: choose another name; for a branch of this name, set `tags`"
};
function parseTags({ input: input5, text }, options, report) {
  const tagOptions = { ...options, input: input5, report };
  const lines = splitLines(text).map(({ text: text2 }) => unquote(text2) ?? text2);
  if (lines.length === 0) return planByEvent(tagOptions);
  if (options.flavor.given || lines.some(isRule)) return planByRules(lines, tagOptions);
  const { names: names2, references } = parseNames(lines, tagOptions);
  return { names: [...new Set(names2.map(replaceInvalid))], references, byEvent: false, notes: [] };
}
function planByEvent(options) {
  const { event, flavor } = options;
  const { names: names2, latest } = defaultTags(event);
  if (names2.some((tag) => isEphemeral(tag, event, false)))
    return { names: [ephemeralTag(event, matrixParts(options))], references: [], byEvent: true, notes: [] };
  const tags = flavor.given ? evaluateRules(names2.map(toRawRule), ruleContext({ ...options, flavor: withLatest(flavor, latest) }, [])) : [...names2, ...latest ? ["latest"] : []];
  refuseCacheTags(tags, options);
  return { names: tags, references: [], byEvent: true, notes: [] };
}
function matrixParts({ flavor, variant, context, ...options }) {
  const expandPart = (template) => expand(template, context.expressions, rejecter(template, options));
  return [expandPart(flavor.prefix), variant, expandPart(flavor.suffix)];
}
function withLatest(flavor, latest) {
  const isByEvent = flavor.latest === "auto" || flavor.latest === "highest";
  return isByEvent ? { ...flavor, latest: latest ? "true" : "false" } : flavor;
}
function planByRules(lines, options) {
  const rules2 = lines.filter(isRule).flatMap((line) => parseRule(line, rejecter(line, options)) ?? []);
  const plain = parseNames(
    lines.filter((line) => !isRule(line)),
    options
  );
  const notes = [];
  const all = [...rules2, ...plain.names.map(toRawRule)];
  const names2 = evaluateRules(inLineOrder(lines, all), ruleContext(options, notes));
  refuseCacheTags(names2, options);
  return { names: names2, references: plain.references, byEvent: true, notes };
}
function inLineOrder(lines, rules2) {
  const position = ({ line }) => lines.findIndex((given) => given === line || !isRule(given) && splitNames(given).includes(line));
  return [...rules2].sort((a, b) => position(a) - position(b));
}
function ruleContext({ event, context, flavor, ...options }, notes) {
  return {
    event,
    context,
    flavor,
    sanitise: sanitiseTag,
    reject: ({ line }, expected) => rejecter(line, options)(expected),
    note: (text) => notes.push(text)
  };
}
function rejecter(given, { input: input5, report }) {
  return (expected) => report({ input: input5, given: shorten(given), expected });
}
function parseNames(lines, options) {
  const names2 = /* @__PURE__ */ new Set();
  const references = /* @__PURE__ */ new Map();
  for (const entry of lines.flatMap(splitNames)) {
    const tag = parseTag(entry, options);
    if (typeof tag === "string") names2.add(tag);
    else if (tag) references.set(`${formatRepository(tag)}:${tag.tag}`, tag);
  }
  return { names: [...names2], references: [...references.values()] };
}
function splitNames(line) {
  const parts = line.split(",").map((part) => part.trim());
  return parts.filter((part) => part !== "");
}
function parseTag(entry, options) {
  const reject = rejecter(entry, options);
  if (/[:@]/.test(entry)) {
    const reference = parseTagReference(lowerCaseRepository(entry, options.event), reject);
    if (reference) refuseCacheTag(reference.tag, reject);
    return reference;
  }
  const problem = invalidName(entry);
  if (problem !== void 0) {
    reject(problem);
    return void 0;
  }
  refuseCacheTag(replaceInvalid(entry), reject);
  return entry;
}
function replaceInvalid(name) {
  return name.replace(/[^A-Za-z0-9._-]+/g, "-");
}
function invalidName(name) {
  const valid = sanitiseTag(name);
  if (/\s#/.test(name)) return messages2.comment;
  if (/\s/.test(name)) return messages2.spaces;
  if (/^[^/]*\.[^/]*\//.test(name)) {
    const forms2 = `\`${name}:latest\` for a repository, or \`${valid}\` for a tag`;
    return `is neither a tag nor a full reference: write ${forms2}`;
  }
  if (name.length > longestTag) return `has ${name.length} characters, and a tag has ${longestTag} at most`;
  return isTag(replaceInvalid(name)) ? void 0 : `is not a valid tag: write \`${valid}\`, ${messages2.tagForm}`;
}
function refuseCacheTags(names2, options) {
  for (const name of names2) refuseCacheTag(name, rejecter(name, options));
}
function refuseCacheTag(name, reject) {
  if (name.startsWith("buildcache-")) reject(messages2.cache);
}
function allRepositories(images, { references }) {
  const all = [...images, ...references.map(({ registry, path }) => ({ registry, path }))];
  return [...new Map(all.map((repository) => [formatRepository(repository), repository])).values()];
}
function imageVersion({ names: [name], references: [reference] }, suffix) {
  const tag = name ?? reference?.tag;
  return tag === void 0 ? "" : `${tag}${suffix}`;
}
function applyTags(plan, images, suffix, reject) {
  const withSuffix = (tag) => `${plan.byEvent ? tag.slice(0, Math.max(1, longestTag - suffix.length)) : tag}${suffix}`;
  const names2 = images.flatMap((image) => plan.names.map((name) => ({ ...image, tag: withSuffix(name) })));
  const tags = [...names2, ...plan.references.map((reference) => ({ ...reference, tag: withSuffix(reference.tag) }))];
  for (const tag of new Set(tags.map((reference) => reference.tag)))
    if (!isTag(tag)) reject(shorten(tag), tooLong(tag, suffix));
  return [...new Map(tags.map((tag) => [`${formatRepository(tag)}:${tag.tag}`, tag])).values()];
}
function tooLong(tag, suffix) {
  return `has ${tag.length} characters with its suffix \`${shorten(suffix)}\`, and a tag has ${longestTag} at most`;
}

// src/metadata/image-metadata.ts
function parseImageMetadata(options) {
  const { env, event, tags, variant, tagged, report } = options;
  const notes = /* @__PURE__ */ new Set();
  const context = metadataContext(
    event,
    env,
    (expected) => report({ input: tags.input, expected }),
    (text) => notes.add(text)
  );
  const flavor = parseFlavor(options.flavor, report);
  const plan = parseTags(tags, { event, context, flavor, variant }, tagged ? report : () => void 0);
  const applied = tagged ? plan : { ...plan, names: [], references: [], notes: [] };
  const generated = (suffix) => generateLabels(event, context, imageVersion(plan, suffix), env);
  const annotations = requestedAnnotations(options, context);
  const metadata = {
    version: (suffix) => imageVersion(plan, suffix),
    highest: (suffix) => versionTags(flavor, context, suffix),
    labels: (requested, suffix) => overlayLabels(generated(suffix), requested, context),
    annotations: (suffix) => overlayAnnotations(generated(suffix), annotations.levels, annotations.requested)
  };
  return {
    ...metadata,
    plan: applied,
    warnings: () => [...applied.notes, ...notes],
    tags: (images, suffix) => applyTags(applied, images, suffix, (given, expected) => report({ input: tags.input, given, expected })),
    variables: (images, labels) => metadataVariables({
      version: metadata.version(""),
      tags: applyTags(plan, images, "", () => void 0).map(formatTagReference),
      labels: metadata.labels(labels, ""),
      annotations: metadata.annotations("")
    })
  };
}
function versionTags({ latest, prefix, suffix }, { expressions, tag }, variantSuffix) {
  if (latest !== "highest") return void 0;
  const [before, after] = [prefix, suffix].map((template) => expand(template, expressions, () => void 0));
  const version = parseSemver(tag);
  return {
    prefix: before ?? "",
    suffix: after ?? "",
    variantSuffix,
    gitVersion: version && !version.preRelease ? version.version : ""
  };
}
function requestedAnnotations({ env, annotations, exporterAnnotations, report }, context) {
  const variable2 = "DOCKER_METADATA_ANNOTATIONS_LEVELS";
  const given = env[variable2] ?? "";
  const levels2 = parseLevels(
    given,
    (expected) => report({ input: annotations.input, given, expected: `in the variable ${variable2} ${expected}` })
  );
  const options = { defaultLevels: levels2, context, report };
  const entries = exporterAnnotations.entries.map((text) => ({ text }));
  const ofExporters = parseAnnotationEntries(exporterAnnotations.input, entries, options);
  return { levels: levels2, requested: [...ofExporters, ...parseAnnotations(annotations, options)] };
}

// src/inputs/folded-lists.ts
var variable = /[\s,]([A-Z_][A-Z0-9_]*)=/;
var dottedKey = /\s((?:[a-z-]+(?:\[[^\]]*\])?:)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)=/;
var contextName = /\s([\w./-]+)=/;
var otherEntries = {
  "build-args": variable,
  labels: dottedKey,
  annotations: dottedKey,
  secrets: /\s([A-Z_][A-Z0-9_]*)=/,
  "secret-files": contextName,
  "build-contexts": contextName
};
function warnFolded(variants, { text, warn }) {
  const ofVariants = variants.flatMap(({ buildArgs }) => Object.entries(buildArgs));
  for (const [input5, pattern] of Object.entries(otherEntries)) {
    const values = new Map([...entriesOf(text(input5), input5), ...input5 === "build-args" ? ofVariants : []]);
    for (const [name, value] of values) {
      const part = otherPart(value, pattern);
      if (part !== void 0) warn(message(input5, name, input5 === "secrets" ? "another entry" : part));
    }
  }
}
function entriesOf(text, input5) {
  return splitRecords(input5, text, () => void 0).filter(({ quoted }) => !quoted).map((entry) => [entry.text.split("=", 1).join(""), entry.text.slice(entry.text.indexOf("=") + 1)]);
}
function otherPart(value, pattern) {
  const other = pattern.exec(value)?.[1];
  if (other !== void 0) return `\`${other}=\``;
  return /\s#\s/.test(value) ? "a comment" : void 0;
}
function message(input5, name, part) {
  return `\`${input5}\`: the value of \`${shorten(name)}\` contains ${part}. Entries and comments need a line of their own: use \`|\`, not \`>\`, for lists of several lines.`;
}

// src/inputs/partial.ts
function parsePartial(source, push) {
  const { partial } = parseTable({ partial: ["partial", boolean()] }, source);
  if (!partial) return { push, partial };
  const { trust, readOnlyTrigger: readOnlyTrigger2 } = source.event;
  if (push && trust === "fork") source.note("This run has the level `fork`: with `partial: true` nothing is pushed.");
  if (trust === "fork" || readOnlyTrigger2 !== void 0 && source.text("push") === "") return { push: false, partial };
  const form3 = "pushes a part for the merge action, but the other inputs push nothing: remove `partial`, or use";
  passes(failFor(source.report, "partial"), "true", [[!push, `${form3} \`push: true\` without \`call\``]]);
  return { push, partial };
}
function warnOfIndexAnnotations(annotations, { env, warn }) {
  if ((env["DOCKER_METADATA_ANNOTATIONS_LEVELS"] ?? "") !== "") return;
  const levels2 = annotations.filter(({ level }) => level !== "manifest").map(formatLevel);
  if (levels2.length > 0)
    warn(
      `\`annotations\` of the level ${[...new Set(levels2)].join(", ")} have no effect with \`partial: true\`: write them in \`annotations\` of the merge action, which assembles the index.`
    );
}

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
  return isGiven ? (await import("./chunk-VDHDPNRM.js")).parseSignInputs(source, run) : void 0;
}
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

// src/inputs/variants.ts
function repositoriesOf(variants) {
  return variants.flatMap(({ images, mirrors = [] }) => [...images, ...mirrors.map(({ repository }) => repository)]);
}
var input3 = "variants";
var keys = ["target", "file", "build-args", "labels", "platforms", "tag-suffix", "test", "test-target"];
var namePattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$/;
var mapForm = "write `slim: {target: slim}`, one variant per line";
function isVariantName(name, fail) {
  return passes(fail, name, [
    [
      !namePattern.test(name),
      "is not a valid name: a name is a part of tags, so it has letters, digits, `.`, `_` and `-`, at most 63, and begins with a letter, digit or `_`"
    ]
  ]);
}
async function parseVariants(text, step, env, report) {
  const fail = failFor(report, input3);
  const expected = `is not a map of variants: ${mapForm}`;
  const map = await parseYamlMap(text, { input: input3, expected }, report);
  const names2 = map ? await parseYamlKeys(text) : [];
  passes(fail, text, [[map !== void 0 && names2.length === 0, expected]]);
  checkNames(names2, fail);
  return names2.map((name) => parseVariant(name, map?.[name], step, { env, report, fail }));
}
function checkNames(names2, fail) {
  const valid = names2.filter((name) => isVariantName(name, fail));
  for (const name of repeated(valid, (one) => one.toLowerCase())) {
    const other = valid.findLast((one) => one !== name && one.toLowerCase() === name.toLowerCase()) ?? "";
    fail(`shares its cache tag with \`${other}\` on registries that ignore case: choose another name`, name);
  }
}
function parseVariant(name, entry, step, context) {
  const { env, report, fail } = context;
  const where = ` in \`${name}\``;
  if (entry !== "" && !isRecord(entry)) fail(`has no map of settings: ${mapForm}`, name);
  const map = withTestCommand(isRecord(entry) ? entry : {});
  const text = parseFields(map, { what: "a variant", keys, where }, fail);
  const lines = (key) => parseLines(map, key, where, context);
  const platforms = lines("platforms").flatMap((line) => splitList(line.text));
  return {
    name,
    tagSuffix: parseSuffix(text("tag-suffix") ?? (namePattern.test(name) ? `-${name}` : ""), fail),
    file: text("file") ?? step.file,
    target: text("target") ?? step.target,
    buildArgs: { ...step.buildArgs, ...parseRecord({ input: input3, where, lookUp: env }, lines("build-args"), report) },
    labels: {
      ...step.labels,
      ...parseRecord({ input: input3, where }, normaliseEntries(input3, lines("labels"), report), report)
    },
    platforms: platforms.length > 0 ? parsePlatforms(input3, platforms, report) : step.platforms,
    test: text("test") ?? step.test,
    testTarget: text("test-target") ?? step.testTarget
  };
}
function parseSuffix(suffix, fail) {
  const message2 = "is not a valid tag-suffix: use letters, digits, `.`, `_` and `-`, as in `-slim`";
  return passes(fail, suffix, [[!/^[A-Za-z0-9._-]{0,127}$/.test(suffix), message2]]) ? suffix : "";
}
function parseLines(map, key, where, { report, fail }) {
  const value = fieldOf(map, key) ?? "";
  if (typeof value === "string") return splitRecords(input3, value, report);
  const isMap = isRecord(value) && key !== "platforms";
  const lines = isMap ? Object.entries(value).map(([name, text]) => typeof text === "string" ? `${name}=${text}` : text) : value;
  const forms2 = key === "platforms" ? "a string or a list" : "lines of `NAME=value`, a list or a map of them";
  return listField({ [key]: lines }, key, fail, `${forms2}${where}`).map((text) => ({ text, line: 0 }));
}

// src/inputs/image-inputs.ts
var readOnlyTriggers = {
  fork: "this run builds a pull request from a fork, whose token can only read. `push: true` pushes with another login.",
  Dependabot: "Dependabot triggered this run, whose token can only read by default. `push: true` pushes, with `permissions: packages: write` or with another login."
};
function parsePush(source, settings) {
  const { text, report } = source;
  const { imagePush, call } = settings;
  const given = text("push");
  const isOther = asksForOther(source, settings);
  const push = parseBoolean("push", given || String(pushesByDefault(source, imagePush, isOther)), report);
  failEach(failFor(report, "push", given), [
    [push && call !== void 0, `has no effect with \`call: ${call ?? ""}\`, which builds nothing: remove it`],
    [!push && imagePush === "yes", "contradicts `outputs`, which pushes: remove one of them"],
    [push && imagePush === "no", "contradicts `outputs`, which does not push: remove one of them"]
  ]);
  const isUnspecified = given === "" && imagePush === "unspecified" && !isOther && text("image") !== "";
  const message2 = "has an image, but does not specify whether to push it: write `push: true` or `push: false`";
  passes(failFor(report, "outputs"), text("outputs"), [[isUnspecified, message2]]);
  return push && !call;
}
function asksForOther({ text }, { load, exports, call }) {
  const onlyNodes = text("dry-run") === "nodes" && text("image") === "" && text("tags") === "";
  return [load, exports.length > 0, call, /\bcacheonly\b/.test(text("outputs")), onlyNodes].some(Boolean);
}
function pushesByDefault({ text, note, event }, imagePush, isOther) {
  if (imagePush !== void 0 || isOther) return imagePush === "yes";
  const reason = event.readOnlyTrigger && readOnlyTriggers[event.readOnlyTrigger];
  if (reason !== void 0 && text("push") === "") note(`Nothing is pushed, because ${reason}`);
  return reason === void 0;
}
async function parseImageInputs(source, { push, partial }, { load, call, imageAnnotations }) {
  const { text, report } = source;
  const { images, mirrors } = parseImageList(source);
  const named = (input5) => ({ input: input5, text: text(input5) });
  const metadata = parseImageMetadata({
    env: source.env,
    event: source.event,
    tags: named("tags"),
    flavor: named("flavor"),
    annotations: named("annotations"),
    variant: text("variant"),
    exporterAnnotations: { input: "outputs", entries: imageAnnotations },
    tagged: push || load || text("tags") !== "",
    report
  });
  const repositories = withoutMirrors(allRepositories(images, metadata.plan), mirrors, source);
  if (push) checkTagged(source, repositories, metadata.plan, partial);
  const context = parseContext(source);
  const drafts = await parseDrafts2(source, (labels) => ({ ...metadata.variables(images, labels), ...source.env }));
  const tagsOf = (suffix) => partial ? [] : metadata.tags([...images, ...mirrors], suffix);
  const variants = drafts.map((draft) => ({
    name: draft.name,
    images: repositories,
    ...byRepository(tagsOf(draft.tagSuffix), mirrors, push && !partial),
    platforms: draft.platforms,
    context: context ?? "",
    ...dockerfileOf(draft, context, source),
    buildArgs: draft.buildArgs,
    labels: metadata.labels(draft.labels, draft.tagSuffix),
    annotations: metadata.annotations(draft.tagSuffix),
    ...versionOf(metadata, draft.tagSuffix),
    ...parseImageTests(draft, call, source)
  }));
  checkVariants(variants, partial, source);
  return { variants, warnings: metadata.warnings() };
}
function versionOf({ version, highest }, suffix) {
  const tags = highest(suffix);
  return { version: version(suffix), ...tags && { highest: tags } };
}
function isListed(repository, list2) {
  return list2.some((one) => isSameRepository(one, repository));
}
var onlyMirrors = "lists only mirrors (`required=false`): at least one repository must be required";
function withoutMirrors(all, mirrors, { report }) {
  const required = all.filter((one) => !isListed(one, mirrors));
  passes(failFor(report, "image"), void 0, [[mirrors.length > 0 && required.length === 0, onlyMirrors]]);
  return required;
}
function byRepository(tags, mirrors, isCopied) {
  const withTags = mirrors.map((repository) => ({
    repository,
    tags: tags.filter((tag) => isSameRepository(tag, repository))
  }));
  return {
    tags: tags.filter((tag) => !isListed(tag, mirrors)),
    ...isCopied && mirrors.length > 0 && { mirrors: withTags }
  };
}
function checkVariants(variants, partial, source) {
  checkTagsDiffer(variants, source);
  warnFolded(variants, source);
  if (partial) warnOfIndexAnnotations(variants[0]?.annotations ?? [], source);
}
function dockerfileOf({ file, target }, context, source) {
  const input5 = file === source.text("file") ? "file" : "variants";
  const path = context === void 0 ? void 0 : parseDockerfile({ input: input5, file, context }, source);
  return { ...path !== void 0 && { file: path }, ...target !== "" && { target } };
}
async function parseDrafts2({ text, report }, variablesOf) {
  const name = text("variant");
  const labelEntries = normaliseEntries("labels", splitRecords("labels", text("labels"), report), report);
  const labels = parseRecord({ input: "labels" }, labelEntries, report);
  const env = variablesOf(labels);
  const step = {
    name: name !== "" && isVariantName(name, failFor(report, "variant")) ? name : "",
    tagSuffix: "",
    file: text("file"),
    target: text("target"),
    buildArgs: parseRecordInput({ input: "build-args", lookUp: env }, text("build-args"), report),
    labels,
    platforms: parsePlatforms("platforms", splitList(text("platforms")), report),
    test: text("test"),
    testTarget: text("test-target")
  };
  if (text("variants") === "") return [step];
  passes(failFor(report, "variant"), name, [
    [name !== "", "cannot be combined with `variants`: a step builds one named variant or several; remove one of them"]
  ]);
  return await parseVariants(text("variants"), step, env, report);
}

// src/inputs/nodes/builder-store.ts
import { join as join2 } from "node:path";
function buildxConfigDir(env) {
  const { BUILDX_CONFIG: dir = "" } = env;
  return dir === "" ? join2(dockerConfigDir(env), "buildx") : dir;
}
function createBuilderStore(env) {
  const instances = join2(buildxConfigDir(env), "instances");
  const defaults = join2(buildxConfigDir(env), "buildkitd.default.toml");
  return {
    list: () => tryList(instances).sort(),
    read: (name) => tryRead(join2(instances, name)) || void 0,
    defaultConfig: () => ({ file: defaults, text: tryRead(defaults).trim() }),
    contextHost: (name) => contextHost(dockerConfigDir(env), name)
  };
}

// src/inputs/registries.ts
var input4 = "registries";
var keys2 = ["ca", "http", "insecure", "mirrors"];
var form2 = "write `registry.example.com: {ca: path/to/ca.pem}`, one registry per line";
var hostPattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?$/;
async function parseRegistries(source) {
  const text = source.text(input4);
  const map = text === "" ? {} : await parseYamlMap(text, { input: input4, expected: `is not a map of registries: ${form2}` }, source.report);
  const hosts = Object.entries(map ?? {}).flatMap(([host, entry]) => {
    const parsed = parseHost(host, entry, source);
    return parsed ? [[host.toLowerCase(), parsed]] : [];
  });
  return Object.fromEntries(hosts);
}
function parseHost(host, entry, source) {
  const fail = failFor(source.report, input4, host);
  const forms2 = "write it as in image names, `registry.example.com:5000`, without a scheme";
  passes(fail, host, [[!hostPattern.test(host), `is not a valid host: ${forms2}`]]);
  passes(fail, host, [[!isRecord(entry), `has no settings: ${form2}`]]);
  if (!isRecord(entry)) return void 0;
  const text = parseFields(entry, { what: "a registry", keys: keys2, where: ` in \`${host}\`` }, fail);
  const flag = (key) => parseBoolean(
    input4,
    text(key) ?? "false",
    (issue) => source.report({ ...issue, given: `${key}: ${issue.given ?? ""}` })
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
  const message2 = `is neither a PEM certificate nor a file that contains one: ${path} was not found`;
  if (!passes(failCa, void 0, [[!paths.exists(path), message2]])) return "";
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
function checkSections(config, hosts, report) {
  for (const host of Object.keys(hosts))
    passes(failFor(report, input4), host, [
      [
        registrySections(config, host) !== "",
        "also has a section in the configuration of buildkitd: write all of its settings in one of the two"
      ]
    ]);
}
function checkReach(config, images, report) {
  for (const host of new Set(images.map(({ registry }) => registry))) {
    const key = /^\s*(http|insecure|ca)\s*=/m.exec(registrySections(config, host))?.[1] ?? "";
    const form3 = `registries: {${host}: {${key}: \u2026}}`;
    passes(failFor(report, "buildkitd-config-inline"), `[registry."${host}"] ${key}`, [
      [key !== "", `applies only to the daemons: write \`${form3}\`, so that the login and the checks use it too`]
    ]);
  }
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
  const variable2 = (name) => firstGiven(env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${name}`], env[`OTEL_EXPORTER_OTLP_${name}`]);
  const exporters = splitList(env[`OTEL_${signal.toUpperCase()}_EXPORTER`] ?? "");
  const isOff = env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true";
  const url = parseEndpoint2(signal, source, variable2("PROTOCOL"));
  if (url === "" || isOff || exporters.length > 0 && !exporters.includes("otlp")) return void 0;
  const timeout = Number(variable2("TIMEOUT") || defaultTimeout);
  return {
    url,
    headers: Object.fromEntries(Object.entries(parsePairs(variable2("HEADERS"))).filter(isHeader)),
    timeout: timeout > 0 ? timeout : defaultTimeout,
    gzip: variable2("COMPRESSION") === "gzip",
    certificate: variable2("CERTIFICATE")
  };
}
function firstGiven(...texts) {
  return texts.find((text) => text !== void 0 && text !== "") ?? "";
}
function parseEndpoint2(signal, { env, text, report, warn }, protocol) {
  const given = text("otlp-endpoint");
  const own = `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`;
  if (given !== "" && !isEndpoint(given)) failFor(report, "otlp-endpoint", withoutPassword(given))(endpointForm);
  const endpoints = { [own]: env[own], "otlp-endpoint": given, [generalEndpoint]: env[generalEndpoint] };
  const [name, endpoint = ""] = Object.entries(endpoints).find(([, url]) => firstGiven(url) !== "") ?? [];
  if (name === void 0) return "";
  const problem = name === "otlp-endpoint" ? void 0 : findProblem2(endpoint, protocol);
  if (problem !== void 0) warn(`No ${signal} are sent to ${name}, ${problem}.`);
  if (problem !== void 0 || !isEndpoint(endpoint)) return "";
  return name === own ? endpoint : withPath(endpoint, `v1/${signal}`);
}
function findProblem2(endpoint, protocol) {
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
var alternatives2 = {
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
function checkNames2({ env, report, warn }, known, isDeleting = false) {
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
  return Object.entries(env).flatMap(([variable2, value = ""]) => {
    const name = new RegExp("^INPUT_(\\P{Ll}+)$", "u").exec(variable2)?.[1];
    return name === void 0 ? [] : [[name.toLowerCase(), value]];
  });
}
function isMisspelled(name, known) {
  return /\W/.test(name) || Object.hasOwn(alternatives2, name) || didYouMean(name, known) !== "";
}
function remedy(name, inherits) {
  const variable2 = shorten(`INPUT_${name.toUpperCase()}`);
  return inherits ? `If it is an input of an enclosing composite action, write \`${variable2}: ''\` in \`env\` of this step` : `If the step does not set it, the job has a variable \`${variable2}\`: rename the variable`;
}
function hint(name, known) {
  const alternative = Object.hasOwn(alternatives2, name) ? alternatives2[name] : void 0;
  return alternative === void 0 ? didYouMean(name, known) || "; the README lists all inputs." : `: ${alternative}.`;
}

// src/inputs/inputs.ts
var rows3 = {
  ...sharedRows,
  /** Report the plan, or only the state of the nodes; change nothing. */
  dryRun: ["dry-run", choice({ true: true, nodes: "nodes", false: false }, false)],
  buildx: ["version", parseBuildxVersion],
  /** Whether `docker build` must be buildx for later steps. */
  install: ["install", boolean()],
  /** Whether a downloaded buildx is stored in the job's cache service. */
  cacheBinary: ["cache-binary", boolean(true)],
  /** Whether a failing Dockerfile step ends the builds of the other targets. */
  failFast: ["fail-fast", boolean(true)],
  /** Whether later steps of the job may use the logins, until the post step. */
  login: ["login", choice({ step: "step", job: "job" }, "step")],
  cleanup: cleanupRow,
  /** Whether the job gets a summary. */
  summary: ["summary", boolean(true)]
};
async function readInputs(env, platformEvent, files = hostFiles, builders = createBuilderStore(env)) {
  const diagnostics = new Diagnostics();
  const given = (name) => (env[variableOf(name)] ?? "").trim();
  const paths = new LocalPaths(platformEvent.workspace, files, diagnostics.report);
  const { texts, nodeList } = await parseAliases({ given, paths, diagnostics });
  const { report, warn, note, hasIssue } = diagnostics;
  const text = (name) => texts.get(name) ?? given(name);
  const trust = parseTrust({ event: platformEvent, text, report });
  const event = { ...platformEvent, trust };
  const source = { env, event, paths, text, report, warn, note, hasIssue };
  checkNames2(source, mainInputs);
  const builder = await parseBuilderInputs({ ...source, nodeList }, builders);
  const build2 = await parseBuild(source, builder);
  const inputs = {
    ...builder,
    ...build2,
    ...parseTable(rows3, source),
    trust,
    cache: parseCache(source),
    logins: await parseLogins(source, { images: repositoriesOf(build2.variants), push: build2.push || hasIssue("push") }),
    tagsGiven: text("tags") !== "",
    token: text("github-token"),
    telemetry: parseTelemetry(source),
    checkAnnotations: !/^(?:0|f|false)$/i.test(env["DOCKER_BUILD_CHECKS_ANNOTATIONS"] ?? "")
  };
  diagnostics.throwIssues();
  const warnings = [...diagnostics.warnings, ...build2.warnings];
  return { ...inputs, warnings, notes: diagnostics.notes, localPaths: paths.used };
}
async function parseBuild(source, { nodes }) {
  const { text, report } = source;
  const settings = parseSettingsForTrust(source);
  const pushed = parsePartial(source, parsePush(source, settings));
  const { variants, warnings } = await parseImageInputs(source, pushed, settings);
  checkPlatforms(variants, nodes, source);
  const native = [...new Set(nodes.flatMap(({ platforms: platforms2 }) => platforms2))];
  const platforms = variants.map((variant) => variant.platforms.length > 0 ? variant.platforms : native);
  checkTogether(settings, platforms, source);
  const parts = variants.flatMap(({ name }, index) => platforms[index]?.map((one) => exportPart(name, one)) ?? []);
  if (parts.length > 1)
    for (const files of settings.exports.filter((files2) => !isArchive(files2)))
      for (const part of parts) source.paths.use(exportDest(files, part), "outputs", "directory");
  const registries = await parseRegistries(source);
  checkSections(text("buildkitd-config-inline"), registries, report);
  checkReach(text("buildkitd-config-inline"), imagesOf(variants), report);
  return {
    ...pushed,
    sign: await parseSign(source, { ...pushed, trust: source.event.trust }),
    variants,
    warnings,
    registries,
    settings: withGitAccess(settings, variants[0]?.context ?? "", source)
  };
}
function imagesOf(variants) {
  return variants.flatMap(({ images }) => images);
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
  const text = (input5) => env[variableOf(input5)] ?? "";
  const values = Object.values(sources).flatMap((find) => find(text, env));
  const lines = values.flatMap((value) => value.split(/[\r\n]+/)).map((line) => line.trim());
  const short = ["password", "sign-password", "github-token"].map((input5) => text(input5).trim());
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

// src/registry/credentials/login.ts
import { existsSync as existsSync3 } from "node:fs";
import { delimiter, join as join3 } from "node:path";
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
function createHelperRunner({ debug, info }) {
  const outputs = /* @__PURE__ */ new Map();
  const run = async (helper, registry) => {
    const command = `docker-credential-${helper}`;
    try {
      const { code, stdout, stderr } = await logWait(
        `${command} (${registry})`,
        exec(command, ["get"], { input: registry, deadline: 2e4 }),
        info
      );
      if (code === 0) return stdout;
      debug(`${command} has no login for ${registry} (exit code ${code}): ${shorten(stdout || stderr)}`);
    } catch (error) {
      debug(`${command} could not be started for ${registry}: ${errorMessage(error)}`);
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
  return used.map((helper) => `docker-credential-${helper}`).filter((command) => !dirs.some((dir) => existsSync3(join3(dir, command)))).map((command) => ({ command, text: `${command} is not installed, and ${dockerConfigFile(env)} ${helperHint}` }));
}
var helperHint = "names it in `credsStore` or `credHelpers`: pulls and pushes with this configuration fail. Install it, or remove the entry.";
function parseHelperOutput(output) {
  const { Username: username, Secret: secret } = asRecord(tryParseJson(output));
  const password = asText(secret);
  if (password === "") return void 0;
  return username === "<token>" ? { username: "", password: "", identityToken: password } : { username: asText(username), password };
}

// src/run/journal.ts
import { appendFileSync, existsSync as existsSync4, readFileSync as readFileSync2 } from "node:fs";
function createJournal({ journal: path }) {
  writePrivate(path, "");
}
function openJournal({ journal: path }) {
  return { note: (entry) => appendFileSync(path, `${JSON.stringify(entry)}
`, { mode: 384 }) };
}

// src/job/event.ts
async function describeEvent(job2) {
  const details = job2.eventDetails();
  if (!details) return await withCommitDate(job2.event);
  const event = await withRepositoryDetails(job2.event, job2.env, details);
  return await withCommitDate(event, usesCommitDate(job2.env) ? details.commitDate : void 0);
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
    } catch (error) {
      return isRejected(error) ? void 0 : errorMessage(error);
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
function isRejected(error) {
  return error instanceof RegistryError && (error.kind === "denied" || error.kind === "unauthorized");
}

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
  const access = { env, fetch };
  const exchange = async (some) => {
    if (!some.some(({ ecr = false, hubOidc = false }) => ecr || hubOidc)) return some;
    const { exchangeHubTokens } = await import("./chunk-QUPBQCJ6.js");
    const { exchangeEcrKeys } = await import("./chunk-DOEGBUJM.js");
    return await exchangeEcrKeys(await exchangeHubTokens(some, access), access);
  };
  const required = exchange(logins.filter(({ registry }) => !isMirror(registry)));
  const optional = logins.filter(({ registry }) => isMirror(registry)).map(async (login) => {
    return await exchange([login]).catch((error) => {
      log.warn(`No login at ${login.registry}, which has only mirrors: ${errorMessage(error)}`);
      return [];
    });
  });
  return [...await required, ...(await Promise.all(optional)).flat()];
}

// src/run/owner.ts
import { lstatSync, readdirSync as readdirSync2, readlinkSync as readlinkSync2 } from "node:fs";
import { hostname } from "node:os";

// src/lib/processes.ts
import { readdirSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
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
async function waitForEnd(pids, patience2) {
  for (let waited = 0; waited < patience2 && pids.some(isRunning); waited += 20) await sleep(20);
}
async function findProcesses(dir, text) {
  const rows4 = process.platform === "linux" ? readCommandLines() : await listProcesses();
  return rows4.filter(({ pid, line }) => pid !== process.pid && line.includes(`${dir}/`) && line.includes(text)).map(({ pid }) => pid);
}
function readCommandLines() {
  const rows4 = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((name) => ({ pid: Number(name), line: tryRead(`/proc/${name}/cmdline`) }));
  return rows4.filter(
    ({ pid, line }) => programs.has(basename(line.split("\0")[0] ?? "")) && ownerId(pid) === process.getuid?.()
  );
}
async function listProcesses() {
  const { stdout } = await execTool("ps", ["-axww", "-o", "pid=,uid=,args="], { env: minimalEnv() });
  return stdout.split("\n").flatMap((row) => {
    const [, pid, uid, line = ""] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row) ?? [];
    const isRelevant = Number(uid) === process.getuid?.() && programs.has(basename(line.split(" ")[0] ?? ""));
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
function writeOwner(dir, owner) {
  writePrivate(dir.owner, JSON.stringify(owner));
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

// src/job/state.ts
function saveMainState({ dir, main, cleanup, packagesApi, images, began: began2 }) {
  const state = {
    main,
    cleanup,
    "packages-api": packagesApi,
    images: images.map(formatRepository).join(" "),
    began: began2,
    dir: dir.path
  };
  Object.entries(state).forEach(([name, value]) => saveState(name, value));
}
function saveDownload(file) {
  saveState("buildx", JSON.stringify(file));
}

// src/job/run-dir.ts
async function createRunDir(job2, event, { used = [], ...state }) {
  const dir = RunDir.choose(job2.env["RUNNER_TEMP"], [event.workspace, ...used]);
  const owner = await describeOwner({ ...event, scope: repositoryScope(event) });
  saveMainState({ ...state, dir, main: owner.main });
  dir.create();
  writeOwner(dir, owner);
  createJournal(dir);
  return dir;
}

// src/job/live.ts
function liveView() {
  if (!process.send) return {};
  return { reportLive: (targets2) => process.connected && process.send?.({ targets: targets2 }, () => void 0) };
}

// src/job/signing.ts
import { mkdirSync as mkdirSync2 } from "node:fs";
function signing(job2, { sign, dir, ...access }) {
  return async () => {
    if (!sign) return void 0;
    const { createSigner } = await import("./chunk-UVMGEQOA.js");
    mkdirSync2(dir, { mode: 448 });
    const { env, log, signal, event } = job2;
    const mask = (secrets) => job2.mask(secrets);
    return await createSigner({ ...access, settings: sign, dir, env, log, signal, serverUrl: event.serverUrl, mask });
  };
}

// src/job/telemetry.ts
function isOn({ traces, metrics }) {
  return traces !== void 0 || metrics !== void 0;
}
async function startTrace(settings, record2, event) {
  if (!settings.traces) return;
  const { createRoot } = await import("./chunk-DMHJNQZC.js");
  const { traceId, spanId } = createRoot(settings, event);
  record2.traceparent = `00-${traceId}-${spanId}-01`;
}
async function withTelemetry(job2, measured, work) {
  let failure;
  try {
    await work();
  } catch (error) {
    failure = error ?? new Error("unknown");
    throw error;
  } finally {
    await send(job2, measured, failure).catch((error) => job2.log.debug(`No telemetry: ${String(error)}`));
  }
}
async function send(job2, { action, record: record2 }, failure) {
  const { env, event, log, signal } = job2;
  const ignore = () => void 0;
  const text = (name) => (env[variableOf(name)] ?? "").trim();
  const settings = parseTelemetry({ env, text, report: ignore, warn: ignore });
  if (record2.isDry || !isOn(settings)) return;
  const { createRoot, describeEnd, sendTelemetry } = await import("./chunk-DMHJNQZC.js");
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
  warnings.forEach((warning) => log.warn(warning));
}

// src/job/main-step.ts
async function prepareMain(job2, record2) {
  job2.mask(secretsToMask(job2.env));
  const platformEvent = await describeEvent(job2);
  const inputs = await readInputs(job2.env, platformEvent);
  const event = { ...platformEvent, trust: inputs.trust };
  job2.summary.isWanted = inputs.summary;
  await startTrace(inputs.telemetry, record2, event);
  const { cleanup, packagesApi } = inputs;
  const images = repositoriesOf(inputs.variants);
  const used = inputs.localPaths;
  const dir = await createRunDir(job2, event, { cleanup, packagesApi, images, began: Date.now(), used });
  const hosts = await saveRegistryHosts(dir.registries, inputs.registries);
  const required = inputs.variants.flatMap((variant) => variant.images);
  const { logins, registries, dockerConfig } = await resolveLogins(job2, { ...inputs, images, required, hosts });
  const hostNames = images.map(({ registry }) => registry);
  missingHelpers(dockerConfig, hostNames, job2.env).forEach(({ text }) => job2.log.warn(text));
  const run = {
    inputs: { ...inputs, logins, registries: hosts, ...withRegistryConfig(inputs, hosts) },
    event,
    dir,
    journal: openJournal(dir),
    log: job2.log,
    signal: job2.signal,
    record: record2,
    dockerConfig
  };
  return { run, ports: mainPorts(job2, run, registries) };
}
function mainPorts(job2, run, registries) {
  const { inputs, event, dir, journal } = run;
  const { fetch } = registries;
  const agent = job2.env["SSH_AUTH_SOCK"];
  return {
    openNodes: () => {
      const opening = openNodes({ ...inputs, dir, agent, workspace: event.workspace }, journal);
      return logWait(`the nodes ${inputs.nodes.map(({ name }) => name).join(", ")}`, opening, job2.log.info);
    },
    provideBuildx: async (signal) => {
      const providing = provideRequested(job2, { ...run, signal }, registries);
      const buildx = await logWait("the installation of buildx", providing, job2.log.info);
      await loadBuild();
      return buildx;
    },
    findBuildx: () => findRequested(inputs, oldestBuildx(inputs.variants)),
    buildGroups: async (request) => {
      const { Scheduler } = await import("./chunk-WDE3SA4B.js");
      const onBegun = () => {
        request.onBegun();
        void loadPublishing();
      };
      return await new Scheduler({ ...request, ...liveView(), onBegun }).run();
    },
    callTargets: async (request) => await (await import("./chunk-XL5RDY7X.js")).callTargets(request),
    prepareSigning: signing(job2, { sign: inputs.sign, dir: dir.signing, registries, hosts: inputs.registries }),
    registries,
    packages: job2.packages(registries, inputs.packagesApi),
    runs: job2.runs(fetch),
    fetchRunStatus: job2.fetchRunStatus(fetch)
  };
}
async function loadBuild() {
  await Promise.all([import("./chunk-AMQOMRBI.js"), import("./chunk-WDE3SA4B.js"), limitGarbage()]);
}
async function loadPublishing() {
  await Promise.allSettled([import("./chunk-HVBGQD55.js"), import("./chunk-VB4MJV3H.js")]);
}
async function provideRequested(job2, run, { fetch }) {
  const { inputs, event, dir, log, signal } = run;
  if (inputs.install) await requireBuildAlias();
  const installation = {
    fetch,
    signal,
    dir,
    log,
    token: detectPlatform(event) === "github.com" ? inputs.token : "",
    toolCache: job2.env["RUNNER_TOOL_CACHE"] ?? "",
    useCache: inputs.cacheBinary
  };
  const { buildx, save } = await provideBuildx(inputs.buildx, installation, oldestBuildx(inputs.variants));
  if (save) saveDownload(save);
  return buildx;
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

// src/stories/access.ts
import { existsSync as existsSync5, mkdirSync as mkdirSync3, readdirSync as readdirSync3, symlinkSync } from "node:fs";
import { dirname, join as join4 } from "node:path";
function writeJobLogins({ inputs, dir, dockerConfig }, userDir) {
  const path = dir.jobDockerConfig;
  mkdirSync3(path, { mode: 448 });
  const names2 = existsSync5(userDir) ? readdirSync3(userDir) : [];
  names2.filter((name) => name !== "config.json").forEach((name) => symlinkSync(join4(userDir, name), join4(path, name)));
  const config = { ...asRecord(dockerConfig), ...createDockerConfig(dockerConfig, inputs.logins) };
  writePrivate(join4(path, "config.json"), JSON.stringify(config));
  return path;
}
async function endAccess({ dir }, keepsBuilder) {
  for (const path of [dirname(dir.dockerConfig), dir.scopedConfigs, dir.secrets, dir.tlsKeys, dir.signing])
    removeDir(path);
  await killProcessesIn(dir.path, keepsBuilder ? dir.agentSocket : "");
  dir.removeSockets(keepsBuilder);
}

// src/buildx/lost-caches.ts
function formatLostCaches({ group, lostCaches }) {
  const { targets: targets2 } = group;
  return lostCaches.map((lost) => {
    const target = targets2.find(({ id }) => id === lost.target) ?? (targets2.length === 1 ? targets2[0] : void 0);
    return `Cache export failed for ${target ? targetLabel(target) : "a target"}: ${explainLostCache(lost.error)}`;
  });
}
function explainLostCache(error) {
  return cacheErrorPattern("noCredentials").test(error) ? `${noCacheKeys}: ${error}` : error;
}
var noCacheKeys = "no credentials for S3 (set `access_key_id` and `secret_access_key` in `cache`, set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` in the `env` of the step, or give the node an instance role)";

// src/buildx/later-steps.ts
var bootDeadline = 9e4;
async function shareBuilder({ dir, buildx, instances, nodes, log }) {
  const sockets = /* @__PURE__ */ new Map();
  const unreachable = /* @__PURE__ */ new Set();
  const share = async (node, index) => {
    const route = instances.route(node);
    if (!route) return;
    const socket = dir.buildkitSocket(index);
    const start = () => startSharedForwarder(dir.owner, socket, route);
    const boot = () => exec(buildx.command, ["inspect", "--bootstrap", instances.forPlatforms(node, [])], {
      env: runEnv(dir),
      deadline: bootDeadline
    });
    if (await start() || node.driver.startsDaemon && (await boot()).code === 0 && await start())
      sockets.set(node, socket);
    else unreachable.add(node);
  };
  await Promise.all(nodes.map(share));
  const names2 = [...unreachable].map(({ spec }) => spec.name).join(", ");
  if (names2 !== "") log.warn(`use: the BuildKit of ${names2} does not answer, so later steps build without it.`);
  const reachable = nodes.filter((node) => !unreachable.has(node));
  return instances.replaceForLaterSteps(reachable, sockets);
}

// src/gc/background.ts
var startDelay = 1e3;
function startGarbageCollection(...request) {
  let collecting;
  let timer;
  const collect = () => collecting ??= import("./chunk-SEX4COZV.js").then((nodes) => nodes.collectNodeGarbage(...request));
  return {
    begin: () => {
      timer = setTimeout(() => void collect(), startDelay);
    },
    end: () => {
      clearTimeout(timer);
      return collect();
    },
    cancel: () => clearTimeout(timer)
  };
}

// src/gc/log.ts
var patience = 2e3;
async function logNodeGarbage(collecting, log) {
  const late = () => new Error(`not finished after ${patience / 1e3} s`);
  const collected = await withTimeout(patience, collecting, late).catch((error) => {
    log.debug(`Garbage collection on the nodes is left to the next run: ${errorMessage(error)}`);
    return [];
  });
  for (const { node, removed, failed } of collected) {
    if (removed.length > 0) log.info(`Removed leftovers of finished runs on ${node}: ${removed.join(", ")}.`);
    failed.forEach((reason) => log.info(`Leftovers on ${node} were not removed: ${reason}. The next run removes them.`));
  }
}

// src/nodes/reservations.ts
var deadline2 = 5e3;
async function planWithReservations({
  nodes,
  holder,
  journal,
  plan
}) {
  if (!hasChoice(nodes)) return { plan: plan(/* @__PURE__ */ new Map()), runsPerNode: /* @__PURE__ */ new Map(), release: () => Promise.resolve() };
  const reservations = nodes.flatMap(
    (node, index) => node.driver.canPersist ? [{ node, volume: reservationVolume(`${holder}-${index}`) }] : []
  );
  const reservationsOf = ({ groups }) => reservations.filter(({ node }) => groups.some((group) => group.node === node));
  const before = await countRuns(reservations, holder);
  const draft = plan(before);
  const drafted = reservationsOf(draft);
  await reserve(drafted, journal);
  const after = await countRuns(reservations, holder);
  if (!reservations.some(({ node }) => (after.get(node) ?? 0) > (before.get(node) ?? 0)))
    return { plan: draft, runsPerNode: before, release: () => release(drafted, journal) };
  const final = plan(after);
  const planned = reservationsOf(final);
  const added = planned.filter((reservation) => !drafted.includes(reservation));
  const dropped = drafted.filter((reservation) => !planned.includes(reservation));
  await Promise.all([release(dropped, journal), reserve(added, journal)]);
  return { plan: final, runsPerNode: after, release: () => release(planned, journal) };
}
function hasChoice(nodes) {
  const engines = nodes.filter(({ driver }) => driver.canPersist);
  return engines.some(
    (node) => node.platforms.some((platform) => nodes.some((other) => other !== node && other.platforms.includes(platform)))
  );
}
async function reserve(reservations, journal) {
  const create = async ({ node: { socket, spec }, volume }) => {
    journal.note({ kind: "reservation", node: spec.name, socket, volume });
    await new EngineClient(socket, deadline2).createVolume(volume).catch(() => void 0);
  };
  await Promise.all(reservations.map(create));
}
async function release(reservations, journal) {
  const remove = async ({ node: { socket }, volume }) => {
    await new EngineClient(socket, deadline2).removeVolume(volume);
    journal.note({ kind: "removed", name: volume });
  };
  await Promise.all(reservations.map((reservation) => remove(reservation).catch(() => void 0)));
}
async function countRuns(reservations, holder) {
  const count = async ({ node }) => {
    const reserved = await listReservations(node.socket).catch(() => []);
    const own = reserved.find(({ run }) => run === holder);
    const others = reserved.filter((other) => other.run !== holder && (own === void 0 || isBefore(other, own)));
    return new Set(others.map(({ run }) => run)).size;
  };
  const counts = reservations.map(async (reservation) => [reservation.node, await count(reservation)]);
  return new Map(await Promise.all(counts));
}
function isBefore(a, b) {
  return a.createdAt === b.createdAt ? a.run < b.run : a.createdAt < b.createdAt;
}
async function listReservations(socket) {
  const volumes = await new EngineClient(socket, deadline2).listVolumes(resourcePrefix);
  return volumes.flatMap(({ name, createdAt }) => {
    const owner = parseResourceName(name);
    return owner?.kind === "run" && owner.isReservation ? [{ run: owner.name.replace(/-\d+$/, ""), createdAt }] : [];
  });
}

// src/stories/history.ts
var RunComparison = class {
  #run;
  #registries;
  /** Undefined without a cache. */
  #history;
  constructor(run, registries) {
    this.#run = run;
    this.#registries = registries;
  }
  /** Starts to read the times of earlier runs. */
  start({ targets: targets2 }) {
    const { inputs, event, log, signal } = this.#run;
    const cached = targets2.find(({ cache }) => cache);
    if (!cached?.cache) return;
    this.#history = new RunHistory({
      cache: cached.cache.name,
      event,
      writes: inputs.push && event.trust !== "fork" && cached.writesCache !== false,
      registries: this.#registries,
      signal,
      debug: log.debug
    });
    void this.#history.read();
  }
  /** Records the previous run, as far as it is read, and stores the times of this one for the next. */
  async complete() {
    const { record: record2, event } = this.#run;
    const past = this.#history?.previous();
    const { serverUrl, repository } = event;
    const hasPage = repository !== "" && detectPlatform(event) !== "forgejo";
    const url = `${serverUrl}/${repository}/actions/runs/${past?.runId ?? ""}`;
    record2.previous = past && { ...past, ...hasPage && { url } };
    await this.#history?.write(this.#describe());
  }
  /** Ends its requests. */
  close() {
    this.#history?.close();
  }
  #describe() {
    const { record: record2, event } = this.#run;
    const built = measureTargets(record2).filter(({ result }) => result === "success");
    const targets2 = built.map(({ target, took, entry: { steps } }) => {
      return [targetLabel(target), { seconds: took / 1e3, steps }];
    });
    const seconds = (Date.now() - record2.began) / 1e3;
    return { ref: historyRef(event), runId: event.runId, seconds, targets: new Map(targets2) };
  }
};

// src/stories/build.ts
async function buildImage(run, ports) {
  const { inputs, signal, log } = run;
  const access = new PushAccessCheck({ inputs, signal, registries: ports.registries, warn: (text) => log.warn(text) });
  const comparison = new RunComparison(run, ports.registries);
  const caches = new CacheChoice(run, ports.registries);
  try {
    return await buildAndPublish({ ...run, signal: access.signal }, ports, { access, comparison, caches });
  } finally {
    access.stop();
    caches.close();
    comparison.close();
  }
}
async function buildAndPublish(run, ports, background) {
  const { access, comparison, caches } = background;
  const { inputs, log, signal, record: record2 } = run;
  caches.start();
  const opening = () => Promise.all([openNodes2(run, ports), ports.provideBuildx(signal), ports.prepareSigning()]);
  const [opened, buildx, sign] = await withAbort(signal, record2.time("connect", opening));
  const { planned, prepared } = await withAbort(
    signal,
    record2.time("plan", () => planAndPrepare(run, opened, buildx, caches))
  );
  const garbage = startGarbageCollection(opened.nodes, ports.runs, { self: builderName(run), dir: run.dir });
  const steps = { opened, planned, prepared, garbage };
  if (inputs.settings.call) return await callDockerfiles(run, ports, steps);
  const labels = targetLabels(planned.plan.groups.flatMap(({ targets: targets2 }) => targets2));
  log.info(`Building ${labels} with buildx ${buildx.version}`);
  access.start();
  comparison.start(planned.plan);
  const onBegun = () => {
    access.enforce();
    garbage.begin();
  };
  const build2 = await buildPlan(run, ports, { ...steps, onBegun }).catch((error) => {
    garbage.cancel();
    throw error;
  });
  const collected = logNodeGarbage(garbage.end(), log);
  if (build2.results.some(({ failure }) => failure)) await collected;
  throwFailures(build2.results, run);
  const handedOver = handOver(run, opened, prepared);
  handedOver.catch(() => void 0);
  const lost = reportGroups(run, build2.results);
  const plan = withoutSkipped(planned.plan, build2.results);
  requirePlatforms(inputs.variants, plan.targets, opened.outcomes);
  const publishing = () => publishTargets(run, ports, plan, { ...prepared, groups: build2.results, sign });
  const published = inputs.push ? await record2.time("publish", publishing) : [];
  record2.published = published;
  const [builder] = await Promise.all([handedOver, collected, build2.released, prepared.settled, comparison.complete()]);
  const notes = [...planned.notes, ...notesOn("fallback", build2.notes), ...notesOn("cache", lost)];
  return { ...describeRun(run, opened), builder, plan, published, notes, isPart: inputs.partial };
}
function describeRun({ dir }, { nodes }) {
  return { nodes, buildxConfig: dir.buildxConfig };
}
async function handOver({ inputs, dir, log }, { pool }, prepared) {
  const { builder: instances, calls: calls2 } = prepared;
  if (inputs.use) return await shareBuilder({ dir, buildx: calls2.buildx, instances, nodes: pool.available(), log });
  await instances.release();
  return instances.info;
}
async function planAndPrepare(run, opened, buildx, caches) {
  const planned = await planRun(run, opened, caches);
  const { prepareBuild } = await import("./chunk-AMQOMRBI.js");
  return { planned, prepared: await prepareBuild(run, opened, planned.plan, buildx) };
}
async function openNodes2({ inputs, event, log, record: record2 }, ports) {
  const opened = await createNodePool(await ports.openNodes(), { inputs, event });
  record2.outcomes = opened.outcomes;
  opened.outcomes.forEach((outcome) => log.line(formatNode(outcome)));
  return opened;
}
async function planRun(run, { outcomes, nodes, local }, caches) {
  const { inputs, event, journal, log, record: record2 } = run;
  const fork = describeFork(event.trust, inputs, nodes);
  const notes = [...notesOn("inputs", inputs.notes), ...notesOn("forks", fork.notes)];
  notes.forEach(({ text }) => log.info(text));
  const { runsPerNode, release: release2, ...reserved } = await planWithReservations({
    nodes,
    holder: builderName(run),
    journal,
    plan: (runs) => planTargets(inputs, outcomes, local, runs)
  });
  const plan = await caches.apply(reserved.plan);
  record2.targets = plan.targets;
  formatBusyNodes(runsPerNode).forEach((note) => log.info(note));
  const warnings = [
    ...notesOn("inputs", inputs.warnings),
    ...nodeWarnings(nodes, plan.targets),
    ...notesOn("fallback", plan.notes),
    ...notesOn("forks", fork.warnings)
  ];
  warnings.forEach(({ text }) => log.warn(text));
  return { plan, notes: [...warnings, ...notes], release: release2 };
}
async function callDockerfiles(run, ports, { opened, planned, prepared, garbage }) {
  const { inputs, log, dir } = run;
  const { calls: calls2, builder: instances } = prepared;
  await Promise.all(prepared.boots.values());
  await ports.callTargets({
    ...calls2,
    call: inputs.settings.call ?? "check",
    log,
    targets: planned.plan.targets,
    builder: ({ node, platform }) => instances.forPlatforms(node, [platform])
  }).finally(() => removeSecrets(dir));
  const collected = logNodeGarbage(garbage.end(), log);
  const [builder] = await Promise.all([handOver(run, opened, prepared), collected, planned.release(), prepared.settled]);
  const plan = { ...planned.plan, targets: [], groups: [] };
  return { ...describeRun(run, opened), builder, plan, published: [], notes: planned.notes };
}
async function buildPlan(run, ports, steps) {
  const { inputs, journal, log, dir, signal, record: record2 } = run;
  const { opened, planned, prepared, onBegun } = steps;
  const request = {
    ...prepared.calls,
    groups: planned.plan.groups,
    pool: opened.pool,
    instances: prepared.builder,
    journal,
    failFast: inputs.failFast,
    boots: prepared.boots,
    fallback: inputs.fallback,
    emit: log.lines,
    log,
    onPush: prepared.onPush,
    onBegun
  };
  const { results, notes } = await record2.time("build", () => ports.buildGroups(request));
  const available = opened.pool.available();
  Object.assign(record2, { groups: results, lost: opened.nodes.filter((node) => !available.includes(node)) });
  const released = planned.release();
  removeSecrets(dir);
  signal.throwIfAborted();
  return { results, notes, released };
}
function throwFailures(groups, { signal, record: record2 }) {
  signal.throwIfAborted();
  const failures = groups.flatMap(({ failure }) => failure ?? []);
  const causes = failures.filter(({ code }) => code !== "cancelled");
  if (failures.length > 0) throw new BuildErrors(causes.length > 0 ? causes : failures, record2);
}
function reportGroups({ inputs, log }, groups) {
  const lost = groups.flatMap(formatLostCaches);
  lost.forEach((note) => log.warn(note));
  if (inputs.checkAnnotations)
    withoutRepeats(groups.flatMap(({ warnings }) => warnings)).forEach((warning) => log.annotate(warning));
  return lost;
}
function withoutSkipped(plan, groups) {
  const built = groups.flatMap((group) => group.built.map(({ target }) => target));
  const targets2 = inDraftOrder(plan.targets, built);
  return { ...plan, targets: targets2, groups: groupByNode(targets2) };
}
async function publishTargets(run, { registries }, { targets: targets2 }, { calls: calls2, groups, sign }) {
  const { inputs, event, dir, journal, log, signal } = run;
  const request = {
    variants: inputs.variants,
    built: groups.flatMap((group) => group.built),
    settings: inputs.settings,
    journal,
    signal,
    registries
  };
  if (inputs.partial) {
    const { publishParts } = await import("./chunk-UEWHFENZ.js");
    return await publishParts({ ...request, event, key: dir.key });
  }
  const { publish } = await import("./chunk-HVBGQD55.js");
  return await publish({
    ...calls2,
    ...request,
    targets: targets2,
    sign,
    log,
    isEphemeral: (tag) => isEphemeral(tag, event, inputs.tagsGiven)
  });
}
function builderName({ dir, event }) {
  return runBuilderName(dir.key, event);
}

// src/main.ts
var began = performance.now();
var job = new Job();
var record = new RunRecord();
var build = async () => {
  const { run, ports } = await withAbort(job.signal, prepareMain(job, record));
  let keepsBuilder = false;
  try {
    if (run.inputs.dryRun) {
      record.isDry = true;
      const [{ dryRun }, { checkNodesOnly }] = await Promise.all([
        import("./chunk-JCVU4NUN.js"),
        import("./chunk-R3IHAEN2.js")
      ]);
      await reportDryRun(await (run.inputs.dryRun === "nodes" ? checkNodesOnly : dryRun)(run, ports));
      return;
    }
    const result = await buildImage(run, ports);
    keepsBuilder = run.inputs.use;
    if (run.inputs.login === "job") exportVariables({ DOCKER_CONFIG: writeJobLogins(run, dockerConfigDir(job.env)) });
    if (keepsBuilder) exportVariables({ BUILDX_BUILDER: result.builder.name, BUILDX_CONFIG: result.buildxConfig });
    const { reportBuild } = await import("./chunk-VB4MJV3H.js");
    await reportBuild(result, { record, took: performance.now() - began, summary: job.summary });
  } finally {
    await endAccess(run, keepsBuilder);
  }
};
await job.run(() => withTelemetry(job, { action: "build", record }, build));
