// What the page asks of the fleet server. The token is in no address.

import * as api from "../lib/api.js";

/** The token in use, if there is one. */
/** @typedef {string | null} Token */
/** @typedef {{site: string, booth: string}} BoothKey */

/** @param {string} path @param {Token} token */
export const get = (path, token) => api.get(`/fleet${path}`, token);

/** @param {string} path @param {unknown} body @param {Token} token */
export const post = (path, body, token) => api.post(`/fleet${path}`, body, token);

/** @param {string} path @param {Token} token */
export const remove = (path, token) => api.remove(`/fleet${path}`, token);

/** @param {string} path @param {Token} token @param {string} name of the file */
export const save = (path, token, name) => api.save(`/fleet${path}`, token, name);

/**
 * `?a=1&b=2` of what is given.
 * @param {Record<string, string | number | null | undefined>} values
 */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length > 0 ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}

/** @param {BoothKey} key */
export const pathOf = ({ site, booth }) => `/booths/${encodeURIComponent(site)}/${encodeURIComponent(booth)}`;
/** @param {BoothKey} key */
export const linkOf = ({ site, booth }) => `#/booth/${encodeURIComponent(site)}/${encodeURIComponent(booth)}`;
