// The files of page/, as the daemon serves them (src/http/page.rs).

import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

export const PAGE = fileURLToPath(new URL("../../page/", import.meta.url));

/** The files of these rooms that end so, by their path below page/; what is vendored is left out. */
export async function filesOf(rooms, ending = ".js") {
  const inRoom = async (room) => {
    const names = await readdir(PAGE + room);
    return names.filter((name) => name.endsWith(ending)).sort().map((name) => `${room}/${name}`);
  };
  return (await Promise.all(rooms.map(inRoom))).flat();
}

/** The HTML of a page with a link to each module that it uses. */
export async function withModules(page) {
  const html = await readFile(`${PAGE}${page}/index.html`, "utf8");
  const modules = await filesOf(["lang", "lib", page]);
  const links = modules.map((path) => `<link rel="modulepreload" href="page/${path}">`);
  return html.replace("<!-- modules -->", links.join("\n  "));
}
