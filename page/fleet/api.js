// What the page asks of the centre, beside GET of JSON (api.js). The token is in no address.

import { get } from "../lib/api.js";
import { at } from "../lib/base.js";

export const fleet = (path, token) => get(`/fleet${path}`, token);

/** `?a=1&b=2` of what is given. */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length > 0 ? `?${new URLSearchParams(given)}` : "";
}

export const pathOf = ({ site, booth }) => `/booths/${encodeURIComponent(site)}/${encodeURIComponent(booth)}`;
export const linkOf = ({ site, booth }) => `#/booth/${encodeURIComponent(site)}/${encodeURIComponent(booth)}`;

const refused = (answer) => Object.assign(new Error(`HTTP ${answer.status}`), { status: answer.status });

export async function post(path, token, body) {
  const answer = await fetch(at(`api/v1/fleet${path}`), {
    method: "POST", cache: "no-store", body: JSON.stringify(body),
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
  });
  if (!answer.ok) throw refused(answer);
  return answer.json();
}

/** Erases what the path names; the answer is a receipt. */
export async function remove(path, token) {
  const answer = await fetch(at(`api/v1/fleet${path}`), { method: "DELETE", cache: "no-store", headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) throw refused(answer);
  return answer.json();
}

/** Saves a file of the centre as the browser saves files. */
export async function download(path, token, name) {
  const answer = await fetch(at(`api/v1/fleet${path}`), { cache: "no-store", headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) throw refused(answer);
  const url = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
