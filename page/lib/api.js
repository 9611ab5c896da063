// Requests under /api/v1, with the token in a header: it is in no address.

import { at } from "./base.js";

async function ask(method, path, token, body) {
  const headers = { Authorization: `Bearer ${token}`, ...(body && { "Content-Type": "application/json" }) };
  const answer = await fetch(at(`api/v1${path}`), {
    method, cache: "no-store", headers, body: body && JSON.stringify(body),
  });
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(said.error ?? `HTTP ${answer.status}`), { status: answer.status });
}

/** The JSON answer. Throws an Error whose `status` is the HTTP code and whose message is the booth's. */
export async function get(path, token) {
  return (await ask("GET", path, token)).json();
}

/** The JSON answer to a JSON body. */
export async function post(path, body, token) {
  return (await ask("POST", path, token, body)).json();
}

/** Erases a session, also one whose id no address can carry; the answer is a receipt. */
export async function erase(sessionId, token) {
  return (await ask("POST", "/erase", token, { session_id: sessionId })).json();
}

/** Saves the answer as a file of that name. */
export async function save(path, token, name) {
  const blob = await (await ask("GET", path, token)).blob();
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}
