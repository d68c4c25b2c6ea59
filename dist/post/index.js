import { createRequire as __cr } from 'node:module'; import { fileURLToPath as __fu } from 'node:url'; import { dirname as __dn } from 'node:path'; const require = __cr(import.meta.url); const __filename = __fu(import.meta.url); const __dirname = __dn(__filename);
import {
  variableOf
} from "./chunk-P2HIIHB3.js";
import {
  addKeys,
  startAgent
} from "./chunk-Y4GUX4MN.js";
import {
  defaultApiUrl,
  detectPlatform,
  isForgejoRunner
} from "./chunk-M7QPERVG.js";
import {
  NotDeletedError,
  RegistryError,
  allowManyListeners,
  createGithubRequest,
  createPlatformRequest,
  createRawFetch,
  createRegistryClient,
  createRunStatusFetcher,
  deadlinePassed,
  exists,
  listReferrers,
  listTagNames,
  mapConcurrent,
  movedTag,
  notListedYet,
  parseRunId,
  readManifests,
  refreshVersion,
  requireTime,
  resolveTags,
  unlessNotFound
} from "./chunk-C6CBCFLF.js";
import "./chunk-2Q7PHMGJ.js";
import {
  getAttribute
} from "./chunk-6B3VDNJ5.js";
import {
  formatEndpoint
} from "./chunk-CELYP7Q7.js";
import {
  EngineClient,
  EngineError,
  RunDir,
  driverOf,
  isTrue,
  reconnect,
  startSessionForwarder
} from "./chunk-LZQAR7QF.js";
import "./chunk-3Q66ZB7X.js";
import {
  connects,
  containerPrefix,
  lockHolderLabel,
  lockVolume,
  logWait,
  managedBy,
  managedByLabel,
  parseResourceName,
  repositoryScope,
  reservationVolume,
  resourcePrefix,
  runAnnotation,
  runBuilderName,
  sleep,
  stateVolume,
  usageVolume,
  withAbort
} from "./chunk-CADBZY3V.js";
import "./chunk-KES7WWPS.js";
import {
  entryPath,
  exec,
  execTool,
  inheritedEnv,
  minimalEnv,
  withholdVariables
} from "./chunk-MFUQTNX7.js";
import {
  wordingOf
} from "./chunk-O72HTLTZ.js";
import {
  createFetch
} from "./chunk-X2URU3YZ.js";
import {
  credentialHelper,
  dockerConfigFile,
  dockerConfigKey,
  loadJobDockerConfig,
  storedCredentials
} from "./chunk-2VO72AQH.js";
import {
  UserError,
  UserErrors,
  errorMessage,
  formatError
} from "./chunk-Q6VVJFLU.js";
import {
  removeDir,
  setPrivateUmask,
  tryList,
  tryRead,
  writePrivate
} from "./chunk-NLPGYHY2.js";
import "./chunk-3NAHNUTQ.js";
import "./chunk-XKGKNCXV.js";
import {
  formatRepository,
  formatTagReference,
  isSameRepository,
  parseRepository
} from "./chunk-3W5RM2SR.js";
import "./chunk-GEULO7WL.js";
import {
  runsForCommandLine
} from "./chunk-D5WJF5XN.js";
import {
  InputError,
  shorten
} from "./chunk-QJ7EZ3IZ.js";
import "./chunk-LUPX4NBI.js";
import {
  asList,
  asRecord,
  asText,
  isRecord,
  tryParseJson
} from "./chunk-57JLVAZN.js";
import "./chunk-5EFHKGRW.js";

// node_modules/@actions/core/lib/command.js
import * as os from "os";

// node_modules/@actions/core/lib/utils.js
function toCommandValue(input) {
  if (input === null || input === void 0) {
    return "";
  } else if (typeof input === "string" || input instanceof String) {
    return input;
  }
  return JSON.stringify(input);
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

// node_modules/@actions/core/lib/core.js
import * as os3 from "os";

// node_modules/@actions/core/lib/oidc-utils.js
import { HttpClient } from "./http-client.mjs";
import { BearerCredentialHandler } from "./http-client.mjs";

// node_modules/@actions/core/lib/summary.js
import { EOL as EOL2 } from "os";
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
    return this.addRaw(EOL2);
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
  addTable(rows) {
    const tableBody = rows.map((row) => {
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
import os2 from "os";
var platform = os2.platform();
var arch = os2.arch();

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
  process.stdout.write(message + os3.EOL);
}
function getState(name) {
  return process.env[`STATE_${name}`] || "";
}

// src/forge/event.ts
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
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
function onlyBuilder(builder) {
  return { isFinished: ({ name = "" }) => Promise.resolve(name.startsWith(`${builder}-`)) };
}

// src/inputs/secret-variables.ts
function secretVariablesOf(env) {
  return [...(env[variableOf("secret-envs")] ?? "").matchAll(/=\s*"?(\w+)/g)].map(([, name = ""]) => name);
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

// src/inputs/secret-options.ts
var secretInputs = [
  ...["github-token", "password", "registry-auth", "secrets", "sign-key", "sign-password", "ssh-private-key"]
];
function secretVariable(input) {
  return `MULTIARCH_BUILD_${input.replaceAll("-", "_").toUpperCase()}`;
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
function optionOf(input) {
  if (!inputs.has(input)) return void 0;
  return secretInputs.includes(input) ? secretVariable(input) : `--${input}`;
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

// src/report/input-issues.ts
function formatInputIssues(issues) {
  const count = new Set(issues.map(({ input }) => input)).size;
  return [`${count} invalid input${count === 1 ? "" : "s"}`, ...issues.map(formatIssue)].join("\n");
}
function formatIssue({ input, given, expected }) {
  return `${input}: ${given === void 0 ? "" : `"${given}" `}${expected}`;
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
  const { renderErrorSummary, renderFailedSummary } = await import("./chunk-PVCRE3XZ.js");
  if (error2 instanceof BuildErrors) return renderFailedSummary(error2.record, performance.now());
  const { headline, body } = formatError(error2);
  if (!(error2 instanceof InputError)) return renderErrorSummary(headline, body);
  const [count = "", ...issues] = formatInputIssues(error2.issues).split("\n");
  return renderErrorSummary(count, issues.join("\n"));
}
var plainSummary = { secrets: /* @__PURE__ */ new Set(), isWanted: true };
async function writeSummary(markdown, { secrets, isWanted } = plainSummary) {
  if (!process.env["GITHUB_STEP_SUMMARY"] || !isWanted) return;
  const { limitSummary, maskSecrets } = await import("./chunk-PVCRE3XZ.js");
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
  packages(registries, choice) {
    const { fetch } = registries;
    return {
      choice,
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

// src/job/post-step.ts
import { rmSync } from "node:fs";

// src/buildx/install/binary-cache.ts
import { copyFileSync, linkSync, lstatSync, mkdirSync as mkdirSync2 } from "node:fs";
import { join as join2 } from "node:path";

// src/inputs/cache/backends.ts
import { posix } from "node:path";

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
    const isMissing2 = serviceVersion(attributes, env) === void 0;
    const isOther = isMissing2 && requested !== "" && serviceVersion(others, env) !== void 0;
    return [
      [
        isOther,
        `requests version ${requested} of the cache service, which this runner lacks: remove \`version=\u2026\` here`
      ],
      [
        isMissing2 && !isOther,
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
      withSuffix: (directory, suffix) => posix.join(directory, suffix),
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
function buildxVariables(types) {
  return [...new Set(types.flatMap((type) => cacheBackends.get(type)?.buildxVariables ?? []))];
}

// src/buildx/build-env.ts
function cacheServiceEnv() {
  return pick(buildxVariables(["gha"]));
}
function pick(names) {
  return Object.fromEntries(
    names.flatMap((name) => process.env[name] === void 0 ? [] : [[name, process.env[name]]])
  );
}

// src/buildx/install/binary-cache.ts
var onlyPlainNames = "--exclude=*/* --exclude=.. --exclude=.";
var deadline = 9e4;
function parseCachedFile(state) {
  const { file, key } = asRecord(tryParseJson(state));
  return typeof file === "string" && typeof key === "string" ? { file, key } : void 0;
}
async function saveFile({ file, key }, dir, log) {
  try {
    mkdirSync2(dir, { recursive: true, mode: 448 });
    linkOrCopy(file, join2(dir, "buildx"));
    await runCacheService("save", key, dir, log);
  } catch (error2) {
    log.debug(`buildx was not saved in the cache service, so the next job downloads it again: ${errorMessage(error2)}`);
  } finally {
    removeDir(dir);
  }
}
function linkOrCopy(from, to) {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}
async function runCacheService(verb, key, dir, log) {
  try {
    const temp = join2(dir, "archives");
    mkdirSync2(temp, { recursive: true, mode: 448 });
    const tar = await execTool("tar", ["--version"], { env: minimalEnv() });
    if (!tar.stdout.includes("GNU tar")) return false;
    const env = {
      ...inheritedEnv(),
      ...cacheServiceEnv(),
      GITHUB_WORKSPACE: dir,
      RUNNER_TEMP: temp,
      ...verb === "restore" && { TAR_OPTIONS: onlyPlainNames }
    };
    const args = [entryPath("cache-service"), `${dir}/`, verb, key];
    const { code, stdout, stderr } = await exec(process.execPath, args, { env, cwd: dir, deadline });
    log.debug(`The cache service program exited with code ${code} (${verb} buildx)
${withoutMasked(stdout + stderr)}`);
    return code === 0;
  } catch (error2) {
    log.debug(`The cache service program failed (${verb} buildx): ${errorMessage(error2)}`);
    return false;
  }
}
function withoutMasked(text) {
  const masking = /^::add-mask::(.*)\n?/gm;
  const secrets = [...text.matchAll(masking)].map(
    ([, value = ""]) => value.replaceAll("%0D", "\r").replaceAll("%0A", "\n").replaceAll("%25", "%")
  );
  return secrets.filter((secret) => secret.trim() !== "").reduce((rest, secret) => rest.replaceAll(secret, "***"), text.replace(masking, ""));
}

// src/run/owner.ts
import { lstatSync as lstatSync2, readdirSync as readdirSync2, readlinkSync as readlinkSync2 } from "node:fs";
import { hostname } from "node:os";
import { basename as basename2, dirname, join as join3 } from "node:path";

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
async function killProcess(identity, patience) {
  const pid = Number.parseInt(identity, 10);
  if (!(pid > 0) || await processIdentity(pid) !== identity) return;
  trySignal(pid, "SIGTERM");
  await waitForEnd([pid], patience);
  if (await processIdentity(pid) === identity) trySignal(pid, "SIGKILL");
  await waitForEnd([pid], 1e3);
}
async function waitForEnd(pids, patience) {
  for (let waited = 0; waited < patience && pids.some(isRunning); waited += 20) await sleep(20);
}
async function findProcesses(dir, text) {
  const rows = process.platform === "linux" ? readCommandLines() : await listProcesses();
  return rows.filter(({ pid, line }) => pid !== process.pid && line.includes(`${dir}/`) && line.includes(text)).map(({ pid }) => pid);
}
function findStrayProcesses() {
  if (process.platform !== "linux") return [];
  return readCommandLines().flatMap(({ pid, line }) => {
    const dir = /(\/[\w.+@/-]*\/mab-[0-9a-f]{10})\//.exec(line)?.[1];
    return dir !== void 0 && pid !== process.pid && hasSameFiles(pid) ? [{ pid, dir }] : [];
  });
}
function hasSameFiles(pid) {
  const nested = (/^NSpid:\s+(.*)$/m.exec(tryRead(`/proc/${pid}/status`))?.[1] ?? "").trim().split(/\s+/).length > 1;
  if (nested) return false;
  const mounts = tryReadLink(`/proc/${pid}/ns/mnt`);
  return mounts === "" ? tryRead(`/proc/${pid}/cgroup`) === tryRead("/proc/self/cgroup") : mounts === tryReadLink("/proc/self/ns/mnt");
}
function tryReadLink(path) {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
function readCommandLines() {
  const rows = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((name) => ({ pid: Number(name), line: tryRead(`/proc/${name}/cmdline`) }));
  return rows.filter(
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
async function findRunDirs(self, parents) {
  const paths = parents.flatMap(
    (parent) => tryList(parent).filter((name) => RunDir.isName(name)).map((name) => join3(parent, name))
  );
  const found = await Promise.all(paths.filter((path) => path !== self.path).map(inspectRunDir));
  return found.flatMap((dir) => dir ?? []);
}
async function inspectRunDir(path) {
  try {
    const stats = lstatSync2(path);
    if (stats.uid !== process.getuid?.() || !stats.isDirectory()) return void 0;
    const owner = readOwner(new RunDir(path).owner);
    const runner = owner ? await findRunnerState(owner) : "unknown";
    return { path, owner, runner, age: Date.now() - Math.max(stats.mtimeMs, stats.birthtimeMs) };
  } catch {
    return void 0;
  }
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
async function findRunnerState({ boot, pids, main, runner }) {
  const [host] = boot.split(" ");
  if (boot === "" || host !== hostname()) return "unknown";
  if (boot !== bootId()) return "gone";
  if (pids === "" || pids !== pidNamespace() || runner === "" || main === "") return "unknown";
  if (await isRunning2(main)) return "working";
  return await isRunning2(runner) ? "running" : "gone";
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
  const names = lstatSync2(path, { throwIfNoEntry: false })?.isDirectory() === true ? tryList(path) : [];
  for (const each of names.map((name) => join3(path, name))) if (each !== owner) remove(each);
  remove(path);
}
async function endStrays(self) {
  const dirs = new Set(findStrayProcesses().map(({ dir }) => dir));
  const missing2 = [...dirs].filter((dir) => dir !== self.path && isMissing(dir));
  for (const dir of missing2) await killProcessesIn(dir);
  return missing2.length;
}
function isMissing(dir) {
  try {
    return !readdirSync2(dirname(dir)).includes(basename2(dir));
  } catch {
    return false;
  }
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

// src/gc/runner.ts
async function collectRunnerGarbage(self, run, runs, parents = self.parents) {
  const removed = [];
  const failed = [];
  const remove = async (dir) => {
    const { path, age, owner, runner } = dir;
    if (runner === "working" || owner?.scope === run.scope && owner.runId === run.runId) return;
    const isFinished = runner === "gone" || (owner ? await runs.isFinished({ ...owner, age }) : age > maxJobAge);
    if (!isFinished) return;
    try {
      await removeRunDir(path);
      removed.push(path);
    } catch (error2) {
      failed.push(`${path}: ${errorMessage(error2)}`);
    }
  };
  try {
    await Promise.all((await findRunDirs(self, parents)).map(remove));
    return { removed, failed, strays: await endStrays(self) };
  } catch (error2) {
    return { removed, failed: [...failed, errorMessage(error2)], strays: 0 };
  }
}

// src/registry/hosts.ts
function loadRegistryHosts(file) {
  return Object.fromEntries(
    Object.entries(asRecord(tryParseJson(tryRead(file)))).map(([host, value]) => {
      const entry = asRecord(value);
      return [
        host,
        {
          ca: asText(entry["ca"]),
          http: entry["http"] === true,
          insecure: entry["insecure"] === true,
          mirrors: asList(entry["mirrors"]).map(asText)
        }
      ];
    })
  );
}

// src/run/journal.ts
import { appendFileSync, existsSync as existsSync2, readFileSync as readFileSync2 } from "node:fs";
var fields = {
  container: ["node", "socket", "container", "volume"],
  pod: ["node", "name", "buildx", "kubeconfig"],
  boots: ["node", "socket", "container", "image"],
  booted: ["container"],
  removed: ["name"],
  lock: ["node", "socket", "daemon", "holder"],
  reservation: ["node", "socket", "volume"],
  tunnel: ["node", "config", "local", "remote"],
  forwarder: ["node", "config", "local", "remote"],
  manifest: ["registry", "path", "digest"],
  part: ["registry", "path", "tag", "digest"],
  merged: ["registry", "path", "tag", "digest", "owner"],
  tag: ["registry", "path", "tag", "digest", "ephemeral"]
};
function hasJournal({ journal: path }) {
  return existsSync2(path);
}
function openJournal({ journal: path }) {
  return { note: (entry) => appendFileSync(path, `${JSON.stringify(entry)}
`, { mode: 384 }) };
}
function readJournal({ journal: path }, log) {
  try {
    return readFileSync2(path, "utf8").split("\n").map(tryParseJson).filter(isEntry);
  } catch (error2) {
    if (asRecord(error2)["code"] !== "ENOENT")
      log.warn(
        `The record of what this run created (journal) could not be read: ${errorMessage(error2)}. Nothing was removed. The next run on these nodes removes the builders, and the \`cleanup\` action removes the images.`
      );
    return [];
  }
}
function pendingOnNodes(entries) {
  const removed = new Set(entries.flatMap((entry) => entry.kind === "removed" ? [entry.name] : []));
  const booted = new Set(entries.flatMap((entry) => entry.kind === "booted" ? [entry.container] : []));
  return entries.filter((entry) => {
    const name = resourceName(entry);
    return entry.kind === "boots" ? !booted.has(entry.container) : name !== "" && !removed.has(name);
  });
}
function resourceName(entry) {
  if (entry.kind === "container") return entry.container;
  if (entry.kind === "pod") return entry.name;
  if (entry.kind === "lock") return lockVolume(entry.daemon);
  return entry.kind === "reservation" ? entry.volume : "";
}
function isEntry(value) {
  const entry = asRecord(value);
  const names = Object.entries(fields).find(([kind]) => kind === asText(entry["kind"]))?.[1];
  return names?.every((name) => ["string", "boolean"].includes(typeof entry[name])) ?? false;
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
var deadline2 = 1e4;
async function dropTokenIfJobHasLogin(logins, { images, push, registries, log }) {
  const clientFor = createClientFactory({ ...registries, log: () => void 0 }, AbortSignal.timeout(deadline2));
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
import { existsSync as existsSync3 } from "node:fs";
import { delimiter, join as join4 } from "node:path";

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
  return used.map((helper) => `docker-credential-${helper}`).filter((command) => !dirs.some((dir) => existsSync3(join4(dir, command)))).map((command) => ({ command, text: `${command} is not installed, and ${dockerConfigFile(env)} ${helperHint}` }));
}
var helperHint = "names it in `credsStore` or `credHelpers`: pulls and pushes with this configuration fail. Install it, or remove the entry.";
function parseHelperOutput(output) {
  const { Username: username, Secret: secret } = asRecord(tryParseJson(output));
  const password = asText(secret);
  if (password === "") return void 0;
  return username === "<token>" ? { username: "", password: "", identityToken: password } : { username: asText(username), password };
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
  const { logins, images, required = images, sources = [], push, hosts } = options;
  const { env, log } = job2;
  const dockerConfig = loadJobDockerConfig(env, log.warn);
  const registries = createRegistryAccess([], dockerConfig, hosts);
  const isMirror = (host) => images.some(({ registry }) => registry === host) && !required.some(({ registry }) => registry === host);
  const exchanged = await logWait("logins", exchangeKeys(job2, logins, { isMirror, fetch: registries.fetch }), log.info);
  const kept = await dropTokenIfJobHasLogin(exchanged, { images, push, registries, log });
  const onlyRead = sources.filter((source) => !images.some(({ registry }) => registry === source.registry));
  const resolved = await dropTokenIfJobHasLogin(kept, { images: onlyRead, push: false, registries, log });
  const lines = resolved.flatMap(({ password }) => password.split(/[\r\n]+/)).map((line) => line.trim());
  job2.mask(lines.filter((line) => line.length > 3));
  return { logins: resolved, registries: createRegistryAccess(resolved, dockerConfig, hosts), dockerConfig };
}
async function exchangeKeys({ env, log }, logins, { isMirror, fetch }) {
  const access2 = { env, fetch };
  const exchange = async (some) => {
    if (!some.some(({ ecr = false, hubOidc = false }) => ecr || hubOidc)) return some;
    const { exchangeHubTokens } = await import("./chunk-TH6K3XAX.js");
    const { exchangeEcrKeys } = await import("./chunk-OHBM5FJ2.js");
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

// src/packages/select.ts
var backends = {
  github: async () => (await import("./chunk-G4UBIX45.js")).githubBackend,
  forgejo: async () => (await import("./chunk-6F7CQIXH.js")).forgejoBackend,
  gitea: async () => (await import("./chunk-6F7CQIXH.js")).forgejoBackend,
  oci: async () => (await import("./chunk-YL6L6HXC.js")).ociBackend
};
var choices = ["auto", ...Object.keys(backends)];
var packagesChoices = Object.fromEntries(
  choices.map((name) => [name, name])
);
async function selectBackend(choice, registry, platform2, table = backends) {
  const host = registry.toLowerCase();
  const [candidates, explicit] = choice === "auto" ? [Object.values(table)] : [[table[choice]], "explicit"];
  for (const load of candidates) {
    const definition = await load?.();
    const endpoint = definition?.endpoint(host, platform2, explicit);
    if (definition && endpoint !== void 0) return { definition, endpoint };
  }
  throw new Error(`No packages API \`${choice}\` for ${registry}`);
}
async function openPackageRepository(access2, options, table = backends) {
  const { repository, client, until } = options;
  const { definition, endpoint } = await selectBackend(access2.choice, repository.registry, access2.platform, table);
  const { createPackageRepository } = await import("./chunk-QLHNFLOF.js");
  return createPackageRepository({
    backend: await definition.create(endpoint, access2, options),
    registry: client,
    repository: repository.path,
    name: formatRepository(repository),
    clock: access2.clock,
    deadline: until
  });
}

// src/job/state.ts
function loadMainState() {
  const dir = getState("dir");
  const cleanup = getState("cleanup");
  return dir === "" ? void 0 : {
    dir: new RunDir(dir),
    main: getState("main"),
    cleanup: cleanup === "always" || cleanup === "never" ? cleanup : "auto",
    packagesApi: packagesChoices[getState("packages-api")] ?? "auto",
    images: getState("images").split(" ").flatMap((name) => parseRepository(name, () => void 0) ?? []),
    began: Number(getState("began"))
  };
}
function loadDownload() {
  return parseCachedFile(getState("buildx"));
}

// src/job/post-step.ts
var loadInputs = () => import("./chunk-7XSDFFEO.js");
async function preparePost(job2, state) {
  const { event, log, signal } = job2;
  const { dir, main, cleanup, began, images } = state;
  const hosts = await loadHosts(job2, dir);
  const { fetch } = createRegistryAccess([], {}, hosts);
  const run = { scope: repositoryScope(event), runId: event.runId };
  return {
    request: { dir, main, tags: cleanup, began, event, images },
    ports: {
      openPackages: () => openPackages(job2, state, hosts),
      openNodes: (access2) => openNodesAgain(job2, access2),
      authenticate: () => restoreAgent(job2, dir),
      collectRunnerGarbage: () => collectRunnerGarbage(dir, run, job2.runs(fetch)),
      log,
      signal
    }
  };
}
async function loadHosts({ env, event, log }, dir) {
  if (hasJournal(dir)) return loadRegistryHosts(dir.registries);
  try {
    const { readPostRegistries } = await loadInputs();
    return await readPostRegistries(env, event);
  } catch (error2) {
    log.warn(`registries: ${errorMessage(error2)}`);
    return {};
  }
}
async function openPackages(job2, { images, packagesApi }, hosts) {
  const { readPostLogins } = await loadInputs();
  const logins = await readPostLogins(job2.env, job2.event, images);
  const { registries } = await resolveLogins(job2, { logins, images, push: true, hosts });
  return job2.packages(registries, packagesApi);
}
async function openNodesAgain({ env, event }, dir) {
  const [{ readPostNodes }, { openLocal, openNodes }] = await Promise.all([loadInputs(), import("./chunk-CV2TZU5Z.js")]);
  const { localFallback, ...inputs2 } = await readPostNodes(env, event);
  const nodes = inputs2.nodes.filter((spec) => driverOf(spec).collector);
  const request = { ...inputs2, nodes, dir, agent: env["SSH_AUTH_SOCK"], workspace: event.workspace };
  const [outcomes, local] = await Promise.all([openNodes(request, openJournal(dir)), openLocal(localFallback)]);
  return typeof local === "string" ? outcomes : [...outcomes, { spec: localFallback, node: local }];
}
async function restoreAgent({ env }, { agentSocket }) {
  const { readPostKeys } = await loadInputs();
  const keys = readPostKeys(env);
  if (keys.length === 0) return;
  if (await connects(agentSocket)) {
    await addKeys(agentSocket, keys);
    return;
  }
  rmSync(agentSocket, { force: true });
  await startAgent(agentSocket, keys);
}
async function storeDownload({ env, log, signal }) {
  const file = loadDownload();
  if (file && !signal.aborted) await saveFile(file, RunDir.choose(env["RUNNER_TEMP"]).path, log);
}

// src/gc/log.ts
function logRunnerGarbage({ removed, failed, strays }, log) {
  if (removed.length > 0) log.info(`Removed leftovers of finished runs on this runner: ${removed.join(", ")}.`);
  const runs = strays === 1 ? "1 finished run" : `${strays} finished runs`;
  if (strays > 0) log.info(`Killed stray processes of ${runs} on this runner.`);
  failed.forEach(
    (reason) => log.info(`Leftovers on this runner were not removed: ${reason}. The next run removes them.`)
  );
}

// src/stories/reconnect.ts
var Connections = class {
  #connections;
  #authenticate;
  #restored = /* @__PURE__ */ new Map();
  #authenticated;
  /**
   * @param entries of the journal, the latest first
   * @param authenticate makes the run's SSH keys available again
   */
  constructor(entries, authenticate) {
    this.#connections = entries.filter((entry) => entry.kind === "tunnel" || entry.kind === "forwarder");
    this.#authenticate = authenticate;
  }
  /** Sends a request to the engine at a socket, over the connection that main opened or over a new one like it. */
  async withEngine(socket, request) {
    const engine = new EngineClient(socket);
    return await request(engine).catch(async (first) => {
      const connection = this.#connections.find(({ local }) => local === socket);
      if (!connection || !(first instanceof EngineError && first.status === 0)) throw first;
      await this.#restore(connection);
      return await request(engine);
    });
  }
  /** Once for each connection, however many requests need it. */
  async #restore(connection) {
    const restored = this.#restored.get(connection.local) ?? this.#reconnect(connection);
    this.#restored.set(connection.local, restored);
    await restored;
  }
  async #reconnect(connection) {
    this.#authenticated ??= this.#authenticate();
    await this.#authenticated;
    if (connection.kind === "tunnel") {
      await reconnect(connection);
      return;
    }
    const tunnel = this.#connections.findLast(({ kind, config }) => kind === "tunnel" && config === connection.config);
    if (tunnel) await this.#restore(tunnel);
    await startSessionForwarder(connection);
  }
};

// src/buildx/pods.ts
import { copyFileSync as copyFileSync2, existsSync as existsSync4, mkdirSync as mkdirSync3 } from "node:fs";
import { join as join5 } from "node:path";

// src/buildx/find.ts
var newest = "0.38.2";
var installHint = `Write \`version: v${newest}\`, which downloads it, or install it in the job image (Debian and Ubuntu: \`docker-buildx\`; Docker: \`docker-buildx-plugin\`).`;
var upgradeHint = `Write \`version: v${newest}\`, which downloads that version, or install a newer \`docker-buildx-plugin\` from Docker\u2019s packages.`;
var executableHint = `Make it executable (\`chmod +x\`), or write \`version: v${newest}\`, which downloads buildx.`;
var unusableHint = `Run it with the argument \`version\` on this runner: it does not answer there, or it is for another machine. \`version: v${newest}\` downloads buildx.`;
function runEnv(dir, more = {}) {
  return buildxEnv({ ...dir.env, ...more });
}
var redirecting = /* @__PURE__ */ new Set([
  "BUILDX_BUILDER",
  "BUILDKIT_HOST",
  "DOCKER_CONTEXT",
  "DOCKER_HOST",
  "DOCKER_TLS",
  "DOCKER_TLS_VERIFY",
  "DOCKER_CERT_PATH",
  "DOCKER_CUSTOM_HEADERS",
  "DOCKER_AUTH_CONFIG"
]);
function isTelemetry(name) {
  return name.startsWith("OTEL_");
}
function isForBake(name) {
  return name.startsWith("BUILDX_BAKE_");
}
function buildxEnv(more) {
  const rest = Object.fromEntries(
    Object.entries(inheritedEnv()).filter(([name]) => !redirecting.has(name) && !isTelemetry(name) && !isForBake(name))
  );
  return { ...rest, BUILDX_METADATA_PROVENANCE: "disabled", BUILDX_BAKE_ENTITLEMENTS_FS: "true", ...more };
}

// src/buildx/pods.ts
async function removePod({ name, buildx, kubeconfig }, dir, deadline4) {
  const instance = dir.instance(name);
  if (!existsSync4(instance)) return false;
  const config = dir.removalConfig(name);
  mkdirSync3(join5(config, "instances"), { recursive: true, mode: 448 });
  copyFileSync2(instance, join5(config, "instances", name));
  const env = runEnv(dir, { BUILDX_CONFIG: config, ...kubeconfig !== "" && { KUBECONFIG: kubeconfig } });
  const { code, stderr } = await exec(buildx, ["rm", "--force", name], { env, deadline: deadline4 });
  if (code !== 0) throw new Error(removalError(stderr) ?? `buildx exited with code ${code} and printed nothing`);
  return true;
}
function removalError(text) {
  return /^failed to remove \S+: (?:failed to (?:remove|load) node \S+: )?(.+)$/m.exec(text)?.[1] ?? text.trim().split("\n").at(-1);
}

// src/gc/probes.ts
async function removeProbes(engine, image, minAge) {
  const [containers, now] = await Promise.all([engine.listContainers(), engine.time()]);
  const daemons = containers.filter(({ names }) => names.some((name) => parseResourceName(name)));
  const images = /* @__PURE__ */ new Set([image, ...daemons.map(({ summary: summary2 }) => summary2["Image"])]);
  const probes = containers.filter((container) => now - container.createdAt > minAge && isProbe(container, images));
  return (await Promise.all(probes.map((probe) => removeProbe(engine, probe)))).flat();
}
function isProbe({ names, summary: summary2 }, images) {
  const { State, Command: Command2, HostConfig, Image } = summary2;
  const isUnnamed = names.length === 1 && /^\/?[a-z]+_[a-z]+\d?$/.test(names[0] ?? "");
  const isUnstarted = State === "created" && Command2 === "/bin/true" && asRecord(HostConfig)["NetworkMode"] === "none";
  return isUnnamed && isUnstarted && (images.has(Image) || /^((index\.)?docker\.io\/)?moby\/buildkit([:@]|$)/.test(String(Image)));
}
async function removeProbe(engine, { id, names }) {
  const name = names[0]?.replace(/^\//, "") ?? id.slice(0, 12);
  try {
    await engine.removeUnstartedContainer(id);
    return [{ name }];
  } catch (error2) {
    return error2 instanceof EngineError && error2.status === 409 ? [] : [{ name, error: errorMessage(error2) }];
  }
}

// src/nodes/engine/lock.ts
import { randomUUID } from "node:crypto";
async function takeLock(engine, builder, holder) {
  const attempt = `${holder} ${randomUUID()}`;
  const { labels } = await engine.createVolume(lockVolume(builder), { [lockHolderLabel]: attempt });
  return asText(labels[lockHolderLabel]) === attempt;
}
async function releaseLock(engine, builder, holder) {
  const lock = await engine.inspectVolume(lockVolume(builder));
  if (lock && lockHolder(lock.labels) === holder) await engine.removeVolume(lockVolume(builder));
}
function lockHolder(labels) {
  return asText(labels[lockHolderLabel]).split(" ")[0] ?? "";
}

// src/stories/undo-entries.ts
var clusterDeadline = 3e4;
var probeAge = 1e3;
var handlers = {
  container: undoContainer,
  pod: undoPod,
  boots: undoBoot,
  // Other runs take over a lock whose holder is gone, and garbage collection removes a reservation: no warning.
  lock: async ({ socket, daemon, holder }, { connections }) => await connections.withEngine(socket, (engine) => releaseLock(engine, daemon, holder)).catch(() => void 0),
  reservation: async ({ socket, volume }, { connections }) => await connections.withEngine(socket, (engine) => engine.removeVolume(volume)).catch(() => void 0)
};
async function undoEntries(kinds, context) {
  const pending = context.entries.filter(({ kind }) => kinds.includes(kind));
  await Promise.all(pending.map((entry) => undoEntry(entry.kind, entry, context)));
}
async function undoEntry(kind, entry, context) {
  await handlers[kind]?.(entry, context);
}
async function undoContainer(entry, context) {
  const { node, socket, container, volume } = entry;
  const where = node === "local" ? "this runner" : "that node";
  await removeBuilder(
    { node, name: container, command: `On ${where}, \`docker rm -f ${container} && docker volume rm ${volume}\`` },
    context,
    () => context.connections.withEngine(socket, (engine) => engine.removeBuilder(container, volume))
  );
}
async function undoPod(pod, context) {
  const { node, name } = pod;
  const command = `kubectl delete deployment/${name} configmap/${name}-config --ignore-not-found`;
  await removeBuilder(
    { node, name, command: `In its cluster and namespace, \`${command}\`` },
    context,
    () => removePod(pod, context.dir, clusterDeadline)
  );
}
async function removeBuilder({ node, name, command }, { journal, log }, remove) {
  try {
    const removed = await logWait(`the removal of ${name} on ${node}`, remove(), log.info);
    journal.note({ kind: "removed", name });
    if (removed) log.info(`Removed the builder on ${node}.`);
  } catch (error2) {
    log.warn(`The builder on ${node} could not be removed: ${errorMessage(error2)}. ${command} removes it.`);
  }
}
async function undoBoot(entry, context) {
  const { node, socket, container, image } = entry;
  const { connections, journal, log } = context;
  try {
    await sleep(probeAge + 1e3);
    const outcomes = await connections.withEngine(socket, (engine) => removeProbes(engine, image, probeAge));
    journal.note({ kind: "booted", container });
    outcomes.forEach(({ name, error: error2 }) => log.debug(`${node}: ${error2 ?? `removed ${name}, which buildx had left`}`));
  } catch (error2) {
    log.debug(`${node}: ${errorMessage(error2)}`);
  }
}

// src/cleanup/find-run-artifacts.ts
var maxListed = 1e3;
async function findRunArtifacts(repository, { runId, runAnnotation: runAnnotation2, since }) {
  const names = await listTagNames(repository.registry, repository.repository);
  const tags = await resolveTags(
    repository,
    names.filter((tag) => parseRunId(tag) === runId)
  );
  const listed = await listSince(repository, since);
  const manifests = await readManifests(repository, [...tags.values(), ...listed]);
  const isOwned = (digest) => manifests.get(digest)?.runAnnotation === runAnnotation2;
  const isUnmarked = (digest) => manifests.get(digest)?.runAnnotation === void 0;
  return {
    artifacts: {
      runAnnotation: runAnnotation2,
      tags: [...tags].flatMap(([tag, digest]) => isOwned(digest) ? [{ tag, digest }] : []),
      manifests: listed.filter(isOwned)
    },
    unproven: [...tags].flatMap(([tag, digest]) => isUnmarked(digest) ? [tag] : [])
  };
}
async function listSince({ backend }, since) {
  if (!backend.capabilities.listsUntagged) return [];
  const found = [];
  for await (const page of backend.list()) {
    const recent = page.filter(({ createdAt = since }) => createdAt >= since);
    found.push(...recent.map(({ digest }) => digest));
    if (recent.length < page.length || found.length >= maxListed) break;
  }
  return found;
}

// src/cleanup/run-artifacts.ts
function artifactsByRepository(entries, cleanup, runAnnotation2) {
  const parts = entries.filter((entry) => entry.kind === "part");
  const isPart = (tag) => parts.some((part) => sameTag(part, tag));
  const updated = entries.filter((entry) => entry.kind === "tag");
  const mayDelete = { auto: ({ ephemeral }) => ephemeral, always: () => true, never: () => false }[cleanup];
  const merged = cleanup === "never" ? [] : entries.filter((entry) => entry.kind === "merged");
  const own = updated.filter((tag) => mayDelete(tag) && !isPart(tag));
  const tags = [...merged, ...own];
  const manifests = entries.filter((entry) => entry.kind === "manifest");
  const repositories = /* @__PURE__ */ new Map();
  for (const { registry, path } of [...tags, ...manifests])
    repositories.set(formatRepository({ registry, path }), { registry, path });
  return [...repositories.values()].map((repository) => {
    const isHere = (other) => isSameRepository(other, repository);
    const kept = updated.filter((tag) => isHere(tag) && !own.includes(tag)).map(({ digest }) => digest);
    const pushed = new Set(manifests.filter(isHere).map(({ digest }) => digest));
    return {
      repository,
      runAnnotation: runAnnotation2,
      partAnnotations: [...new Set(merged.filter(isHere).map(({ owner }) => owner))],
      tags: tags.filter(isHere).map(({ tag, digest }) => ({ tag, digest })),
      manifests: [...pushed].filter((digest) => !kept.includes(digest)),
      kept
    };
  });
}
function sameTag(one, other) {
  return formatTagReference(one) === formatTagReference(other) && one.digest === other.digest;
}
function toOutcome(error2, subject) {
  return {
    subject,
    deleted: false,
    reason: isTimeout(error2) ? deadlinePassed : withWayOut(error2),
    ...error2 instanceof NotDeletedError && error2.isUnsupported && { isUnsupported: true }
  };
}
var temporary = ["network", "server", "too-many"];
function withWayOut(error2) {
  const message = errorMessage(error2);
  const cause = error2 instanceof NotDeletedError ? error2.cause : error2;
  const isTemporary = cause instanceof RegistryError && temporary.includes(cause.kind);
  return isTemporary ? `${message.replace(/\.$/, "")}. The \`cleanup\` action removes it later.` : message;
}
function isTimeout(error2) {
  return error2 instanceof Error && (error2.name === "TimeoutError" || isTimeout(error2.cause));
}
var isDigest = (subject) => subject.includes(":");
function formatOutcomes(name, outcomes) {
  const reference = ({ subject }) => `${name}${isDigest(subject) ? "@" : ":"}${subject}`;
  const byReason = /* @__PURE__ */ new Map();
  for (const outcome of outcomes) {
    if (outcome.reason === void 0 || outcome.isUnsupported && isDigest(outcome.subject)) continue;
    const reason = outcome.reason.replace(/@sha256:[0-9a-f]{64}/g, "");
    byReason.set(reason, [...byReason.get(reason) ?? [], outcome]);
  }
  const kept = [...byReason.values()].map(([first, ...rest]) => {
    const areTags = rest.every(({ subject }) => !isDigest(subject));
    const others = areTags ? rest.map((outcome) => `, ${reference(outcome)}`).join("") : ` and ${rest.length} more`;
    return `Kept ${first ? reference(first) : name}${others}: ${first?.reason ?? ""}`;
  });
  return { deleted: outcomes.filter(({ deleted, subject }) => deleted && !isDigest(subject)).map(reference), kept };
}

// src/cleanup/snapshot.ts
var emptySnapshot = { names: /* @__PURE__ */ new Set(), digests: /* @__PURE__ */ new Map() };
async function snapshotTags(repository, limit = Infinity, before = emptySnapshot) {
  const names = new Set(await listTagNames(repository.registry, repository.repository));
  const recent = before === emptySnapshot ? [] : [...names].filter((tag) => !before.names.has(tag));
  return { names, digests: await resolveTags(repository, names.size <= limit ? names : recent) };
}
function tagsOn(snapshot, digest) {
  return [...snapshot.digests].filter(([, target]) => target === digest).map(([tag]) => tag);
}
async function neededByTags(repository, snapshot, ignore = () => false) {
  const roots = [...snapshot.digests].filter(([tag]) => !ignore(tag)).map(([, digest]) => digest);
  return await neededBy(repository, roots);
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
var tooManyTags = (count) => `the repository has ${count} tags, which are too many to check whether one of them needs it. The garbage collection of the registry deletes untagged manifests.`;

// src/cleanup/attestations.ts
async function isLastProof(repository, index, proved = /* @__PURE__ */ new Set()) {
  for (const [child, image] of (await repository.manifest(index))?.attests ?? []) {
    if (proved.has(child)) continue;
    const isReleased = (await repository.manifest(image))?.runAnnotation === void 0 && await exists(repository, image);
    if (!isReleased && await exists(repository, child)) return true;
  }
  return false;
}
async function withoutForgedAttestations(repository, owned, manifests) {
  const checked = await mapConcurrent([...owned.attestations], async ([digest, image]) => {
    const manifest = manifests.get(digest);
    const isReal = manifest?.kind === "attestation" && await describes(repository, manifest, image);
    return isReal ? [] : [digest];
  });
  const forged = new Set(checked.flat());
  return { ...owned, children: owned.children.filter((digest) => !forged.has(digest)) };
}
async function withoutKept(repository, owned, kept = []) {
  if (owned.children.length === 0 || kept.length === 0) return owned;
  const needed = await neededBy(repository, kept);
  return { ...owned, children: owned.children.filter((digest) => !needed.has(digest)) };
}
async function withoutLastProofs(repository, indexes, kept = []) {
  const owned = await Promise.all(indexes.length === 0 ? [] : kept.map((digest) => repository.manifest(digest)));
  const proofs = owned.filter((manifest) => manifest?.runAnnotation !== void 0);
  const proved = new Set(proofs.flatMap((manifest) => [...manifest?.attests.keys() ?? []]));
  const isProof = await Promise.all(indexes.map((index) => isLastProof(repository, index, proved)));
  return indexes.filter((_, at) => !isProof[at]);
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

// src/cleanup/listing.ts
async function listVersions(backend, requested, deleted) {
  const found = /* @__PURE__ */ new Map();
  const others = [];
  let isStale = false;
  let isSorted = true;
  let last = Infinity;
  const oldest = () => Math.min(...[...found.values(), ...deleted.values()].map(({ id }) => Number(id)));
  for await (const page of backend.list()) {
    for (const version of page) {
      const id = Number(version.id);
      isSorted &&= id < last;
      last = id;
      if (requested.has(version.digest)) found.set(version.digest, version);
      else if (deleted.get(version.digest)?.id === version.id) isStale = true;
      else others.push(version);
    }
    if (isSorted && found.size === requested.size && last < oldest()) break;
  }
  const limit = oldest();
  return { found, isStale, others: isSorted ? others.filter(({ id }) => !(Number(id) < limit)) : others };
}

// src/cleanup/ownership.ts
function findOwnedManifests(artifacts, manifests) {
  const owners = [artifacts.runAnnotation, ...artifacts.partAnnotations ?? []];
  const isAnnotated = (digest) => owners.includes(manifests.get(digest)?.runAnnotation);
  const tagged = [...new Set(artifacts.tags.map(({ digest }) => digest))];
  const indexes = tagged.filter((digest) => manifests.has(digest)).map((digest) => ({
    digest,
    isAnnotated: isAnnotated(digest),
    tags: artifacts.tags.filter((entry) => entry.digest === digest).map(({ tag }) => tag)
  }));
  const perPlatform = artifacts.manifests.filter(
    (digest) => manifests.get(digest)?.kind === "index" && isAnnotated(digest) && !tagged.includes(digest)
  );
  const parents = [...indexes.filter((index) => index.isAnnotated).map(({ digest }) => digest), ...perPlatform];
  const children = findOwnedChildren(parents, manifests, isAnnotated);
  const attests = parents.flatMap((parent) => [...manifests.get(parent)?.attests ?? []]);
  return {
    indexes,
    perPlatform: [...new Set(perPlatform)],
    children,
    attestations: new Map(attests.filter(([child]) => children.includes(child) && !isAnnotated(child)))
  };
}
function findOwnedChildren(parents, manifests, isAnnotated) {
  const isOwnedImage = (image) => image !== void 0 && (isAnnotated(image) || !manifests.has(image));
  const children = parents.flatMap((parent) => {
    const index = manifests.get(parent);
    return (index?.refs ?? []).filter(
      (child) => manifests.has(child) && (isAnnotated(child) || isOwnedImage(index?.attests.get(child)))
    );
  });
  return [...new Set(children)].filter((child) => !parents.includes(child));
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

// src/cleanup/run-referrers.ts
var RunReferrers = class {
  #repository;
  #deleted = /* @__PURE__ */ new Map();
  #images = /* @__PURE__ */ new Set();
  #referrers = [];
  #tags = /* @__PURE__ */ new Map();
  constructor(repository) {
    this.#repository = repository;
  }
  /** By the tags that referrers have where a registry has no API for them, and by that API. */
  async find(images) {
    const { registry, repository } = this.#repository;
    this.#images = images;
    const names = await listTagNames(registry, repository);
    this.#tags = await resolveTags(
      this.#repository,
      names.filter((tag) => this.isReferrerTag(tag))
    );
    const listed = await listReferrers(this.#repository, images);
    const tagged = await readManifests(this.#repository, [...this.#tags.values(), ...listed]);
    const entries = await readManifests(
      this.#repository,
      [...tagged.values()].flatMap(({ refs }) => refs)
    );
    const referrers = await findReferrers(
      this.#repository,
      new Map([...tagged, ...entries]).values(),
      (digest) => this.#tagsOn(digest)
    );
    this.#referrers = referrers.filter(({ subject }) => images.has(subject));
  }
  get digests() {
    return this.#referrers.map(({ digest }) => digest);
  }
  /** Whether the tag refers to an image of this run by its name. */
  isReferrerTag(tag) {
    return this.#images.has(referrerSubject(tag) ?? "");
  }
  has(image) {
    return this.#referrers.some(({ subject }) => subject === image);
  }
  /** Deletes the referrers of an image, right before the image; returns why others stay. */
  async deleteFor(image, versions, needed) {
    const outcomes = [];
    const deleted = [];
    for (const { digest, subject } of this.#referrers) {
      if (subject !== image) continue;
      const removable = this.#tagsOn(digest);
      try {
        const listed = versions.get(digest) ?? { id: digest, digest, tags: removable };
        const version = await refreshVersion(this.#repository, { ...listed, tags: removable });
        const decision = decide({ digest, removable, version, tags: removable, needed });
        if (decision.action === "skip" || decision.action === "untag")
          outcomes.push({ subject: digest, deleted: false, reason: decision.reason });
        if (decision.action !== "delete" || !version) continue;
        await this.#repository.backend.remove(version);
        deleted.push(version);
      } catch (error2) {
        outcomes.push(toOutcome(error2, digest));
      }
    }
    this.#deleted.set(image, deleted);
    return outcomes;
  }
  /** Restores the referrers of an image that stays. */
  async restoreFor(image) {
    const outcomes = [];
    for (const version of [...this.#deleted.get(image) ?? []].reverse()) {
      const isRestored = await this.#repository.backend.restore(version).catch((error2) => errorMessage(error2));
      const reason = "it was restored, because the image that it describes is kept.";
      if (isRestored === true) outcomes.push({ subject: version.digest, deleted: false, reason });
    }
    this.#deleted.delete(image);
    return outcomes;
  }
  #tagsOn(digest) {
    return [...this.#tags].flatMap(([tag, target]) => target === digest ? [tag] : []);
  }
};

// src/cleanup/run-image-cleanup.ts
var listPauses = [1e3, 2e3, 4e3, 8e3, 16e3];
var deletionTime = 15e3;
var maxResolvedTags = 100;
var maxLookupTags = 1e3;
async function deleteRunArtifacts(repository, artifacts, onDeleted = () => void 0) {
  const remove = async (version) => {
    await repository.backend.remove(version);
    onDeleted(version.digest, cleanup.isPerPlatform(version.digest));
  };
  const cleanup = new RunImageCleanup({ ...repository, backend: { ...repository.backend, remove } }, artifacts);
  return await cleanup.run();
}
var RunImageCleanup = class {
  #repository;
  #artifacts;
  #outcomes = [];
  /** As the API knows them. */
  #versions = /* @__PURE__ */ new Map();
  #deleted = /* @__PURE__ */ new Map();
  /** Manifests that stay because an index of this run stays, for a reason that is reported for the index. */
  #excluded = /* @__PURE__ */ new Set();
  /** What other images refer to. */
  #needed = /* @__PURE__ */ new Set();
  #referrers;
  #owned = { indexes: [], children: [], perPlatform: [], attestations: /* @__PURE__ */ new Map() };
  #snapshot = emptySnapshot;
  /** The last list is younger than the deletion of the index. */
  #isListFresh = false;
  constructor(repository, artifacts) {
    const { lowercasesTags } = repository.backend.capabilities;
    const toStored = (tag) => lowercasesTags ? tag.toLowerCase() : tag;
    this.#repository = repository;
    this.#referrers = new RunReferrers(repository);
    this.#artifacts = {
      ...artifacts,
      tags: artifacts.tags.map(({ tag, digest }) => ({ tag: toStored(tag), digest }))
    };
  }
  isPerPlatform = (digest) => this.#owned.perPlatform.includes(digest);
  async run() {
    try {
      await this.#deleteAll();
    } catch (error2) {
      this.#reportError(error2);
    }
    return this.#outcomes;
  }
  async #deleteAll() {
    const { backend } = this.#repository;
    const probe = backend.probeDeletion?.();
    probe?.catch(() => void 0);
    await this.#readOwned();
    const { indexes, children, perPlatform } = this.#owned;
    if (indexes.length + children.length + perPlatform.length === 0) return;
    const refusal = await probe;
    if (refusal) this.#skip(refusal, [...indexes.flatMap(({ tags }) => tags), ...perPlatform]);
    else await this.#deleteOwned();
  }
  async #deleteOwned() {
    const { backend } = this.#repository;
    const { indexes, children, perPlatform } = this.#owned;
    if (indexes.length > 0) await this.#referrers.find(this.#ownedDigests());
    await this.#waitForVersions([...this.#ownedDigests(), ...this.#referrers.digests]);
    if (indexes.length > 0) this.#snapshot = await snapshotTags(this.#repository, maxResolvedTags);
    await this.#deleteIndexes();
    if (!backend.capabilities.deletesReferenced) await this.#deleteUntagged(perPlatform);
    if (children.length > 0) await this.#findVersions([...children, ...perPlatform]);
    await this.#deleteUntagged(children);
    await this.#restoreNeeded();
    if (backend.capabilities.deletesReferenced)
      await this.#deleteUntagged(await withoutLastProofs(this.#repository, perPlatform, this.#artifacts.kept));
  }
  async #readOwned() {
    const { tags, manifests } = this.#artifacts;
    const pushed = await readManifests(this.#repository, [...tags.map(({ digest }) => digest), ...manifests]);
    const refs = [...pushed.values()].flatMap((manifest) => manifest.refs);
    const all = new Map([...pushed, ...await readManifests(this.#repository, refs)]);
    const owned = await withoutKept(this.#repository, findOwnedManifests(this.#artifacts, all), this.#artifacts.kept);
    this.#owned = await withoutForgedAttestations(this.#repository, owned, all);
    for (const { tag, digest } of tags) if (!pushed.has(digest)) this.#outcomes.push({ subject: tag, deleted: true });
  }
  #skip(reason, subjects) {
    for (const subject of subjects) this.#outcomes.push(toOutcome(reason, subject));
  }
  /** For every tag that has no outcome, or else for one manifest. */
  #reportError(error2) {
    const reported = new Set(this.#outcomes.map(({ subject }) => subject));
    const tags = this.#artifacts.tags.map(({ tag }) => tag);
    const [first, ...rest] = [...tags, ...this.#artifacts.manifests].filter((subject) => !reported.has(subject));
    if (first !== void 0) this.#skip(error2, [first, ...rest.filter((subject) => tags.includes(subject))]);
  }
  #ownedDigests() {
    const { indexes, children, perPlatform } = this.#owned;
    return /* @__PURE__ */ new Set([...indexes.map(({ digest }) => digest), ...children, ...perPlatform]);
  }
  /** A list may lag a few seconds behind what this run pushed. */
  async #waitForVersions(digests) {
    const { clock, deadline: deadline4 } = this.#repository;
    await this.#findVersions(digests);
    for (const pause of listPauses) {
      if (digests.every((digest) => this.#versions.has(digest))) return;
      if (clock.now() + pause > deadline4 - deletionTime) return;
      await clock.sleep(pause);
      await this.#findVersions(digests);
    }
  }
  /** Where the id of a version is its digest, there is nothing to find. */
  async #findVersions(digests) {
    const { backend } = this.#repository;
    if (!backend.capabilities.listsById) {
      for (const digest of digests) this.#versions.set(digest, { id: digest, digest, tags: [] });
      return;
    }
    const { found, others, isStale } = await listVersions(backend, new Set(digests), this.#deleted);
    found.forEach((version, digest) => this.#versions.set(digest, version));
    const owned = /* @__PURE__ */ new Set([...this.#ownedDigests(), ...this.#referrers.digests]);
    const foreign = others.map(({ digest }) => digest).filter((digest) => !owned.has(digest));
    await this.#markNeeded(await neededBy(this.#repository, foreign));
    this.#isListFresh = this.#deleted.size > 0 && !isStale && digests.every((digest) => found.has(digest));
  }
  /** Keeps what others need, and what that needs in turn. */
  async #markNeeded(needed) {
    const known = [...needed].filter((digest) => this.#versions.has(digest));
    for (const digest of [...needed, ...await neededBy(this.#repository, known)]) this.#needed.add(digest);
  }
  async #deleteIndexes() {
    for (const index of this.#owned.indexes) {
      try {
        requireTime(this.#repository);
        this.#outcomes.push(...await this.#deleteIndex(index));
      } catch (error2) {
        this.#skip(error2, index.tags);
      }
      if (this.#deleted.has(index.digest)) continue;
      for (const digest of await neededBy(this.#repository, [index.digest])) this.#excluded.add(digest);
    }
  }
  async #deleteIndex({ digest, tags, isAnnotated }) {
    const listed = this.#versions.get(digest);
    if (!listed) throw new NotDeletedError(notListedYet);
    const version = await refreshVersion(this.#repository, listed);
    const moved = version ? tags.filter((tag) => !version.tags.includes(tag)) : [];
    const outcomes = await this.#movedTags(moved);
    if (version?.tags.length === 0 && !isAnnotated) return outcomes;
    const removable = tags.filter((tag) => !moved.includes(tag));
    const registryTags = tagsOn(this.#snapshot, digest).filter((tag) => !moved.includes(tag));
    const decision = await this.#decide({ digest, removable, version, tags: registryTags, isOwned: isAnnotated });
    if (decision.action === "skip")
      return [...outcomes, ...removable.map((subject) => ({ subject, deleted: false, reason: decision.reason }))];
    if (decision.action === "untag") await this.#untag(version ?? listed, removable);
    else await this.#delete(version ?? listed, version !== void 0);
    return [...outcomes, ...removable.map((subject) => ({ subject, deleted: true }))];
  }
  /** Deletes the referrers of an image that is to be deleted, and decides once more: that took a while. */
  async #decide(manifest) {
    const input = { ...manifest, needed: this.#needed };
    const before = decide(input);
    if (before.action !== "delete" || !this.#referrers.has(input.digest)) return before;
    this.#outcomes.push(...await this.#referrers.deleteFor(input.digest, this.#versions, this.#needed));
    const version = input.version && await refreshVersion(this.#repository, input.version);
    const after = decide({ ...input, version });
    if (after.action !== "delete") this.#outcomes.push(...await this.#referrers.restoreFor(input.digest));
    return after;
  }
  /** Tags that do not exist any more are deleted; the others point at another image. */
  async #movedTags(tags) {
    const found = await Promise.all(tags.map((tag) => exists(this.#repository, tag)));
    return tags.map((subject, at) => ({ subject, deleted: !found[at], ...found[at] && { reason: movedTag } }));
  }
  async #untag(version, tags) {
    for (const tag of version.tags.filter((one) => tags.includes(one)))
      await this.#repository.backend.untag(version, tag);
  }
  async #delete(version, isThere) {
    const { backend } = this.#repository;
    if (isThere) {
      const others = [...this.#snapshot.names].filter((tag) => !version.tags.includes(tag));
      const isLastTagged = version.tags.length > 0 && this.#snapshot.names.size > 0 && others.length === 0;
      const error2 = isLastTagged ? backend.lastTaggedError?.() : void 0;
      if (error2) throw error2;
      await backend.remove(version);
    }
    this.#deleted.set(version.digest, version);
  }
  /** Deletes manifests without a tag that nothing else needs. */
  async #deleteUntagged(digests) {
    if (digests.length === 0) return;
    await this.#refreshNeeded();
    const { resolvesEachTag, deletesConcurrently } = this.#repository.backend.capabilities;
    const tagCount = this.#snapshot.names.size;
    if (resolvesEachTag && this.#owned.indexes.length === 0 && tagCount > maxLookupTags) {
      this.#skip(new NotDeletedError(tooManyTags(tagCount), void 0, true), digests);
      return;
    }
    const rest = digests.filter((digest) => !this.#excluded.has(digest));
    await mapConcurrent(rest, (digest) => this.#tryDeleteUntagged(digest), deletesConcurrently ? void 0 : 1);
  }
  async #tryDeleteUntagged(digest) {
    try {
      requireTime(this.#repository);
      const listed = this.#versions.get(digest);
      if (!listed) throw new NotDeletedError(notListedYet);
      const version = this.#isListFresh ? listed : await refreshVersion(this.#repository, listed);
      const decision = await this.#decide({ digest, removable: [], version, tags: tagsOn(this.#snapshot, digest) });
      if (decision.action === "skip") throw new NotDeletedError(decision.reason);
      if (version) await this.#repository.backend.remove(version);
      this.#deleted.set(digest, version ?? listed);
    } catch (error2) {
      this.#skip(error2, [digest]);
    }
  }
  /** What tags need by now, in the registry; new tags included. */
  async #refreshNeeded() {
    this.#snapshot = await snapshotTags(this.#repository, maxResolvedTags, this.#snapshot);
    const { digests } = this.#snapshot;
    const own = new Set(this.#artifacts.tags.map(({ tag }) => tag));
    const isIgnored = (tag) => this.#referrers.isReferrerTag(tag) || own.has(tag) && this.#deleted.has(digests.get(tag) ?? "");
    await this.#markNeeded(await neededByTags(this.#repository, this.#snapshot, isIgnored));
  }
  /** Another client may have pushed an index over our images between the last snapshot and the deletion. */
  async #restoreNeeded() {
    if (this.#deleted.size === 0) return;
    this.#snapshot = await snapshotTags(this.#repository, maxResolvedTags, this.#snapshot);
    const needed = await neededByTags(this.#repository, this.#snapshot);
    for (const [digest, version] of [...this.#deleted]) {
      if (!needed.has(digest)) continue;
      const isRestored = await this.#repository.backend.restore(version);
      this.#deleted.delete(digest);
      const outcome = isRestored ? "so it was restored." : "and it could not be restored.";
      this.#skip(new NotDeletedError(`another image started to refer to it during the cleanup, ${outcome}`), [digest]);
    }
  }
};

// src/stories/undo-images.ts
var registryDeadline = 6e4;
var clockSkew = 36e5;
async function deleteImages(entries, request, ports) {
  const { dir, tags, event } = request;
  const found = artifactsByRepository([...entries].reverse(), tags, runAnnotation(event, dir.key));
  const deletions = found.map(({ repository, ...artifacts }) => ({ repository, select: () => ({ artifacts }) }));
  await deleteAll(deletions, request, ports);
}
async function deleteFoundImages(request, ports) {
  const { dir, tags, event, began, images } = request;
  if (tags === "never") return false;
  const run = { runId: event.runId, runAnnotation: runAnnotation(event, dir.key), since: began - clockSkew };
  const select = async (opened) => {
    const { artifacts, unproven } = await findRunArtifacts(opened, run);
    return { artifacts, kept: unproven.map((tag) => `Kept ${opened.name}:${tag}: ${unprovenReason}`) };
  };
  if (tags === "always") ports.log.warn(alwaysHint);
  return await deleteAll(
    distinct(images).map((repository) => ({ repository, select })),
    request,
    ports
  );
}
var unprovenReason = "its image does not have the annotation of this run. The `cleanup` action deletes the tag when the run is finished.";
var alwaysHint = "`cleanup: always`: only tags with the id of the run are deleted, since the journal that names the others is lost. Delete the others in the registry.";
var perPlatformNote = "a per-platform index, which the image does not need";
function distinct(repositories) {
  return [...new Map(repositories.map((repository) => [formatRepository(repository), repository])).values()];
}
async function deleteAll(deletions, request, ports) {
  if (deletions.length === 0) return false;
  const packages = ports.openPackages();
  const outcomes = await Promise.all(deletions.map((deletion) => deleteFrom(deletion, request, { packages, ...ports })));
  outcomes.forEach(({ deleted }) => deleted.forEach((tag) => ports.log.info(`Deleted ${tag}.`)));
  const kept = outcomes.flatMap((outcome) => outcome.kept);
  const log = request.tags === "never" ? ports.log.info : ports.log.warn;
  if (kept.length > 0) log(kept.join("\n"));
  return outcomes.some(({ deleted }) => deleted.length > 0) || kept.length > 0;
}
async function deleteFrom({ repository, select }, { dir, began, event }, { packages, log }) {
  const name = formatRepository(repository);
  const signal = AbortSignal.timeout(registryDeadline);
  try {
    const access2 = await packages;
    const opened = await openPackageRepository(access2, {
      repository,
      client: await createClientFactory(access2.registries, signal)(repository),
      until: access2.clock.now() + registryDeadline,
      mark: runAnnotation(event, dir.key),
      since: new Date(began - clockSkew),
      signal
    });
    const { artifacts, kept = [] } = await select(opened);
    const onDeleted = (digest, isPerPlatform) => log.info(`Deleted ${name}@${digest}${isPerPlatform ? `, ${perPlatformNote}` : ""}.`);
    const lines = formatOutcomes(name, await deleteRunArtifacts(opened, artifacts, onDeleted));
    return { deleted: lines.deleted, kept: [...kept, ...lines.kept] };
  } catch (error2) {
    return { deleted: [], kept: [`Kept ${name}: ${errorMessage(error2)}. The \`cleanup\` action removes it later.`] };
  }
}

// src/stories/undo-lost.ts
import { dirname as dirname2 } from "node:path";

// src/gc/engine.ts
var minProbeAge = 10 * 6e4;
var EngineGarbage = class {
  #engine;
  #runs;
  #self;
  /** @param self the builder name of this run */
  constructor(engine, runs, self) {
    this.#engine = engine;
    this.#runs = runs;
    this.#self = self;
  }
  /**
   * @param image the image of daemons on this node, if it is not BuildKit's own
   * @throws EngineError
   */
  async collect(image) {
    const resources = await this.#findResources();
    const probes = await this.#removeProbes(image);
    const runs = await this.#removeFinished(resources);
    const persistent = await this.#removeUnused(resources);
    return [...runs, ...persistent, ...probes];
  }
  async #findResources() {
    const [containers, volumes, now] = await Promise.all([
      this.#engine.listContainers(resourcePrefix),
      this.#engine.listVolumes(resourcePrefix),
      this.#engine.time()
    ]);
    const named = [
      ...containers.map(({ names, createdAt }) => ({ name: names[0] ?? "", createdAt, holder: "" })),
      ...volumes.map(({ name, createdAt, labels }) => ({
        name,
        createdAt: Date.parse(createdAt),
        holder: lockHolder(labels)
      }))
    ];
    return named.flatMap(({ name, createdAt, holder }) => {
      const owner = parseResourceName(name);
      const age = now - createdAt;
      return owner ? [{ owner, holder, age: Number.isFinite(age) ? age : 0 }] : [];
    });
  }
  async #removeProbes(image) {
    try {
      return await removeProbes(this.#engine, image, minProbeAge);
    } catch (error2) {
      return [{ name: "containers that buildx left", error: errorMessage(error2) }];
    }
  }
  async #removeFinished(resources) {
    const youngest = /* @__PURE__ */ new Map();
    for (const { owner, age, holder } of resources) {
      if (owner.kind !== "run") continue;
      youngest.set(owner.name, { owner, holder, age: Math.min(age, youngest.get(owner.name)?.age ?? Infinity) });
    }
    const outcomes = await Promise.all(
      [...youngest.values()].map(
        async ({ owner, age }) => await this.#isFinished(owner, age) ? [await this.#removeBuilder(owner.name)] : []
      )
    );
    return outcomes.flat();
  }
  async #removeUnused(resources) {
    const names = new Set(resources.flatMap(({ owner }) => owner.kind === "persistent" ? [owner.name] : []));
    const outcomes = await Promise.all(
      [...names].map(async (name) => {
        const parts = partsOf(name, resources);
        for (const part of parts) if (await this.#isStaleLock(part)) await this.#tryRemoveVolume(lockVolume(name));
        return isUnused(parts) ? await this.#removePersistent(name) : [];
      })
    );
    return outcomes.flat();
  }
  /** With the lock: a run that uses the builder records that before it checks the lock. */
  async #removePersistent(name) {
    if (!await takeLock(this.#engine, name, this.#self)) return [];
    try {
      const parts = partsOf(name, await this.#findResources());
      if (!isUnused(parts)) return [];
      const outcome = await this.#removeBuilder(name);
      for (const day2 of usageDays(parts)) await this.#tryRemoveVolume(usageVolume(name, day2));
      return [outcome];
    } finally {
      await releaseLock(this.#engine, name, this.#self);
    }
  }
  /** Whether the holder of the lock will never release it. */
  async #isStaleLock({ owner, age, holder }) {
    if (owner.kind !== "persistent" || owner.part !== "lock") return false;
    const run = parseResourceName(`${containerPrefix}${holder}-0`);
    return age > staleLockAge || run !== void 0 && await this.#isFinished(run, age);
  }
  async #isFinished(owner, age) {
    return owner.kind === "run" && await this.#runs.isFinished({ ...owner, age });
  }
  async #removeBuilder(name) {
    const container = `${containerPrefix}${name}`;
    try {
      await this.#engine.removeBuilder(container, stateVolume(container));
      await this.#engine.removeVolume(reservationVolume(name));
      return { name };
    } catch (error2) {
      if (error2 instanceof EngineError && error2.status === 409) return { name };
      return { name, error: errorMessage(error2) };
    }
  }
  async #tryRemoveVolume(volume) {
    await this.#engine.removeVolume(volume).catch(() => void 0);
  }
};
function partsOf(name, resources) {
  return resources.filter(({ owner }) => owner.kind === "persistent" && owner.name === name);
}
function isUnused(parts) {
  const days = usageDays(parts);
  if (days.length > 0) return days.every((day2) => Date.now() - day2 > idleTtl);
  const ages = parts.flatMap(({ owner, age }) => owner.kind === "persistent" && owner.part !== "lock" ? [age] : []);
  return ages.length > 0 && ages.every((age) => age > idleTtl);
}
function usageDays(parts) {
  return parts.flatMap(({ owner }) => owner.kind === "persistent" && owner.part === "usage" ? [owner.on] : []);
}

// src/gc/kubernetes.ts
var deadline3 = 2e4;
async function collectClusterGarbage(spec, runs, dir) {
  const flags = kubectlFlags(spec, dir);
  try {
    if (!await hasKubectl(flags)) return { node: spec.name, removed: [], failed: [] };
    const deployments = await findDeployments(flags);
    const isFinished = await Promise.all(deployments.map(({ owner, age }) => runs.isFinished({ ...owner, age })));
    const finished = deployments.filter((_, at) => isFinished[at]);
    return { node: spec.name, ...await removeDeployments(flags, finished) };
  } catch (error2) {
    const message = errorMessage(error2);
    const reason = /forbidden/i.test(message) ? "the account of the kubeconfig has no permission to `list` deployments, so leftovers cannot be found" : message;
    return { node: spec.name, removed: [], failed: [reason] };
  }
}
function kubectlFlags({ endpoint, driverOpts }, dir) {
  const { kubeconfig = "" } = endpoint;
  const { namespace = "" } = driverOpts;
  return [
    "--cache-dir",
    dir.kubectlCache,
    ...kubeconfig === "" ? [] : ["--kubeconfig", kubeconfig],
    ...namespace === "" ? [] : ["--namespace", namespace]
  ];
}
async function removeDeployments(flags, deployments) {
  const names = deployments.map(({ name }) => name);
  const configMaps = deployments.flatMap((deployment) => deployment.configMaps);
  try {
    if (configMaps.length > 0) await kubectl([...flags, "delete", "configmap", ...configMaps, "--ignore-not-found"]);
    if (names.length > 0)
      await kubectl([...flags, "delete", "deployment", ...names, "--ignore-not-found", "--wait=false"]);
    return { removed: names, failed: [] };
  } catch (error2) {
    return { removed: [], failed: [`${names.join(", ")}: ${errorMessage(error2)}`] };
  }
}
async function findDeployments(flags) {
  const selector = `${managedByLabel}=${managedBy}`;
  const text = await kubectl([...flags, "get", "deployments", "--selector", selector, "--output", "json"]);
  return asList(asRecord(tryParseJson(text))["items"]).map(asRecord).flatMap(parseDeployment);
}
function parseDeployment({ metadata, spec }) {
  const { name: text, creationTimestamp } = asRecord(metadata);
  const name = asText(text);
  const owner = parseResourceName(`${containerPrefix}${name}`);
  if (owner?.kind !== "run" || owner.name !== name) return [];
  const age = Date.now() - Date.parse(asText(creationTimestamp));
  const volumes = asList(asRecord(asRecord(asRecord(spec)["template"])["spec"])["volumes"]).map(asRecord);
  const configMaps = volumes.map((volume) => asText(asRecord(volume["configMap"])["name"])).filter((map) => map === `${name}-config` || map.startsWith(`${name}-config-`));
  return [{ name, owner, age: Number.isFinite(age) ? age : 0, configMaps }];
}
async function hasKubectl(flags) {
  try {
    await exec("kubectl", [...flags, "version", "--client"], { env: inheritedEnv(), deadline: deadline3 });
    return true;
  } catch (error2) {
    if (error2 instanceof Error && "code" in error2 && error2.code === "ENOENT") return false;
    throw new Error(`kubectl could not be started: ${errorMessage(error2)}`, { cause: error2 });
  }
}
async function kubectl(args) {
  const { code, stdout, stderr } = await exec("kubectl", args, { env: inheritedEnv(), deadline: deadline3 });
  if (code !== 0) throw new Error(stderr.trim().split("\n").at(-1) ?? `kubectl exited with code ${code}`);
  return stdout;
}

// src/gc/nodes.ts
async function collectNodeGarbage(nodes, runs, { self, dir }) {
  const targets = new Map(nodes.filter(({ driver }) => driver.collector).map((node) => [targetKey(node), node]));
  return await Promise.all(
    [...targets.values()].map(async ({ driver, socket, spec }) => {
      if (driver.collector === "cluster") return await collectClusterGarbage(spec, runs, dir);
      try {
        const engine = new EngineGarbage(new EngineClient(socket), runs, self);
        const outcomes = await engine.collect(spec.driverOpts["image"]);
        return {
          node: spec.name,
          removed: outcomes.flatMap(({ name, error: error2 }) => error2 === void 0 ? [name] : []),
          failed: outcomes.flatMap(({ name, error: error2 }) => error2 === void 0 ? [] : [`${name}: ${error2}`])
        };
      } catch (error2) {
        return { node: spec.name, removed: [], failed: [errorMessage(error2)] };
      }
    })
  );
}
function targetKey({ driver, socket, spec }) {
  if (driver.collector !== "cluster") return socket;
  return `${formatEndpoint(spec.endpoint)} ${spec.driverOpts["namespace"] ?? ""}`;
}

// src/stories/undo-lost.ts
var nextRun = "The next run on this node removes it.";
async function undoOnNodes({ dir: lost, event }, { openNodes, log }) {
  const builder = runBuilderName(lost.key, event);
  const dir = RunDir.choose(dirname2(lost.path));
  try {
    dir.create();
    writeOwner(dir, await describeOwner({ ...event, scope: repositoryScope(event) }));
    const outcomes = await openNodes(dir);
    for (const { spec, failure } of outcomes)
      if (failure) log.warn(`The builder ${builder} on ${spec.name} was not removed: ${failure.message}. ${nextRun}`);
    const nodes = outcomes.flatMap(({ node }) => node ?? []);
    const collected = await collectNodeGarbage(nodes, onlyBuilder(builder), { self: builder, dir });
    for (const { node, removed, failed } of collected) {
      if (removed.length > 0) log.info(`Removed ${removed.join(", ")} on ${node}.`);
      failed.forEach((reason) => log.warn(`A builder on ${node} was not removed: ${reason}. ${nextRun}`));
    }
    return collected.some(({ removed }) => removed.length > 0);
  } catch (error2) {
    log.warn(`The builders ${builder} on the nodes were not removed: ${errorMessage(error2)}. ${nextRun}`);
    return false;
  } finally {
    await removeRunDir(dir.path).catch((error2) => log.debug(errorMessage(error2)));
  }
}

// src/stories/undo.ts
var cancelledFor = 5e3;
var laterRemoval = "The next run on these nodes removes the leftovers there; the `cleanup` action removes those in the registry.";
var mainPatience = 6e3;
async function undoRun(request, ports) {
  const { dir } = request;
  const { log, signal } = ports;
  try {
    if (await isCutShort(undo(request, ports), signal)) log.warn(`Cleanup was cancelled. ${laterRemoval}`);
  } catch (error2) {
    const { headline, body } = formatError(error2);
    log.line(body);
    log.warn(`Cleanup did not finish: ${headline}
${laterRemoval}`);
  } finally {
    await removeOwnDir(dir, log);
  }
  if (!signal.aborted) logRunnerGarbage(await ports.collectRunnerGarbage(), log);
}
async function undo(request, ports) {
  const { dir, main } = request;
  await logWait("the build step to end", killProcess(main, mainPatience), ports.log.info);
  await killProcessesIn(dir.path, "--metadata-file");
  if (!hasJournal(dir)) {
    await undoWithoutJournal(request, ports);
    return;
  }
  const entries = readJournal(dir, ports.log).reverse();
  const connections = new Connections(entries, ports.authenticate);
  const pending = { dir, connections, entries: pendingOnNodes(entries), journal: openJournal(dir), log: ports.log };
  const leaveNodes = undoEntries(["container", "pod", "lock", "reservation"], pending).then(() => undoEntries(["boots"], pending)).then(() => killProcessesIn(dir.path).catch(() => void 0));
  await Promise.all([deleteImages(entries, request, ports), leaveNodes]);
}
async function undoWithoutJournal(request, ports) {
  const { log } = ports;
  const lost = `The journal of this run in ${request.dir.path} is lost`;
  log.info(`${lost}: what has the id of the run is removed.`);
  const found = await Promise.all([undoOnNodes(request, ports), deleteFoundImages(request, ports)]);
  if (found.includes(true)) log.warn(`${lost}. ${lostHint}`);
}
var lostHint = "Builders and tags with the id of the run are found by their names and removed. Other manifests of the run stay in registries that do not list them; the `cleanup` action and the registry\u2019s garbage collection remove them later.";
async function isCutShort(work, signal) {
  let timer;
  const late = new Promise((resolve2) => {
    const start = () => timer = setTimeout(() => resolve2(true), cancelledFor);
    if (signal.aborted) start();
    else signal.addEventListener("abort", start, { once: true });
  });
  return await Promise.race([work.then(() => false), late]).finally(() => clearTimeout(timer));
}
async function removeOwnDir({ path }, log) {
  try {
    await removeRunDir(path);
  } catch (error2) {
    log.warn(
      `The run directory ${path} could not be removed: ${errorMessage(error2)}. On a self-hosted runner, delete it manually; only the user of the runner can read it.`
    );
  }
}

// src/post.ts
var job = new Job();
await job.run(async () => {
  const state = loadMainState();
  if (!state) {
    job.log.info("Nothing to clean up.");
    return;
  }
  const { request, ports } = await preparePost(job, state);
  const stored = storeDownload(job);
  await undoRun(request, ports);
  if (!job.signal.aborted) await stored;
});
