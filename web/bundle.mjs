// Bundles web/src into one ES module and one style sheet; `make vendor` calls it.
// node bundle.mjs FOLDER

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = resolve(process.argv[2]);
mkdirSync(folder, { recursive: true });

/** The digest of all that the bundle is made from, in the order of the names. */
function digest() {
  const names = readdirSync(join(here, "src")).sort().map((name) => join("src", name));
  const hash = createHash("sha256");
  for (const name of ["bundle.mjs", "package.json", "package-lock.json", ...names]) {
    hash.update(name.replaceAll("\\", "/"));
    hash.update("\0");
    hash.update(readFileSync(join(here, name)));
    hash.update("\0");
  }
  return hash.digest("hex");
}

const result = await build({
  absWorkingDir: here,
  entryPoints: { page: "src/main.js" },
  bundle: true,
  format: "esm",
  minify: true,
  legalComments: "none",
  charset: "utf8",
  target: "es2022",
  outdir: folder,
  metafile: true,
  banner: { js: `// Made from web/ by make vendor; sha256 of the sources: ${digest()}` },
});
await build({
  absWorkingDir: here,
  entryPoints: { page: "src/style.css" },
  minify: true,
  charset: "utf8",
  outdir: folder,
});

const packages = new Set();
for (const input of Object.keys(result.metafile.inputs)) {
  const found = input.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/);
  if (found) packages.add(found[1]);
}
const licences = [...packages].sort().map((name) => {
  const home = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(home, "package.json")));
  const file = ["LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE"].find((each) => existsSync(join(home, each)));
  const text = file ? readFileSync(join(home, file), "utf8").trim() : "";
  return `${name} ${version} (${license})\n\n${text}\n`;
});
writeFileSync(join(folder, "LICENSES.txt"), licences.join(`\n${"-".repeat(80)}\n\n`));
