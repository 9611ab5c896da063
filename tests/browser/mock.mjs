// A stand-in for the daemon: serves the page's files and speaks the protocol with made-up numbers,
// so that the page can be tested (and worked on: `node mock.mjs 8100`) without building anything.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { PAGE, withModules } from "./files.mjs";
import { ALL_ON, audio, health, history, METRICS, visual } from "./mock_reports.mjs";

const HTML = "text/html; charset=utf-8";
const TYPES = { ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
export const TOKEN = "mock-token-0123456789";
const CONTENT_SECURITY_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; " +
  "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FRAME_MS = 500;
const SEGMENT_MS = 1000;

/** A booth whose state a test may change; `everyone(message)` and `tellState()` then say so. */
export class Mock {
  constructor({ role = "operator", policy = {}, allowed = {} } = {}) {
    this.role = role;
    this.bootId = "boot-1";
    this.state = {
      features: { ...ALL_ON }, allowed: { ...ALL_ON, face_actions: true, ...allowed }, profile: "standard", require_consent: false, notice_version: "2026-11",
      paused: false, analysing: true, session: null, ...policy,
    };
    this.stages = {};
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
    this.sockets.on("connection", (socket) => this.welcome(socket));
    await new Promise((resolve) => this.http.listen(port, "127.0.0.1", resolve));
    this.port = this.http.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    this.timers = [setInterval(() => this.seeFrame(), FRAME_MS), setInterval(() => this.hearSegment(), SEGMENT_MS)];
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
    if (pathname === "/health") return json(health(this.state.features, this.stages));
    if (pathname === "/api/v1/sessions") {
      const isAllowed = request.headers.authorization === `Bearer ${TOKEN}`;
      return json(isAllowed ? { sessions: this.sessions } : {}, isAllowed ? 200 : 401);
    }
    if (pathname === "/api/v1/erase") return this.erase(request, json);
    const kept = /^\/api\/v1\/sessions\/([^/]+)(\/history|\/export)?$/.exec(pathname);
    if (kept) return this.answerKept(request, json, kept);
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

  /** What is kept of a session: its history, a file, and its erasing. */
  answerKept(request, json, [, id, part]) {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return json({}, 401);
    if (!this.sessions.some((session) => session.session_id === id)) return json({ error: "there is no session of that id" }, 404);
    return json(part === "/history" ? history(id) : { session: { session_id: id }, events: [], history: history(id) });
  }

  /** Erases the session that the request names. */
  async erase(request, json) {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return json({}, 401);
    const { session_id: id } = JSON.parse(Buffer.concat(await request.toArray()));
    if (!this.sessions.some((session) => session.session_id === id)) return json({ error: `there is no session ${id}` }, 400);
    this.sessions = this.sessions.filter((session) => session.session_id !== id);
    return json({ receipt_id: "0123456789abcdef", erased_at: Date.now(), session_ids: [id], rows: 1204, is_log_clear: true });
  }

  welcome(socket) {
    const tell = (type, data, more = {}) => socket.send(JSON.stringify({ type, data, ...more }));
    tell("connected", { connection_id: "c1", timestamp: Date.now(), boot_id: this.bootId });
    socket.on("message", (bytes, isBinary) => {
      if (isBinary) this.takeMedia(socket, bytes, tell);
      else this.hear(socket, JSON.parse(bytes), tell);
    });
  }

  hear(socket, { type, data }, tell) {
    this.received.push({ type, data });
    const handlers = {
      auth: () => {
        if (data.access_token !== TOKEN) return tell("auth_error", "token验证失败", { code: "invalid_token", ref: "c1-1" });
        socket.stream = "client";
        socket.session_id = data.session_id;
        return tell("auth_success", { session_id: data.session_id, user_id: "anna", authenticated_at: Date.now(), role: this.role });
      },
      watch: () => {
        socket.stream = data.stream;
        tell("watching", { stream: data.stream });
        tell("state", { stream: "booth", ...this.state });
        this.seeFrame();
        this.hearSegment();
      },
      ping: () => tell("pong", { timestamp: Date.now() }),
      configure: () => {
        const beyond = Object.entries(data.features).find(([name, isOn]) => isOn && !this.state.allowed[name]);
        if (beyond) return tell("error", `${beyond[0]} is not allowed here`, { code: "not_allowed_by_policy", ref: "c1-2" });
        Object.assign(this.state.features, data.features);
        return this.tellState();
      },
      start_session: () => {
        this.state.session = { session_id: socket.session_id, subject_ref: data.subject_ref ?? null, started_at: Date.now(), ...data };
        this.state.analysing = true;
        this.everyone("session_started", { ...this.state.session, stream: socket.stream, features: this.state.features });
        this.tellState();
      },
      pause_session: () => this.pause(true),
      resume_session: () => this.pause(false),
      end_session: () => this.end(tell),
    };
    return handlers[type]?.();
  }

  pause(isPaused) {
    this.state.paused = isPaused;
    this.tellState();
  }

  end(tell) {
    const session = { ...this.state.session, ended_at: Date.now(), features: this.state.features };
    const summary = { ...session, duration_ms: 600_000, frames_total: 1200, dropped_frames: 4, segments_total: 598, dropped_segments: 0, metrics: METRICS };
    this.state.session = null;
    this.sessions.unshift({ ...session, stream: "booth", state: "ended", summary });
    tell("session_summary", summary);
    this.tellState();
  }

  takeMedia(socket, bytes, tell) {
    const [kind, timestamp] = [bytes.readUInt8(0), Number(bytes.readBigUInt64LE(1))];
    this.media[kind].push(bytes.subarray(9));
    if (kind === 1) tell("visual_analysis", visual(this.media[1].length, this.state.features, { demo_source: false }), { timestamp });
    else tell("audio_analysis", audio(this.media[2].length, this.state.features, { demo_source: false }), { timestamp });
  }

  seeFrame() {
    if (!this.state.features.video || this.state.paused) return;
    this.frame += 1;
    this.watchers("visual_analysis", this.seen(this.frame, this.state.features));
  }

  hearSegment() {
    if (!this.state.features.audio || this.state.paused) return;
    this.segment += 1;
    this.watchers("audio_analysis", audio(this.segment, this.state.features));
  }

  watchers(type, data) {
    for (const socket of this.sockets.clients) if (socket.stream === "booth") socket.send(JSON.stringify({ type, data }));
  }

  everyone(type, data) {
    for (const socket of this.sockets.clients) socket.send(JSON.stringify({ type, data }));
  }

  tellState() {
    this.everyone("state", { stream: "booth", ...this.state });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await new Mock().listen(Number(process.argv[2] ?? 8100));
  process.stdout.write(`${mock.url}/#token=${TOKEN}\n`);
}
