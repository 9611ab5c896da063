// Addresses of the server as seen from this module, so that a reverse proxy may serve the page under
// a path prefix.

export const at = (path) => new URL(`../../${path}`, import.meta.url).href;
