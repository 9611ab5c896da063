// Addresses of the server as seen from this module, so that a reverse proxy may serve the page under
// a path prefix.

/** @param {string} path below the server's root, without a slash in front */
export const at = (path) => new URL(`../../${path}`, import.meta.url).href;
