import { createRequire as __cr } from 'node:module'; import { fileURLToPath as __fu } from 'node:url'; import { dirname as __dn } from 'node:path'; const require = __cr(import.meta.url); const __filename = __fu(import.meta.url); const __dirname = __dn(__filename);
import {
  parsePep440,
  parseSemver
} from "./chunk-D567ZSHM.js";
import {
  defaultTags,
  ephemeralTag,
  findStepLogin,
  isEphemeral,
  listField,
  longestTag,
  mergeImage,
  originOf,
  packagesChoices,
  parseFields,
  parseMergeVariants,
  parseYamlList,
  parseYamlMap,
  sanitiseTag
} from "./chunk-2BPXBDPV.js";
import "./chunk-76P6GHY2.js";
import {
  Diagnostics,
  boolean,
  choice,
  failFor,
  parseTable,
  passes
} from "./chunk-MZG3WKNZ.js";
import {
  defaultApiUrl,
  detectPlatform,
  isForgejoRunner,
  passesParentInputs
} from "./chunk-BPKKR3LI.js";
import {
  ecrRegion,
  isEcr,
  isHubOidc
} from "./chunk-LHEZPL74.js";
import "./chunk-2BUZDPIT.js";
import {
  createClientFactory
} from "./chunk-2I3VRQHE.js";
import "./chunk-LMP5NIJU.js";
import {
  RunDir,
  metadataVariables
} from "./chunk-7EQVBF2L.js";
import {
  restorePem
} from "./chunk-HOPLQHX4.js";
import {
  isTrue,
  parseBoolean
} from "./chunk-E6R3LWY4.js";
import {
  credentialHelper,
  dockerConfigFile,
  dockerConfigKey,
  loadJobDockerConfig,
  storedCredentials
} from "./chunk-3ZT25UFS.js";
import {
  expand,
  formatAnnotation,
  generateLabels,
  isOnly,
  overlayAnnotations,
  overlayLabels,
  parseAnnotationEntries,
  parseAnnotations,
  parseLevels,
  parsePlatform,
  parsePlatforms
} from "./chunk-JLL4J2R2.js";
import {
  getAttribute,
  parseAttributes,
  splitFields,
  splitLines,
  splitList,
  unquote
} from "./chunk-5O5IOAUA.js";
import {
  exec,
  execTool,
  inheritedEnv,
  minimalEnv,
  withholdVariables
} from "./chunk-WBB3IW3Z.js";
import {
  wordingOf
} from "./chunk-O72HTLTZ.js";
import {
  RegistryError,
  allowManyListeners,
  createGithubRequest,
  createPlatformRequest,
  createRunStatusFetcher
} from "./chunk-DRJ2E4GB.js";
import "./chunk-WYWHX3I2.js";
import {
  createRawFetch
} from "./chunk-ACJH6254.js";
import {
  createFetch
} from "./chunk-WIVEGE22.js";
import {
  repositoryScope
} from "./chunk-7JXPLJXT.js";
import {
  logWait,
  sleep,
  withAbort
} from "./chunk-4M3QGFHH.js";
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
  specialKind,
  tryRead,
  writePrivate
} from "./chunk-INCO74GJ.js";
import "./chunk-3NAHNUTQ.js";
import "./chunk-Q5G6JPED.js";
import "./chunk-WB574WTD.js";
import "./chunk-MSIMGN27.js";
import {
  formatRepository,
  formatTagReference,
  isSameRepository,
  isTag,
  lowerCaseRepository,
  parseRepository,
  parseTagReference
} from "./chunk-WZGQSURL.js";
import {
  runsForCommandLine
} from "./chunk-D5WJF5XN.js";
import "./chunk-LUPX4NBI.js";
import {
  isDigest
} from "./chunk-A5WLJVI4.js";
import {
  asList,
  asRecord,
  asText,
  isRecord,
  tryParseJson
} from "./chunk-57JLVAZN.js";
import {
  InputError,
  didYouMean,
  shorten
} from "./chunk-QJ7EZ3IZ.js";
import "./chunk-5EFHKGRW.js";

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
function saveState(name, value) {
  const filePath = process.env["GITHUB_STATE"] || "";
  if (filePath) {
    return issueFileCommand("STATE", prepareKeyValueMessage(name, value));
  }
  issueCommand("save-state", { name }, toCommandValue(value));
}

// src/forge/event.ts
import { existsSync as existsSync2, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
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
  if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(sha) || !existsSync2(objects)) return void 0;
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
async function withRepositoryDetails(event, env, { repository }) {
  return event.lacksRepository ? { ...readEvent(env, void 0, await repository()), now: event.now } : event;
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

// src/inputs/local-paths.ts
import { existsSync as existsSync3 } from "node:fs";
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
var hostFiles = { exists: existsSync3, read: readRegularFile, readLink, specialKind };
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

// src/inputs/source.ts
function variableOf(input3) {
  return `INPUT_${input3.replaceAll(" ", "_").toUpperCase()}`;
}
function createSource({ env, event, files, diagnostics }) {
  const { report, warn, note, hasIssue } = diagnostics;
  const paths = new LocalPaths(event.workspace, files, report);
  return { env, event, paths, report, warn, note, hasIssue, text: (name) => (env[variableOf(name)] ?? "").trim() };
}
function usesCommitDate(env) {
  return Object.entries(env).some(([name, text = ""]) => name.startsWith("INPUT_") && text.includes("commit_date"));
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
var mergeInputs = [
  "image",
  "platforms",
  "digests",
  "variants",
  "tags",
  "flavor",
  "annotations",
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
  "registries",
  "github-token",
  "otlp-endpoint",
  "cleanup",
  "packages-api",
  "dry-run"
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
  merge: () => [import("./chunk-FRWCBK4W.js"), import("./chunk-6RS723LL.js"), import("./chunk-LVALBV4Z.js")],
  copy: () => [import("./chunk-UMAL2WFX.js"), import("./chunk-LVALBV4Z.js")]
};
function preloadReport(step) {
  for (const module of reports[step]()) module.catch(() => void 0);
}
async function reportMerge(result, took) {
  const { createMergeReport, renderMergeLines, renderMergeSummary } = await import("./chunk-FRWCBK4W.js");
  const { renderImageOutputs } = await import("./chunk-6RS723LL.js");
  const report = createMergeReport(result, took);
  setOutputs(renderImageOutputs(report.variants));
  renderMergeLines(report).forEach((line) => runnerLog.line(line));
  await writeSummary(renderMergeSummary(report));
}
async function reportDryRun({ report, problems: problems2 }) {
  const { renderDryRun, renderDryRunSummary } = await import("./chunk-MF63N6Q6.js");
  renderDryRun(report).forEach((line) => runnerLog.line(forReader(line)));
  await writeSummary(renderDryRunSummary(report));
  if (problems2.length > 0) throw new UserErrors(problems2);
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
  const { renderErrorSummary, renderFailedSummary } = await import("./chunk-LVALBV4Z.js");
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
  const { limitSummary, maskSecrets } = await import("./chunk-LVALBV4Z.js");
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

// src/metadata/flavor.ts
var latestValues = ["auto", "true", "false", "highest"];
var noFlavor = {
  latest: "auto",
  prefix: "",
  suffix: "",
  prefixLatest: false,
  suffixLatest: false,
  given: false
};
var attributes = ["latest", "prefix", "suffix", "onlatest"];
var messages = {
  quote: 'has a quote in the middle of a field: put the whole field between quotes, `"suffix=a,b"`',
  latest: "is none of `latest=auto`, `latest=true`, `latest=false` and `latest=highest`",
  onlatest: "is neither `onlatest=true` nor `onlatest=false`",
  onlatestAlone: "has `onlatest` without a prefix or suffix before it: write `suffix=-slim,onlatest=true`",
  unknown: "is not valid: write `latest=auto`, `prefix=\u2026` or `suffix=\u2026`, the last two also with `,onlatest=true`"
};
function parseFlavor({ input: input3, text }, report) {
  return splitLines(text).reduce((flavor, { text: line }) => {
    const reject = (expected) => report({ input: input3, given: shorten(line), expected });
    const fields = splitFields(line);
    if (fields) return { ...flavor, ...parseLine(fields, reject), given: true };
    reject(messages.quote);
    return flavor;
  }, noFlavor);
}
function parseLine(fields, reject) {
  let flavor = {};
  let previous = "";
  for (const field of fields) {
    const [, key = "", value = ""] = /^([^=]*)=(.*)$/s.exec(field) ?? [];
    const attribute2 = key.trim().toLowerCase();
    if (attribute2 === "prefix" || attribute2 === "suffix") previous = attribute2;
    const parsed = parseAttribute(attribute2, value.trim(), previous);
    if (parsed) flavor = { ...flavor, ...parsed };
    else if (attributes.includes(attribute2)) reject(invalidValue(attribute2, previous));
    else reject(`${messages.unknown}${didYouMean(attribute2 || field, attributes)}`);
  }
  return flavor;
}
function parseAttribute(attribute2, value, previous) {
  const latest = latestValues.find((one) => one === value);
  if (attribute2 === "latest") return latest && { latest };
  if (attribute2 === "prefix") return { prefix: value };
  if (attribute2 === "suffix") return { suffix: value };
  if (attribute2 !== "onlatest" || value !== "true" && value !== "false") return void 0;
  if (previous === "prefix") return { prefixLatest: value === "true" };
  return previous === "suffix" ? { suffixLatest: value === "true" } : void 0;
}
function invalidValue(attribute2, previous) {
  if (attribute2 === "latest") return messages.latest;
  return previous === "" ? messages.onlatestAlone : messages.onlatest;
}

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
var day2 = ({ clock }) => clock.getUTCDate();
var weekday = ({ clock }) => clock.getUTCDay();
var hour = ({ clock }) => clock.getUTCHours();
var hour12 = (date) => hour(date) % 12 || 12;
var minute2 = ({ clock }) => clock.getUTCMinutes();
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
  ...numberTokens("D", day2, { widths: [2], ordinal: true }),
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
  ...numberTokens("m", minute2, { widths: [2] }),
  ...numberTokens("s", second, { widths: [2] }),
  Hmm: (date) => `${hour(date)}${two(minute2)(date)}`,
  Hmmss: (date) => `${hour(date)}${two(minute2)(date)}${two(second)(date)}`,
  hmm: (date) => `${hour12(date)}${two(minute2)(date)}`,
  hmmss: (date) => `${hour12(date)}${two(minute2)(date)}${two(second)(date)}`,
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
  const names = zoneLocales.map((locale) => localZoneName(instant, zone, locale));
  return known ?? names.find((name) => !/^(GMT|UTC)[+-]/.test(name)) ?? formatOffset(offset, "").replace(/00$/, "");
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
  const variable = `the variable DOCKER_METADATA_SHORT_SHA_LENGTH is \`${shorten(length)}\``;
  return `cannot be evaluated: ${variable}, and a number is expected`;
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
var messages2 = {
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
    reject(messages2.quote);
    return void 0;
  }
  const { type = "raw", ...attributes2 } = parseFields2(fields);
  const problem = isType(type) ? findProblem(type, attributes2) : `has the unknown type \`${type}\`; valid types: ${types.join(", ")}${didYouMean(type, types)}`;
  if (problem !== void 0) reject(problem);
  if (problem !== void 0 || !isType(type)) return void 0;
  return {
    type,
    line,
    priority: Number(attributes2["priority"] ?? forms[type].priority),
    attributes: { enable: "true", ...forms[type].defaults, ...defaultPrefix(type, attributes2), ...attributes2 }
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
  group: (value) => /^\d+$/.test(value) ? void 0 : `has the group \`${value}\`: ${messages2.group}`,
  format: (value) => notOneOf("format", value, ["short", "long"]),
  match: invalidPattern,
  pattern: (value, type) => type === "match" ? invalidPattern(value) : void 0
};
function findProblem(type, attributes2) {
  const { defaults, required, example } = forms[type];
  const known = [...common, ...Object.keys(defaults)];
  const unknown = Object.keys(attributes2).find((name) => !known.includes(name));
  if (unknown !== void 0) {
    const valid = `valid attributes: ${known.join(", ")}${didYouMean(unknown, known)}`;
    return `has the attribute \`${unknown}\`, which \`type=${type}\` does not have; ${valid}`;
  }
  if (required !== void 0 && !Object.hasOwn(attributes2, required))
    return `has no \`${required}\`: write \`${example}\``;
  const problems2 = Object.entries(checks).flatMap(([name, check]) => {
    const value = attributes2[name];
    return (value === void 0 ? void 0 : check(value, type)) ?? [];
  });
  return problems2[0];
}
function notOneOf(name, value, values) {
  if (values.includes(value)) return void 0;
  const forms2 = values.map((each) => `\`${name}=${each}\``);
  const list = `${forms2.slice(0, -1).join(", ")} or ${forms2.at(-1) ?? ""}`;
  return `has the unknown ${name} \`${value}\`: write ${list}${didYouMean(value, values)}`;
}
function invalidPattern(pattern) {
  try {
    toRegExp(pattern);
    return void 0;
  } catch (error2) {
    return `has a pattern that is not a valid regular expression: ${errorMessage(error2)}`;
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
function checkTemplates({ type, attributes: attributes2 }, { context, flavor }, reject) {
  const expressions = { ...context.expressions, commit_date: context.expressions["date"] ?? (() => "") };
  const versions = versionExpressions({ raw: "", version: "", major: "", minor: "", patch: "" });
  const { enable = "", prefix = flavor.prefix, suffix = flavor.suffix, value = "", pattern = "" } = attributes2;
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
var messages3 = {
  comment: "has a comment behind it: comments need a line of their own",
  spaces: "contains spaces: write one tag per line, or commas between them",
  tagForm: "or another name of letters, digits, `.`, `_` and `-` that begins with a letter, digit or `_`",
  cache: "begins with `buildcache-`, which is reserved for tags of the build cache: choose another name; for a branch of this name, set `tags`"
};
function parseTags({ input: input3, text }, options, report) {
  const tagOptions = { ...options, input: input3, report };
  const lines = splitLines(text).map(({ text: text2 }) => unquote(text2) ?? text2);
  if (lines.length === 0) return planByEvent(tagOptions);
  if (options.flavor.given || lines.some(isRule)) return planByRules(lines, tagOptions);
  const { names, references } = parseNames(lines, tagOptions);
  return { names: [...new Set(names.map(replaceInvalid))], references, byEvent: false, notes: [] };
}
function planByEvent(options) {
  const { event, flavor } = options;
  const { names, latest } = defaultTags(event);
  if (names.some((tag) => isEphemeral(tag, event, false)))
    return { names: [ephemeralTag(event, matrixParts(options))], references: [], byEvent: true, notes: [] };
  const tags = flavor.given ? evaluateRules(names.map(toRawRule), ruleContext({ ...options, flavor: withLatest(flavor, latest) }, [])) : [...names, ...latest ? ["latest"] : []];
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
  const names = evaluateRules(inLineOrder(lines, all), ruleContext(options, notes));
  refuseCacheTags(names, options);
  return { names, references: plain.references, byEvent: true, notes };
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
function rejecter(given, { input: input3, report }) {
  return (expected) => report({ input: input3, given: shorten(given), expected });
}
function parseNames(lines, options) {
  const names = /* @__PURE__ */ new Set();
  const references = /* @__PURE__ */ new Map();
  for (const entry of lines.flatMap(splitNames)) {
    const tag = parseTag(entry, options);
    if (typeof tag === "string") names.add(tag);
    else if (tag) references.set(`${formatRepository(tag)}:${tag.tag}`, tag);
  }
  return { names: [...names], references: [...references.values()] };
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
  if (/\s#/.test(name)) return messages3.comment;
  if (/\s/.test(name)) return messages3.spaces;
  if (/^[^/]*\.[^/]*\//.test(name)) {
    const forms2 = `\`${name}:latest\` for a repository, or \`${valid}\` for a tag`;
    return `is neither a tag nor a full reference: write ${forms2}`;
  }
  if (name.length > longestTag) return `has ${name.length} characters, and a tag has ${longestTag} at most`;
  return isTag(replaceInvalid(name)) ? void 0 : `is not a valid tag: write \`${valid}\`, ${messages3.tagForm}`;
}
function refuseCacheTags(names, options) {
  for (const name of names) refuseCacheTag(name, rejecter(name, options));
}
function refuseCacheTag(name, reject) {
  if (name.startsWith("buildcache-")) reject(messages3.cache);
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
  const names = images.flatMap((image) => plan.names.map((name) => ({ ...image, tag: withSuffix(name) })));
  const tags = [...names, ...plan.references.map((reference) => ({ ...reference, tag: withSuffix(reference.tag) }))];
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
  const variable = "DOCKER_METADATA_ANNOTATIONS_LEVELS";
  const given = env[variable] ?? "";
  const levels2 = parseLevels(
    given,
    (expected) => report({ input: annotations.input, given, expected: `in the variable ${variable} ${expected}` })
  );
  const options = { defaultLevels: levels2, context, report };
  const entries = exporterAnnotations.entries.map((text) => ({ text }));
  const ofExporters = parseAnnotationEntries(exporterAnnotations.input, entries, options);
  return { levels: levels2, requested: [...ofExporters, ...parseAnnotations(annotations, options)] };
}

// src/inputs/cross-checks/variants.ts
function checkTagged(source, repositories, plan, isPart) {
  const { text, event, report, hasIssue } = source;
  if (hasIssue("image", "tags")) return;
  const hasNames = plan.names.length > 0;
  const names = shorten(plan.names.join(", "));
  const fail = failFor(report, "image");
  const hasImage = passes(fail, void 0, [
    [
      repositories.length === 0,
      "is empty: write the repository to push to, such as `ghcr.io/acme/app`, or full references in `tags`, or `push: false`"
    ],
    [
      hasNames && text("image") === "",
      `is empty, but \`tags\` has names without a repository (${names}): write the repository here, or full references there`
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
      const message = `has the same tag as \`${owner}\`, ${tag}: give each variant its own \`tag-suffix\``;
      passes(failFor(report, "variants"), name, [[owner !== name && !reported.has(`${owner} ${name}`), message]]);
      reported.add(`${owner} ${name}`);
    }
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
  return isGiven ? (await import("./chunk-BQGNJ64N.js")).parseSignInputs(source, run) : void 0;
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
  const attributes2 = parseAttributes(line) ?? [];
  const [name = "", required = ""] = ["name", "required"].map((key) => getAttribute(attributes2, key)?.trim());
  const [unknown] = attributes2.find(([key]) => key !== "name" && key !== "required") ?? [];
  passes(fail, line, [
    [unknown !== void 0, `has an unknown attribute \`${shorten(unknown ?? "")}\`: ${attributeForm}`],
    [name === "", `has no name: ${attributeForm}`]
  ]);
  return { name, isRequired: parseBoolean("image", required === "" ? "true" : required, report) };
}

// src/inputs/image-inputs.ts
function versionOf({ version, highest }, suffix) {
  const tags = highest(suffix);
  return { version: version(suffix), ...tags && { highest: tags } };
}
function isListed(repository, list) {
  return list.some((one) => isSameRepository(one, repository));
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

// src/inputs/settings/secrets.ts
var emptySecret = "secrets are empty if their name is misspelled, and in runs for forks";

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
  const form4 = "set both or neither";
  const results = [
    passes(failFor(report, "registry"), text("registry"), [
      [needsUsername && !hasUsername, "needs `username` and `password`"]
    ]),
    passes(failFor(report, "password"), void 0, [
      [hasUsername && !hasPassword, `is missing, but \`username\` is set: ${form4}; ${emptySecret}`]
    ]),
    passes(failFor(report, "username"), void 0, [
      [!hasUsername && hasPassword, `is missing, but \`password\` is set: ${form4}`]
    ])
  ];
  return results.every(Boolean);
}
function registryOfImages({ event, report }, registries) {
  const others = registries.length > 1 ? registries.filter((host) => host !== platformRegistry(event)) : registries;
  const hosts = shorten(others.join(" and "));
  const form4 = "list a login for each in `registry-auth`, and remove `username` and `password`";
  const message = `is for one registry, but the images are on ${hosts}: ${form4}`;
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

// src/inputs/merge/listed-parts.ts
var form2 = "write the output `results` of every build job, one per line, or `${{ toJSON(needs.*.outputs.results) }}`; for a matrix, give each of its jobs an output of its own, and write `${{ toJSON(needs.build.outputs.*) }}`";
var objectForm = "is the object with all outputs of one job, not a list of results: write `${{ toJSON(needs.build.outputs.*) }}`. act and runners with its code pass the object for this too, and do not join the outputs of a matrix: there, write one job per platform, and `${{ toJSON(needs.*.outputs.results) }}`";
function parseListedParts({ text, event, report }) {
  const given = text("digests");
  if (given === "") return void 0;
  const fail = failFor(report, "digests");
  const whole2 = tryParseJson(given);
  const lines = given.split("\n").filter((line) => line.trim() !== "");
  const entries = (whole2 === void 0 ? lines : [whole2]).flatMap(flatten);
  const invalid = entries.find((entry) => parseEntry2(entry) === void 0);
  const valid = entries.flatMap((entry) => parseEntry2(entry) ?? []);
  if (invalid !== void 0) fail(isRecord(whole2) ? objectForm : `is not a list of results: ${form2}`, quote(invalid));
  else if (valid.length === 0 && event.readOnlyTrigger === void 0)
    fail(`has no part: ${form2}; a build job without results has failed or pushed nothing`);
  return valid;
}
function quote(entry) {
  return typeof entry === "string" ? entry : JSON.stringify(entry);
}
function flatten(value) {
  if (Array.isArray(value)) return value.flatMap(flatten);
  if (typeof value !== "string") return [value];
  const parsed = tryParseJson(value);
  return value.trim() === "" ? [] : parsed === void 0 ? [value] : flatten(parsed);
}
function parseEntry2(value) {
  if (!isRecord(value) || !isRecord(value["platforms"])) return void 0;
  const parts = Object.entries(asRecord(value["platforms"])).map(([name, image]) => {
    const platform2 = parsePlatform(name);
    return platform2 && isDigest(image) ? { variant: asText(value["variant"]), platform: platform2, image } : void 0;
  });
  const valid = parts.flatMap((part) => part ?? []);
  return valid.length < parts.length ? void 0 : valid;
}

// src/inputs/registries.ts
var input2 = "registries";
var keys2 = ["ca", "http", "insecure", "mirrors"];
var form3 = "write `registry.example.com: {ca: path/to/ca.pem}`, one registry per line";
var hostPattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?$/;
async function parseRegistries(source) {
  const text = source.text(input2);
  const map = text === "" ? {} : await parseYamlMap(text, { input: input2, expected: `is not a map of registries: ${form3}` }, source.report);
  const hosts = Object.entries(map ?? {}).flatMap(([host, entry]) => {
    const parsed = parseHost(host, entry, source);
    return parsed ? [[host.toLowerCase(), parsed]] : [];
  });
  return Object.fromEntries(hosts);
}
function parseHost(host, entry, source) {
  const fail = failFor(source.report, input2, host);
  const forms2 = "write it as in image names, `registry.example.com:5000`, without a scheme";
  passes(fail, host, [[!hostPattern.test(host), `is not a valid host: ${forms2}`]]);
  passes(fail, host, [[!isRecord(entry), `has no settings: ${form3}`]]);
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
  return /\W/.test(name) || Object.hasOwn(alternatives2, name) || didYouMean(name, known) !== "";
}
function remedy(name, inherits) {
  const variable = shorten(`INPUT_${name.toUpperCase()}`);
  return inherits ? `If it is an input of an enclosing composite action, write \`${variable}: ''\` in \`env\` of this step` : `If the step does not set it, the job has a variable \`${variable}\`: rename the variable`;
}
function hint(name, known) {
  const alternative = Object.hasOwn(alternatives2, name) ? alternatives2[name] : void 0;
  return alternative === void 0 ? didYouMean(name, known) || "; the README lists all inputs." : `: ${alternative}.`;
}

// src/inputs/merge-inputs.ts
var rows = { ...sharedRows, cleanup: cleanupRow };
async function readMergeInputs(env, event, files = hostFiles) {
  const diagnostics = new Diagnostics();
  const source = createSource({ env, event, files, diagnostics });
  const { text, report } = source;
  checkNames(source, mergeInputs);
  const platforms = parsePlatforms("platforms", splitList(text("platforms")), report);
  if (platforms.length === 0 && !source.hasIssue("platforms"))
    failFor(report, "platforms")("is empty: write the platforms of all build jobs, such as `linux/amd64, linux/arm64`");
  const variants = await parseMergeVariants(source, platforms);
  const image = parseImage(source);
  parseTelemetry(source);
  const inputs2 = {
    ...image,
    platforms,
    variants,
    listed: parseListedParts(source),
    tagsGiven: text("tags") !== "",
    ...parseTable(rows, source),
    ...await parseSigning(source),
    registries: await parseRegistries(source),
    // Without secrets a password is empty.
    logins: await parseLogins(source, { images: image.all, push: event.readOnlyTrigger === void 0 }),
    warnings: diagnostics.warnings
  };
  diagnostics.throwIssues();
  return {
    ...inputs2,
    describe: (named) => {
      const specs = named.map(image.describe);
      checkTagsDiffer(specs, source);
      diagnostics.throwIssues();
      return specs;
    }
  };
}
async function parseSigning(source) {
  const { event, report } = source;
  const signIssues = [];
  const collect = event.readOnlyTrigger === void 0 ? report : (issue2) => signIssues.push(issue2);
  const run = { push: true, partial: false, trust: event.trust };
  const sign = await parseSign({ ...source, report: collect }, run);
  return { sign: signIssues.length === 0 ? sign : void 0, signIssues };
}
function parseImage(source) {
  const { env, event, text, report } = source;
  const { images: given, mirrors } = parseImageList(source);
  const named = (input3) => ({ input: input3, text: text(input3) });
  const options = { env, event, tags: named("tags"), flavor: named("flavor"), variant: "", tagged: true, report };
  const metadata = parseImageMetadata({
    ...options,
    annotations: named("annotations"),
    exporterAnnotations: { input: "annotations", entries: [] }
  });
  const images = withoutMirrors(allRepositories(given, metadata.plan), mirrors, source);
  checkTagged(source, images, metadata.plan, false);
  checkLevels(metadata.annotations(""), source);
  return {
    images,
    all: [...images, ...mirrors],
    describe: ({ name, tagSuffix, platforms }) => ({
      name,
      images,
      ...byRepository(metadata.tags([...given, ...mirrors], tagSuffix), mirrors, true),
      platforms,
      context: "",
      buildArgs: {},
      labels: metadata.labels({}, tagSuffix),
      annotations: metadata.annotations(tagSuffix),
      ...versionOf(metadata, tagSuffix)
    })
  };
}
function checkLevels(annotations, { text, report }) {
  const given = annotations.filter(({ key, level }) => level === "manifest" && text("annotations").includes(`${key}=`));
  for (const annotation of given)
    passes(failFor(report, "annotations"), formatAnnotation(annotation), [
      [true, "is for image manifests, which the build jobs have pushed: write `index:key=value`, or set it there"]
    ]);
}

// src/inputs/cache/backends.ts
import { posix as posix3 } from "node:path";

// src/inputs/cache/cache-service.ts
function serviceVersion(attributes2, env) {
  const given = (name, variable) => getAttribute(attributes2, name) ?? env[variable] ?? "";
  const requested = getAttribute(attributes2, "version");
  const results = env["ACTIONS_RESULTS_URL"] ?? "";
  const isOffered = isTrue(env["ACTIONS_CACHE_SERVICE_V2"]) || results.includes("results-receiver.actions.githubusercontent.com");
  const second2 = getAttribute(attributes2, "url_v2") ?? (isOffered ? results : "");
  if (given("token", "ACTIONS_RUNTIME_TOKEN") === "") return void 0;
  if (requested !== "1" && second2 !== "") return 2;
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
  problems: (attributes2, env) => {
    const requested = getAttribute(attributes2, "version") ?? "";
    const others = attributes2.filter(([name]) => name !== "version");
    const isMissing = serviceVersion(attributes2, env) === void 0;
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
  warnings: (attributes2, env) => serviceVersion(attributes2, env) === 1 && isForgejoRunner(env) ? [
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
  return (attributes2) => names.map((name) => [(getAttribute(attributes2, name) ?? "") === "", `has no \`${name}\`: write \`${example}\``]);
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
      problems: (attributes2) => [
        [!attributes2.some(([name]) => name === "src" || name === "dest"), "has no `dest`: write `type=local,dest=\u2026`"]
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

// src/registry/hosts.ts
import { isIP } from "node:net";
async function saveRegistryHosts(file, hosts) {
  const entries = Object.entries(hosts).map(async ([host, access2]) => {
    const isFetched = access2.insecure && !access2.http && access2.ca === "";
    const certificate = isFetched ? await fetchCertificate(host) : "";
    return [host, { ...access2, ...certificate !== "" && { certificate } }];
  });
  const loaded = Object.fromEntries(await Promise.all(entries));
  if (Object.keys(loaded).length > 0) writePrivate(file, JSON.stringify(loaded));
  return loaded;
}
async function fetchCertificate(host) {
  const { hostname: hostname2, port } = new URL(`https://${host}`);
  const servername = isIP(hostname2) === 0 && !hostname2.startsWith("[") ? { servername: hostname2 } : {};
  const address = { host: hostname2.replace(/^\[|\]$/g, ""), port: Number(port || "443") };
  const { connect } = await import("node:tls");
  return await new Promise((resolve2) => {
    const socket = connect({ ...address, ...servername, rejectUnauthorized: false, timeout: 5e3 });
    const end = (pem) => {
      socket.destroy();
      resolve2(pem);
    };
    socket.once("secureConnect", () => end(socket.getPeerX509Certificate()?.toString() ?? ""));
    socket.once("timeout", () => end("")).once("error", () => end(""));
  });
}

// src/run/journal.ts
import { appendFileSync as appendFileSync2, existsSync as existsSync4, readFileSync as readFileSync2 } from "node:fs";
function createJournal({ journal: path }) {
  writePrivate(path, "");
}
function openJournal({ journal: path }) {
  return { note: (entry) => appendFileSync2(path, `${JSON.stringify(entry)}
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
import { existsSync as existsSync5 } from "node:fs";
import { delimiter, join as join2 } from "node:path";
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
  return used.map((helper) => `docker-credential-${helper}`).filter((command) => !dirs.some((dir) => existsSync5(join2(dir, command)))).map((command) => ({ command, text: `${command} is not installed, and ${dockerConfigFile(env)} ${helperHint}` }));
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
    const { exchangeHubTokens } = await import("./chunk-QNB2KWW3.js");
    const { exchangeEcrKeys } = await import("./chunk-OPYIP7WH.js");
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

// src/run/owner.ts
import { lstatSync, readdirSync, readlinkSync as readlinkSync2 } from "node:fs";
import { hostname } from "node:os";

// src/lib/processes.ts
async function processIdentity(pid) {
  if (process.platform === "linux") {
    const started = tryRead(`/proc/${pid}/stat`).split(") ").pop()?.split(" ")[19];
    return started === void 0 ? "" : `${pid}:${started}`;
  }
  const { code, stdout } = await execTool("ps", ["-o", "lstart=", "-p", String(pid)], { env: minimalEnv() });
  return code === 0 ? `${pid}:${stdout.trim()}` : "";
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

// src/job/signing.ts
import { mkdirSync as mkdirSync2 } from "node:fs";
function signing(job2, { sign, dir, ...access2 }) {
  return async () => {
    if (!sign) return void 0;
    const { createSigner } = await import("./chunk-QD6CSJ7V.js");
    mkdirSync2(dir, { mode: 448 });
    const { env, log, signal, event } = job2;
    const mask = (secrets) => job2.mask(secrets);
    return await createSigner({ ...access2, settings: sign, dir, env, log, signal, serverUrl: event.serverUrl, mask });
  };
}

// src/job/merge-step.ts
async function prepareMerge(job2, record2) {
  job2.mask(secretsToMask(job2.env));
  const event = await describeEvent(job2);
  const inputs2 = await readMergeInputs(job2.env, event);
  inputs2.warnings.forEach((warning2) => job2.log.warn(warning2));
  const { all: images, images: required } = inputs2;
  const dir = await createRunDir(job2, event, { ...inputs2, images, began: 0 });
  const hosts = await saveRegistryHosts(dir.registries, inputs2.registries);
  const { registries } = await resolveLogins(job2, { ...inputs2, images, required, push: true, hosts });
  const prepareSigning = signing(job2, { sign: inputs2.sign, dir: dir.signing, registries, hosts });
  const { log, signal } = job2;
  const run = { inputs: inputs2, event, dir, journal: openJournal(dir), log, signal, sleep, record: record2, prepareSigning };
  return { run, registries, packages: job2.packages(registries, inputs2.packagesApi) };
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
  const ignore = () => void 0;
  const text = (name) => (env[variableOf(name)] ?? "").trim();
  const settings = parseTelemetry({ env, text, report: ignore, warn: ignore });
  if (record2.isDry || !isOn(settings)) return;
  const { createRoot, describeEnd, sendTelemetry } = await import("./chunk-XABUO4F6.js");
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

// src/merge.ts
var began = performance.now();
var job = new Job();
var record = new RunRecord();
var merge = async () => {
  if (job.event.trust === "fork") {
    job.log.info("This run has the level `fork`: its jobs pushed no parts, and nothing was pushed.");
    return;
  }
  const { run, registries, packages } = await withAbort(job.signal, prepareMerge(job, record));
  if (run.inputs.dryRun) {
    record.isDry = true;
    const { dryRunMerge } = await import("./chunk-CV2DTBMP.js");
    await reportDryRun(await dryRunMerge(run, packages).finally(() => removeDir(run.dir.signing)));
    return;
  }
  const merged = mergeImage(run, registries).finally(() => removeDir(run.dir.signing));
  preloadReport("merge");
  const result = await merged;
  if (result) await reportMerge(result, performance.now() - began);
  else job.log.info("The token of this run can only read: its jobs pushed no parts, and nothing was merged.");
};
await job.run(() => withTelemetry(job, { action: "merge", record }, merge));
