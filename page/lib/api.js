// Requests under /api/v1, with the token in a header: it is in no address.

import { at } from "./base.js";

/** @import { EraseReceipt } from "./wire.js" */

/** A refusal, with the server's sentence and its HTTP code. */
export class Refusal extends Error {
  /** @param {string} message @param {number} status */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * The HTTP code of a refusal; 0 for any other error.
 * @param {unknown} error
 */
export const statusOf = (error) => (error instanceof Refusal ? error.status : 0);

/**
 * Whether the token does not allow what was asked for.
 * @param {unknown} error
 */
export const isForbidden = (error) => [401, 403].includes(statusOf(error));

/**
 * The text for people of any error.
 * @param {unknown} error
 */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/**
 * @param {string} method
 * @param {string} path
 * @param {string | null} token
 * @param {unknown} [body]
 */
async function ask(method, path, token, body) {
  /** @type {Record<string, string>} */
  const headers = { Authorization: `Bearer ${token}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(at(`api/v1${path}`), {
    method, cache: "no-store", headers, body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.ok) return answer;
  const refused = await answer.json().catch(() => ({}));
  throw new Refusal(refused.error ?? `HTTP ${answer.status}`, answer.status);
}

/**
 * The JSON answer.
 * @param {string} path
 * @param {string | null} token
 * @returns {Promise<any>}
 * @throws {Refusal}
 */
export async function get(path, token) {
  return (await ask("GET", path, token)).json();
}

/**
 * The JSON answer to a JSON body.
 * @param {string} path
 * @param {unknown} body
 * @param {string | null} token
 * @returns {Promise<any>}
 * @throws {Refusal}
 */
export async function post(path, body, token) {
  return (await ask("POST", path, token, body)).json();
}

/**
 * The JSON answer to DELETE.
 * @param {string} path
 * @param {string | null} token
 * @returns {Promise<any>}
 * @throws {Refusal}
 */
export async function remove(path, token) {
  return (await ask("DELETE", path, token)).json();
}

/**
 * Erases a session of a booth, also one whose id no address can carry.
 * @param {string} sessionId
 * @param {string | null} token
 * @returns {Promise<EraseReceipt>}
 */
export const erase = (sessionId, token) => post("/erase", { session_id: sessionId }, token);

/** The browser may read the file a moment after the click. */
const FILE_MS = 10_000;

/**
 * Saves the answer as a file of that name.
 * @param {string} path
 * @param {string | null} token
 * @param {string} name
 * @throws {Refusal}
 */
export async function save(path, token, name) {
  const blob = await (await ask("GET", path, token)).blob();
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), FILE_MS);
}
