// The daemon itself, started, killed and started again by a browser test. tests/browser.rs gives the command:
// BOOTHD_COMMAND is {program, run, environment}, in which PORT and STATE stand for what is ours.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const PATIENCE_MS = 30_000;

export class Daemon {
  /** On a port of the system's choice, with a state folder of its own. */
  static async start() {
    const daemon = new Daemon();
    daemon.command = JSON.parse(process.env.BOOTHD_COMMAND);
    daemon.state = await mkdtemp(join(tmpdir(), "boothd-browser-"));
    daemon.port = 0;
    await daemon.begin();
    return daemon;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  arguments(of) {
    return of.map((word) => word.replace("PORT", this.port).replace("STATE", this.state));
  }

  /** Starts it, the second time where it was before, and waits until something is analysed. */
  async begin() {
    const { program, run, environment } = this.command;
    const options = { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "ignore"] };
    this.child = spawn(program, this.arguments(run), options);
    const [line] = await once(createInterface({ input: this.child.stdout }), "line");
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(line)?.[1]);
    assert.ok(port && (this.port === 0 || this.port === port), line);
    this.port = port;
    const deadline = Date.now() + PATIENCE_MS;
    const isReady = () => fetch(`${this.url}/health/ready`).then((answer) => answer.ok);
    while (!(await isReady())) assert.ok(Date.now() < deadline, "it is never ready");
  }

  /** As a power cut does: without a farewell. */
  async kill() {
    const gone = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await gone;
  }

  async end() {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.kill();
    await rm(this.state, { recursive: true });
  }

  /** A new token; the daemon that makes it knows it at once, unlike one of the command line. */
  async addToken(role) {
    const headers = { authorization: `Bearer ${process.env.BOOTHD_TOKEN}`, "content-type": "application/json" };
    const body = JSON.stringify({ name: `a ${role}`, role });
    const answer = await fetch(`${this.url}/api/v1/tokens`, { method: "POST", headers, body });
    const made = await answer.json();
    assert.equal(answer.status, 201, JSON.stringify(made));
    return made.secret;
  }

  async health() {
    return (await fetch(`${this.url}/health`)).json();
  }
}
