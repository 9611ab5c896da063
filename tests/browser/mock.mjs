// A stand-in for the daemon: serves the page's files and speaks the protocol with made-up numbers,
// so that the page can be tested (and worked on: `node mock.mjs 8100`) without building anything. What it
// sends is what boothd sends: a document that does not fit boothd's own schemas is not sent, it throws.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { PAGE, withModules } from "./files.mjs";
import { audio, health, history, receipt, record, started, state, summary, visual } from "./mock_reports.mjs";
import { checked } from "./schemas.mjs";

const HTML = "text/html; charset=utf-8";
const TYPES = { ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
export const TOKEN = "mock-token-0123456789";
const CONTENT_SECURITY_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; " +
  "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FRAME_MS = 500;
const SEGMENT_MS = 1000;

const isFromOperator = ({ headers }) => headers.authorization === `Bearer ${TOKEN}`;

/** One message as text. */
function message(type, data, more = {}) {
  return JSON.stringify(checked("ServerMessage", { type, data, ...more }));
}

/** A booth whose state a test may change; `everyone(type, data)` and `sendState()` then send it. */
export class Mock {
  constructor({ role = "operator", policy = {}, allowed = {} } = {}) {
    this.role = role;
    this.bootId = "boot-1";
    this.state = state({ notice_version: "2026-11", ...policy });
    Object.assign(this.state.allowed, allowed);
    this.components = {};
    this.sessions = [];
    this.received = [];
    this.media = { 1: [], 2: [] };
    // What a frame shows.
    this.seen = visual;
    this.frame = 0;
    this.segment = 0;
  }

  async listen(port = 0) {
    this.http = createServer((request, answer) => this.answer(request, answer));
    this.sockets = new WebSocketServer({ server: this.http, path: "/ws/multimodal-analysis" });
    this.sockets.on("connection", (socket) => this.connected(socket));
    await new Promise((resolve) => this.http.listen(port, "127.0.0.1", resolve));
    this.port = this.http.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    this.timers = [setInterval(() => this.sendFrame(), FRAME_MS), setInterval(() => this.sendSegment(), SEGMENT_MS)];
    return this;
  }

  async close() {
    this.timers.forEach(clearInterval);
    this.kick();
    this.sockets.close();
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  kick(code = 1012) {
    for (const socket of this.sockets.clients) socket.close(code);
  }

  async answer(request, answer) {
    answer.setHeader("Content-Security-Policy", CONTENT_SECURITY_POLICY);
    answer.setHeader("Cache-Control", "no-store");
    const { pathname } = new URL(request.url, this.url);
    const json = (value, code = 200) => answer.writeHead(code, { "Content-Type": "application/json" }).end(JSON.stringify(value));
    if (pathname === "/api/v1/reach") return json({});
    if (pathname === "/health") return json(checked("Health", health(this.state.features, this.components)));
    const refuse = (error, code, status) => json(checked("Error", { error, code }), status);
    if (pathname === "/api/v1/sessions") {
      if (!isFromOperator(request)) return refuse("no valid token", "invalid_token", 401);
      return json(checked("Sessions", { sessions: this.sessions }));
    }
    if (pathname === "/api/v1/erase") return this.erase(request, json, refuse);
    const stored = /^\/api\/v1\/sessions\/([^/]+)(\/history|\/export)?$/.exec(pathname);
    if (stored) return this.answerStored(request, { json, refuse }, stored);
    if (pathname === "/") return answer.writeHead(200, { "Content-Type": HTML }).end(await withModules("booth"));
    const [, file] = /^\/page\/((?:lib|lang|booth)\/[\w./]+)$/.exec(pathname) ?? [];
    if (!file || file.includes("..")) return json({}, 404);
    try {
      const text = await readFile(PAGE + file);
      return answer.writeHead(200, { "Content-Type": TYPES[extname(file)] }).end(text);
    } catch {
      return json({}, 404);
    }
  }

  /** What is stored of a session: its history, or all of it as a file. */
  answerStored(request, { json, refuse }, [, id, part]) {
    if (!isFromOperator(request)) return refuse("no valid token", "invalid_token", 401);
    const session = this.sessions.find(({ session_id }) => session_id === id);
    if (!session) return refuse("there is no session of that id", "not_found", 404);
    const past = checked("History", history(id));
    return json(part === "/history" ? past : { session, events: [], history: past });
  }

  /** Erases the session that the request names. */
  async erase(request, json, refuse) {
    if (!isFromOperator(request)) return refuse("no valid token", "invalid_token", 401);
    const { session_id: id } = JSON.parse(Buffer.concat(await request.toArray()));
    if (!this.sessions.some((session) => session.session_id === id)) return refuse(`there is no session ${id}`, "invalid_input", 400);
    this.sessions = this.sessions.filter((session) => session.session_id !== id);
    return json(checked("EraseReceipt", receipt(id)));
  }

  connected(socket) {
    const send = (type, data, more) => socket.send(message(type, data, more));
    send("connected", { connection_id: "c1", timestamp: Date.now(), boot_id: this.bootId });
    socket.on("message", (bytes, isBinary) => {
      if (isBinary) this.takeMedia(socket, bytes, send);
      else this.receive(socket, JSON.parse(bytes), send);
    });
  }

  receive(socket, { type, data }, send) {
    this.received.push({ type, data });
    const handlers = {
      auth: () => {
        if (data.access_token !== TOKEN) return send("auth_error", "token验证失败", { code: "invalid_token", ref: "c1-1" });
        socket.stream = "client";
        socket.session_id = data.session_id;
        return send("auth_success", { session_id: data.session_id, user_id: "anna", authenticated_at: Date.now(), role: this.role });
      },
      watch: () => {
        socket.stream = data.stream;
        send("watching", { stream: data.stream });
        send("state", this.state);
        this.sendFrame();
        this.sendSegment();
      },
      ping: () => send("pong", { timestamp: Date.now() }),
      configure: () => {
        const beyond = Object.entries(data.features).find(([name, isOn]) => isOn && !this.state.allowed[name]);
        if (beyond) return send("error", `${beyond[0]} is not allowed here`, { code: "not_allowed_by_policy", ref: "c1-2" });
        Object.assign(this.state.features, data.features);
        return this.sendState();
      },
      start_session: () => {
        const begun = started(socket.session_id, data, { stream: socket.stream, features: this.state.features });
        const { stream, features, ...session } = begun;
        Object.assign(this.state, { session, analysing: true });
        this.everyone("session_started", begun);
        this.sendState();
      },
      pause_session: () => this.pause(true),
      resume_session: () => this.pause(false),
      end_session: () => this.end(send),
    };
    return handlers[type]?.();
  }

  pause(isPaused) {
    this.state.paused = isPaused;
    this.sendState();
  }

  end(send) {
    const ended = summary(this.state.session, this.state.features);
    this.state.session = null;
    this.sessions.unshift(record(ended));
    send("session_summary", ended);
    this.sendState();
  }

  takeMedia(socket, bytes, send) {
    const [kind, timestamp] = [bytes.readUInt8(0), Number(bytes.readBigUInt64LE(1))];
    this.media[kind].push(bytes.subarray(9));
    if (kind === 1) send("visual_analysis", visual(this.media[1].length, this.state.features, { demo_source: false }), { timestamp });
    else send("audio_analysis", audio(this.media[2].length, this.state.features, { demo_source: false }), { timestamp });
  }

  sendFrame() {
    if (!this.state.features.video || this.state.paused) return;
    this.frame += 1;
    this.watchers("visual_analysis", this.seen(this.frame, this.state.features));
  }

  sendSegment() {
    if (!this.state.features.audio || this.state.paused) return;
    this.segment += 1;
    this.watchers("audio_analysis", audio(this.segment, this.state.features));
  }

  watchers(type, data) {
    for (const socket of this.sockets.clients) if (socket.stream === "booth") socket.send(message(type, data));
  }

  everyone(type, data) {
    for (const socket of this.sockets.clients) socket.send(message(type, data));
  }

  sendState() {
    this.everyone("state", this.state);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await new Mock().listen(Number(process.argv[2] ?? 8100));
  process.stdout.write(`${mock.url}/#token=${TOKEN}\n`);
}
