import { createRequire as __cr } from 'node:module'; import { fileURLToPath as __fu } from 'node:url'; import { dirname as __dn } from 'node:path'; const require = __cr(import.meta.url); const __filename = __fu(import.meta.url); const __dirname = __dn(__filename);

// src/bin/forward.ts
import { existsSync, openSync as openSync2, rmSync as rmSync2 } from "node:fs";
import { createServer as createServer2 } from "node:net";

// src/lib/exec.ts
import { spawn } from "node:child_process";

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
var initialUmask = process.umask(63);
process.umask(initialUmask);
var jobUmask = initialUmask;
function setPrivateUmask() {
  process.umask(63);
}
var largestFile = 64 * 1024 * 1024;
var largestInput = 4 * 1024 * 1024;
function readRegularFile(path) {
  const stats = statSync(path);
  if (!stats.isFile() || stats.size > largestInput) throw new Error(`not a file of at most 4 MiB: ${path}`);
  return readFileSync(path, "utf8");
}
function writePrivate(path, content) {
  writeFileSync(path, content, { mode: 384 });
}

// src/lib/exec.ts
var defaultMaxOutput = 16 * 1024 * 1024;
function startProcess(command, args, options2 = {}) {
  const umask = process.umask(options2.writesForJob ? jobUmask : 63);
  try {
    return spawn(command, [...args], {
      env: options2.env ?? (options2.detached ? minimalEnv() : inheritedEnv()),
      stdio: options2.stdio ?? "ignore",
      detached: options2.detached ?? false,
      ...options2.cwd !== void 0 && { cwd: options2.cwd }
    });
  } finally {
    process.umask(umask);
  }
}
function inheritedEnv() {
  const withheld = /^(?:INPUT_|STATE_|ACTIONS_(?:RUNTIME|ID_TOKEN|CACHE|RESULTS)_|OTEL_EXPORTER_OTLP_(?:\w+_)?HEADERS$)/;
  const entries = Object.entries(process.env);
  return Object.fromEntries(entries.filter(([name]) => !withheld.test(name) && !secretVariables.has(name)));
}
var secretVariables = /* @__PURE__ */ new Set();
function minimalEnv() {
  const names = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "RUNNER_TRACKING_ID"];
  return definedVariables(Object.fromEntries(names.map((name) => [name, process.env[name]])));
}
function definedVariables(env) {
  const entries = Object.entries(env);
  return Object.fromEntries(entries.flatMap(([name, value]) => value === void 0 ? [] : [[name, value]]));
}

// src/run/run-dir.ts
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

// src/bin/dial.ts
import { readFileSync as readFileSync2 } from "node:fs";
import { request as request2 } from "node:http";
import { createConnection as createConnection2 } from "node:net";
import { Duplex, Transform } from "node:stream";

// src/nodes/drivers/tcp.ts
import { X509Certificate } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

// src/lib/errors.ts
var UserError = class extends Error {
  code;
  hint;
  details;
  constructor({ code, message, hint, details = [], cause }) {
    super(message, { cause });
    this.name = "UserError";
    this.code = code;
    this.hint = hint;
    this.details = details;
  }
  /** Whether the same request may succeed after a pause. */
  get retryable() {
    return this.code === "busy";
  }
};
function errorMessage(error) {
  return error instanceof Error ? error.message : String(error);
}
function isNotFound(error) {
  return error instanceof Error && "status" in error && error.status === 404;
}

// src/nodes/drivers/address.ts
var hostPattern = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
function parseAddress(text2, reject) {
  const [, ipv6, name, port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text2) ?? [];
  const host = canonicalHost(ipv6 ?? name ?? "");
  if (!(ipv6 === void 0 ? isHostName(host) : isIpv6(host))) {
    reject(addressProblem(text2));
    return void 0;
  }
  if (port === void 0) return { host };
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  if (number > 0 && number < 65536) return { host, port: number };
  reject(port.includes(":") ? addressProblem(text2) : invalidPort);
  return void 0;
}
function canonicalHost(host) {
  const url = `http://[${host}]/`;
  return host.includes(":") && URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : host.toLowerCase();
}
function bracketed(host) {
  return host.includes(":") ? `[${host}]` : host;
}
function hostName({ host }) {
  return host.replaceAll(":", "-").replace(/^-+/, "");
}
var invalidPort = "has no valid port: write a number from 1 to 65535 after `host:`";
function isHostName(host) {
  return hostPattern.test(host) && host.length <= 253;
}
function isIpv6(host) {
  return /^[0-9a-f:.]+$/.test(host) && URL.canParse(`http://[${host}]/`);
}
function addressProblem(text2) {
  if (text2.startsWith("-"))
    return "has a host that begins with `-`, which ssh parses as an option: write `ssh://user@host`";
  if (!text2.startsWith("[") && text2.split(":").length > 2)
    return "has an IPv6 address without brackets: write `ssh://user@[fd00::1]:22`";
  if (text2.includes("@")) return "has more than one `@`: write `ssh://user@host`";
  return "has no valid host: write `ssh://user@host` or `ssh://user@host:port`";
}

// src/nodes/drivers/options.ts
var text = { pattern: /\S/, expected: "a value", example: "\u2026" };

// src/nodes/drivers/remote.ts
import { createConnection } from "node:net";

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
function tryParseJson(text2) {
  if (isTooDeep(text2)) return void 0;
  try {
    return JSON.parse(text2);
  } catch {
    return void 0;
  }
}
function isTooDeep(text2) {
  let depth = 0;
  for (let at = 0; at < text2.length && depth <= deepest; at++) {
    const char = text2[at];
    if (char === '"') at = endOfString(text2, at);
    else if (char === "[" || char === "{") depth++;
    else if (char === "]" || char === "}") depth--;
  }
  return depth > deepest;
}
function endOfString(text2, start) {
  for (let end2 = text2.indexOf('"', start + 1); end2 !== -1; end2 = text2.indexOf('"', end2 + 1)) {
    let first2 = end2;
    while (text2[first2 - 1] === "\\") first2--;
    if ((end2 - first2) % 2 === 0) return end2;
  }
  return text2.length;
}

// src/lib/time.ts
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
async function withTimeout(ms, work, timeoutError) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(timeoutError()), ms);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
async function retryOnRefused(request3) {
  return await request3().catch(async (error) => {
    const causes = [error, asRecord(error)["cause"]];
    if (!causes.some((cause) => asRecord(cause)["code"] === "ECONNREFUSED")) throw error;
    await sleep(100);
    return await request3();
  });
}

// src/nodes/drivers/remote.ts
var remote = {
  name: "remote",
  target: "buildkitd",
  startsDaemon: false,
  canPersist: false,
  canEmulate: false,
  onDemand: false,
  options: {},
  missingPlatforms: "must be given for a buildkitd: write `platforms: linux/arm64` below its endpoint",
  description: "buildkitd",
  builder: "its own buildkitd",
  withDriver: (endpoint, driver) => driver === "" || driver === "remote" ? endpoint : void 0,
  builderEntry: () => void 0
};
function buildkitdNode(driver, spec, socket, began) {
  return {
    spec,
    driver,
    socket,
    platforms: spec.platforms,
    native: [],
    ping: (deadline) => probeBuildkitd(socket, socket, deadline),
    took: performance.now() - began
  };
}
async function probeBuildkitd(socket, where, deadline = 1e4) {
  const probe = async () => {
    const { connect: connect2 } = await import("node:http2");
    const createSocket = () => createConnection(socket);
    await waitForSettings(connect2("http://buildkitd", { createConnection: createSocket }), deadline);
  };
  try {
    await retryOnRefused(probe);
  } catch (error) {
    throw new UserError({
      code: "node",
      message: `No buildkitd answers at ${where}`,
      hint: "Check that it runs, that its socket exists, and that the user has access to it (`buildkitd --group`).",
      cause: error
    });
  }
}
async function waitForSettings(session, deadline) {
  const settings = new Promise((resolve, reject) => {
    session.once("remoteSettings", () => resolve());
    session.once("error", reject);
    session.once("close", () => reject(new Error("the connection was closed")));
  });
  try {
    await withTimeout(deadline, settings, () => new Error(`no answer within ${deadline / 1e3} s`));
  } finally {
    session.destroy();
  }
}

// src/lib/pem.ts
var pemBlock = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/g;
function restorePem(text2) {
  const restored = restoreLines(text2).replace(
    pemBlock,
    (block, label, body) => (
      // Blocks with headers, such as `Proc-Type: 4,ENCRYPTED`, need their lines.
      ["", body.includes(":") ? block : formatPemBlock(label, body), ""].join("\n")
    )
  );
  const lines = restored.split("\n").map((line) => line.trim());
  return `${lines.filter((line, number) => line !== "" || lines[number - 1]?.includes(":")).join("\n")}
`;
}
function restoreLines(text2) {
  return text2.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n").replace(/\\r\\n|\\n/g, "\n");
}
function formatPemBlock(label, body) {
  const lines = body.replace(/\s+/g, "").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----
${lines.join("\n")}
-----END ${label}-----`;
}

// src/nodes/drivers/tcp.ts
var certificates = ["cacert", "cert", "key"];
var tcpBuildkitd = {
  ...remote,
  // A certificate or key is PEM, or the path of a PEM file.
  options: { cacert: text, cert: text, key: text, servername: text },
  scheme: "tcp",
  parse(rest, reject) {
    const address = parseAddress(rest.replace(/\/$/, ""), reject);
    if (address && address.port === void 0) reject("has no port: write `tcp://host:1234`");
    return address?.port === void 0 ? void 0 : { kind: "tcp", ...address };
  },
  format: formatTcp,
  baseName: hostName,
  validate(options2, reject) {
    const missing = certificates.filter((name) => (options2[name] ?? "") === "").map((name) => `\`${name}\``);
    if (missing.length > 0)
      reject(
        `needs ${missing.join(", ")} in its \`driver-opts\`, PEM or the path of a file: a buildkitd behind TCP is reached by mutual TLS only`
      );
  },
  route({ spec, remote: used }) {
    const { host = "", port = "" } = spec.endpoint;
    const { servername = "", cacert = "", cert = "", key = "" } = used?.driverOpts ?? {};
    return ["tls", String(host), String(port), servername, cacert, cert, key];
  },
  async open(endpoint, request3) {
    const began = performance.now();
    const { paths, texts } = storeCertificates(request3);
    const { servername = "" } = request3.spec.driverOpts;
    const ping = (deadline) => probeTls(endpoint, texts, servername, deadline);
    const buildkitd = await ping(1e4);
    const driverOpts = { ...paths, ...servername !== "" && { servername } };
    const node = buildkitdNode(tcpBuildkitd, request3.spec, "", began);
    const certificates2 = { client: validity(new X509Certificate(texts.cert).validTo), buildkitd };
    return { ...node, ping, certificates: certificates2, remote: { endpoint: formatTcp(endpoint), driverOpts } };
  }
};
function formatTcp({ host, port }) {
  return `tcp://${bracketed(host)}:${port}`;
}
function storeCertificates({ spec, key, dir, workspace }) {
  const texts = { cacert: "", cert: "", key: "" };
  const paths = { ...texts };
  for (const option of certificates) {
    texts[option] = loadPem(spec.driverOpts[option] ?? "", workspace, `nodes: the ${option} of ${spec.name}`);
    mkdirSync(dir.tlsKeys, { recursive: true, mode: 448 });
    paths[option] = dir.pem(key, option);
    writePrivate(paths[option], texts[option]);
  }
  return { paths, texts };
}
function loadPem(pem, workspace, what) {
  if (pem.includes("-----BEGIN")) return restorePem(pem);
  try {
    return readRegularFile(pem.startsWith("/") ? pem : join(workspace, pem));
  } catch (error) {
    throw new UserError({
      code: "inputs",
      message: `${what} cannot be read`,
      hint: "Provide PEM text or a path to a PEM file.",
      cause: error
    });
  }
}
async function connectBuildkitd({ host, port }, { cacert: ca, cert, key }, servername) {
  const { connect: connect2 } = await import("node:tls");
  const name = servername === "" && !/^[\d.]+$|:/.test(host) ? host : servername;
  return connect2({ host, port, ca, cert, key, ALPNProtocols: ["h2"], ...name !== "" && { servername: name } });
}
function validity(until) {
  return Date.parse(until) - Date.now();
}
async function probeTls(endpoint, certificates2, servername, deadline) {
  const { host, port } = endpoint;
  const { connect: connect2 } = await import("node:http2");
  const socket = await connectBuildkitd(endpoint, certificates2, servername);
  let left = Infinity;
  socket.once("secureConnect", () => left = validity(socket.getPeerCertificate().valid_to));
  const session = connect2(`https://${bracketed(host)}:${port}`, { createConnection: () => socket });
  try {
    await waitForSettings(session, deadline);
    return left;
  } catch (error) {
    throw new UserError({
      code: "node",
      message: `No buildkitd answers at ${formatTcp(endpoint)}: ${errorMessage(error)}`,
      hint: isRefused(error) ? refusedHint : `Check that it listens there, ${certificateHint}`,
      cause: error
    });
  }
}
function isRefused(error) {
  return error instanceof Error && "code" in error && error.code === "ECONNREFUSED";
}
var refusedHint = "On the node, check that buildkitd listens on this port (`--addr tcp://0.0.0.0:PORT`), and that no firewall rejects connections of this runner to it.";
var certificateHint = "that its certificate names this host and is signed by `cacert`, and that it accepts `cert`.";

// src/nodes/engine/client.ts
import { request } from "node:http";
var attached = { Detach: false, Tty: false };
var defaultDeadline = 15e3;
var longestAnswer = 16 * 1024 * 1024;
var EngineError = class extends Error {
  /** HTTP status; 0 if the engine did not answer. */
  status;
  constructor(status, message, cause) {
    super(message, { cause });
    this.name = "EngineError";
    this.status = status;
  }
};
var EngineClient = class {
  #socket;
  #deadline;
  /**
   * @param socket a Unix socket of this machine
   * @param deadline for each request, in milliseconds
   */
  constructor(socket, deadline = defaultDeadline) {
    this.#socket = socket;
    this.#deadline = deadline;
  }
  /** GET /info contains everything that GET /version does, except Go's name of the architecture. */
  async info() {
    const [version, info] = (await Promise.all([this.#get("/version"), this.#get("/info")])).map(asRecord);
    const clock = Date.parse(asText(info?.["SystemTime"]));
    return {
      version: asText(version?.["Version"]),
      os: asText(version?.["Os"]),
      arch: asText(version?.["Arch"]),
      cpus: typeof info?.["NCPU"] === "number" ? info["NCPU"] : 0,
      containerd: JSON.stringify(info?.["DriverStatus"] ?? []).includes("io.containerd.snapshotter.v1"),
      root: asText(info?.["DockerRootDir"]),
      ...!Number.isNaN(clock) && { ahead: clock - Date.now() }
    };
  }
  /** Milliseconds since the epoch by the engine's clock, in whole seconds; NaN if it does not say. */
  async time() {
    return Date.parse((await this.#exchange("GET", "/_ping")).date);
  }
  async ping() {
    await this.#get("/_ping");
  }
  /**
   * Rejects unless the buildkitd in a container answers. A container that does not exist or does not run (yet) counts
   * as an answer; a paused one does not.
   */
  async pingBuildkitd(container) {
    try {
      const id = await this.createExec(container, ["buildctl", "debug", "workers"]);
      await this.#send("POST", `/exec/${id}/start`, attached);
    } catch (error) {
      if (!(error instanceof EngineError) || error.status === 0 || /\bpaused\b/.test(error.message)) throw error;
    }
  }
  /** Prepares a command in a running container, to be started with `/exec/<id>/start`. @returns its id */
  async createExec(container, command, input = false) {
    const request3 = { Cmd: command, AttachStdin: input, AttachStdout: true, AttachStderr: true };
    return asText(
      asRecord(await this.#send("POST", `/containers/${encodeURIComponent(container)}/exec`, request3))["Id"]
    );
  }
  /** Containers in any state; `text`: only those with this text in their name. */
  async listContainers(text2) {
    const filters = text2 === void 0 ? "" : `&filters=${nameFilter(text2)}`;
    return asList(await this.#get(`/containers/json?all=1${filters}`)).map(asRecord).map((summary) => ({
      id: asText(summary["Id"]),
      names: asList(summary["Names"]).map(asText),
      createdAt: typeof summary["Created"] === "number" ? summary["Created"] * 1e3 : Number.NaN,
      summary
    }));
  }
  /** The container as the engine describes it; undefined if it does not exist. */
  async inspectContainer(container) {
    const path = `/containers/${encodeURIComponent(container)}/json`;
    return await unlessNotFound(async () => asRecord(await this.#get(path)));
  }
  /**
   * Removes a container with its anonymous volumes, running or not, and waits if it is being removed already. A
   * container that does not exist counts as removed. Resolves to whether this call removed it.
   */
  async removeContainer(container) {
    const until = performance.now() + this.#deadline;
    for (; ; ) {
      try {
        return await this.#delete(`/containers/${encodeURIComponent(container)}?force=1&v=1`);
      } catch (error) {
        const busy = error instanceof EngineError && error.status === 409 && /already in progress/i.test(error.message);
        if (!busy || performance.now() > until) throw error;
        await sleep(50);
      }
    }
  }
  /** Removes a container with its anonymous volumes, unless it was started. */
  async removeUnstartedContainer(container) {
    await this.#delete(`/containers/${encodeURIComponent(container)}?v=1`);
  }
  /** Removes a builder: its container and its state volume. Resolves to whether this call removed the container. */
  async removeBuilder(container, volume) {
    const removed = await this.removeContainer(container);
    await this.removeVolume(volume);
    return removed;
  }
  /** Volumes whose name begins with `prefix`. */
  async listVolumes(prefix) {
    const found = asRecord(await this.#get(`/volumes?filters=${nameFilter(prefix)}`));
    return asList(found["Volumes"]).map(parseVolume).filter(({ name }) => name.startsWith(prefix));
  }
  /** Undefined if it does not exist. */
  async inspectVolume(name) {
    return await unlessNotFound(async () => parseVolume(await this.#get(`/volumes/${encodeURIComponent(name)}`)));
  }
  /** Creates a volume. A volume of this name that exists already is returned with the labels that it has. */
  async createVolume(name, labels) {
    return parseVolume(await this.#send("POST", "/volumes/create", { Name: name, ...labels && { Labels: labels } }));
  }
  /** A volume that does not exist counts as removed. */
  async removeVolume(name) {
    await this.#delete(`/volumes/${encodeURIComponent(name)}?force=1`);
  }
  /** Whether the engine has the image. */
  async hasImage(image) {
    return await unlessNotFound(() => this.#get(`/images/${image}/json`)) !== void 0;
  }
  /** The platforms of an image in its registry, to which the engine connects; it pulls nothing. */
  async inspectDistribution(image) {
    return asList(asRecord(await this.#get(`/distribution/${image}/json`))["Platforms"]).map(asRecord).map(({ os, architecture, variant }) => [os, architecture, variant].map(asText).filter(Boolean).join("/"));
  }
  async #get(path) {
    return await this.#send("GET", path);
  }
  /** Whether it existed. */
  async #delete(path) {
    return await unlessNotFound(() => this.#exchange("DELETE", path)) !== void 0;
  }
  /** Sends one request; `body` is sent as JSON. */
  async #send(method, path, body) {
    return tryParseJson((await this.#exchange(method, path, body)).text);
  }
  async #exchange(method, path, body) {
    return await retryOnRefused(() => exchange({ socketPath: this.#socket, method, path }, this.#deadline, body));
  }
};
async function exchange(target2, deadline, body) {
  const response = await send(target2, deadline, body).catch((cause) => {
    throw new EngineError(0, `no answer at ${target2.socketPath}: ${errorMessage(cause)}`, cause);
  });
  const { status, text: text2 } = response;
  if (status < 400) return response;
  throw new EngineError(status, asText(asRecord(tryParseJson(text2))["message"]) || `HTTP ${status}`);
}
function send(target2, deadline, body) {
  return new Promise((resolve, reject) => {
    const headers = { Host: "docker", ...body !== void 0 && { "Content-Type": "application/json" } };
    const sent = request({ ...target2, headers, signal: AbortSignal.timeout(deadline) }, (response) => {
      const {
        statusCode: status = 0,
        headers: { date = "" }
      } = response;
      readText(response).then((text2) => resolve({ status, text: text2, date }), reject);
    });
    sent.on("error", reject);
    sent.end(body === void 0 ? void 0 : JSON.stringify(body));
  });
}
async function readText(response) {
  const chunks = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > longestAnswer) throw new Error(`the answer is larger than ${longestAnswer / 1024 / 1024} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
function parseVolume(volume) {
  const { Name, CreatedAt, Labels } = asRecord(volume);
  return { name: asText(Name), createdAt: asText(CreatedAt), labels: asRecord(Labels) };
}
function nameFilter(text2) {
  return encodeURIComponent(JSON.stringify({ name: [text2] }));
}
async function unlessNotFound(action) {
  try {
    return await action();
  } catch (error) {
    if (isNotFound(error)) return void 0;
    throw error;
  }
}

// src/bin/dial.ts
async function dialBuildkit([kind = "", ...args]) {
  if (kind === "tls") return await dialTls(args);
  const [socket = "", container = ""] = args;
  return kind === "container" ? await dialContainer(socket, container) : createConnection2(socket);
}
async function dialTls([host = "", port = "", servername = "", ...paths]) {
  const [cacert = "", cert = "", key = ""] = paths.map((path) => readFileSync2(path, "utf8"));
  return await connectBuildkitd({ kind: "tcp", host, port: Number(port) }, { cacert, cert, key }, servername);
}
async function dialContainer(engine, container) {
  const id = await new EngineClient(engine).createExec(container, ["buildctl", "dial-stdio"], true);
  const stream = await upgradeRequest(engine, `/exec/${id}/start`, { protocol: "tcp", body: JSON.stringify(attached) });
  const output = stream.pipe(new StandardOutput());
  stream.on("error", (error) => output.destroy(error));
  return Duplex.from({ readable: output, writable: stream });
}
function upgradeRequest(socketPath, path, { protocol, body = "" }) {
  return new Promise((resolve, reject) => {
    const headers = { Host: "docker", Connection: "Upgrade", Upgrade: protocol, "Content-Type": "application/json" };
    const sent = request2({ socketPath, method: "POST", path, agent: false, headers });
    sent.on("upgrade", (_, stream, head) => {
      if (head.length > 0) stream.unshift(head);
      resolve(stream);
    });
    sent.on("response", ({ statusCode = 0 }) => reject(new Error(`HTTP ${statusCode}`)));
    sent.on("error", reject);
    sent.end(body);
  });
}
var headerLength = 8;
var standardOutput = 1;
var StandardOutput = class extends Transform {
  #header = Buffer.alloc(0);
  #left = 0;
  _transform(chunk, _, done) {
    for (let rest = chunk; rest.length > 0; ) rest = this.#left > 0 ? this.#readContent(rest) : this.#readHeader(rest);
    done();
  }
  #readContent(chunk) {
    const content = chunk.subarray(0, this.#left);
    this.#left -= content.length;
    if (this.#header[0] === standardOutput) this.push(content);
    if (this.#left === 0) this.#header = Buffer.alloc(0);
    return chunk.subarray(content.length);
  }
  #readHeader(chunk) {
    const missing = headerLength - this.#header.length;
    this.#header = Buffer.concat([this.#header, chunk.subarray(0, missing)]);
    if (this.#header.length === headerLength) {
      this.#left = this.#header.readUInt32BE(4);
      if (this.#left === 0) this.#header = Buffer.alloc(0);
    }
    return chunk.subarray(missing);
  }
};

// src/bin/share.ts
import {
  connect,
  constants,
  createServer
} from "node:http2";
var connectionWindow = 16 * 1024 * 1024;
var streamWindow = 4 * 1024 * 1024;
var options = {
  settings: { initialWindowSize: streamWindow, enablePush: false },
  // buildx sends one header for each method of its session.
  maxHeaderListPairs: 2e3,
  // In MiB: all builds share one connection.
  maxSessionMemory: 512
};
function shareConnection(connection, socket, onEnd) {
  const upstream = connect("http://buildkit", { ...options, createConnection: () => connection });
  upstream.on("error", () => void 0).once("close", onEnd);
  upstream.once("remoteSettings", () => {
    upstream.setLocalWindowSize(connectionWindow);
    const server = createServer(options);
    server.on("session", (session) => session.setLocalWindowSize(connectionWindow));
    server.on("sessionError", () => void 0).on("error", onEnd);
    server.on("stream", (stream, _, flags, raw) => {
      forwardCall(upstream, stream, { headers: groupHeaders(raw), endStream: isLast(flags) });
    });
    upstream.once("close", () => server.close());
    server.listen(socket);
  });
}
function forwardCall(upstream, client, { headers, endStream }) {
  client.on("error", () => void 0);
  if (upstream.closed || upstream.destroyed) {
    client.close(constants.NGHTTP2_REFUSED_STREAM);
    return;
  }
  const call = upstream.request(headers, { endStream });
  call.on("error", () => void 0);
  if (!endStream) client.pipe(call);
  call.on("response", (_, flags, raw) => {
    client.respond(groupHeaders(raw), isLast(flags) ? { endStream: true } : { waitForTrailers: true });
    if (!isLast(flags)) call.pipe(client);
  });
  forwardTrailers(call, client);
  client.on("close", () => call.close(client.rstCode || constants.NGHTTP2_CANCEL));
  call.on("close", () => {
    if (call.rstCode !== constants.NGHTTP2_NO_ERROR) client.close(call.rstCode);
  });
}
function forwardTrailers(call, client) {
  const trailers = new Promise((resolve) => {
    call.once("trailers", (_, __, raw) => resolve(groupHeaders(raw)));
    call.once("close", () => resolve({}));
  });
  client.once("wantTrailers", () => {
    void trailers.then((headers) => {
      if (!client.destroyed) client.sendTrailers(headers);
    });
  });
}
function isLast(flags) {
  return (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
}
function groupHeaders(raw) {
  const list = Array.isArray(raw) ? raw.map(String) : [];
  const headers = {};
  for (let at = 0; at + 1 < list.length; at += 2) (headers[list[at] ?? ""] ??= []).push(list[at + 1] ?? "");
  const entries = Object.entries(headers);
  return Object.fromEntries(entries.map(([name, values]) => [name, values.length === 1 ? values[0] : values]));
}

// src/bin/forward.ts
setPrivateUmask();
var [mode = "", guard = "", local = "", ...target] = process.argv.slice(2);
var [first = ""] = target;
var sessionLog = mode === "ssh" ? openSync2(connectionPaths(guard).sessionLog, "a", 384) : void 0;
function forwardOverSession(socket) {
  const session = startProcess("ssh", ["-F", guard, "-o", "ProxyCommand=false", "node", first], {
    stdio: ["pipe", "pipe", sessionLog]
  });
  const end2 = () => {
    session.kill();
    socket.destroy();
  };
  for (const side of [socket, session, session.stdin, session.stdout]) side?.on("error", end2);
  socket.on("close", end2);
  if (session.stdin) socket.pipe(session.stdin);
  session.stdout?.pipe(socket);
}
function forwardToEngine(socket) {
  socket.on("error", () => socket.destroy());
  upgradeRequest(first, "/grpc", { protocol: "h2c" }).then(
    (buildkit) => {
      const end2 = () => {
        buildkit.destroy();
        socket.destroy();
      };
      for (const side of [socket, buildkit]) side.on("error", end2).on("close", end2);
      if (socket.destroyed) end2();
      socket.pipe(buildkit);
      buildkit.pipe(socket);
    },
    // This engine has no BuildKit.
    () => socket.destroy()
  );
}
function end() {
  rmSync2(local, { force: true });
  process.exit();
}
if (mode === "share") dialBuildkit(target).then((connection) => shareConnection(connection, local, end), end);
else
  createServer2({ allowHalfOpen: mode === "ssh" }, mode === "ssh" ? forwardOverSession : forwardToEngine).listen(local);
setInterval(() => {
  if (!existsSync(guard)) process.exit();
}, 5e3);
