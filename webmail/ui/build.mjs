// Builds the browser UI with esbuild.
//   node build.mjs           dist/: index.html, assets/app-HASH.js, assets/app-HASH.css, icons
//   node build.mjs --tests   dist-test/: one plain module for each test/*.test.ts, for `node --test`
// File names carry the hash of their content, so the server may tell browsers to keep assets/ for ever
// and index.html never. The script size limit is part of the build: a webmail that opens fast stays small.
import { build } from "esbuild";
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";

const kScriptLimit = 60 * 1024;
const kFresh = "dist.new";
const here = new URL(".", import.meta.url).pathname;
process.chdir(here);

async function buildTests() {
  await rm("dist-test", { recursive: true, force: true });
  const names = (await readdir("test")).filter((n) => n.endsWith(".test.ts"));
  await build({
    entryPoints: names.map((n) => `test/${n}`),
    outdir: "dist-test", outExtension: { ".js": ".mjs" },
    bundle: true, platform: "node", format: "esm", target: "node18", packages: "external",
    jsx: "automatic", jsxImportSource: "preact", logLevel: "warning", external: ["../dev/*"],
  });
}

async function buildApp() {
  await rm(kFresh, { recursive: true, force: true });
  await mkdir(kFresh, { recursive: true });
  const result = await build({
    entryPoints: { app: "src/main.tsx" },
    outdir: `${kFresh}/assets`, entryNames: "[name]-[hash]", assetNames: "[name]-[hash]",
    bundle: true, minify: true, format: "esm", target: ["es2022", "chrome100", "firefox102", "safari15.4"],
    jsx: "automatic", jsxImportSource: "preact", metafile: true, legalComments: "linked", logLevel: "warning",
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const outputs = Object.keys(result.metafile.outputs).map((p) => basename(p));
  const script = outputs.find((n) => n.startsWith("app-") && n.endsWith(".js"));
  const style = outputs.find((n) => n.startsWith("app-") && n.endsWith(".css"));
  const html = (await readFile("src/index.html", "utf8")).replace("{{script}}", `assets/${script}`).replace("{{style}}", `assets/${style}`);
  await writeFile(`${kFresh}/index.html`, html);
  await cp("public", kFresh, { recursive: true });
  const packed = gzipSync(await readFile(`${kFresh}/assets/${script}`)).length;
  const packedStyle = gzipSync(await readFile(`${kFresh}/assets/${style}`)).length;
  console.log(`dist/assets/${script}: ${(packed / 1024).toFixed(1)} kB gzip (limit ${kScriptLimit / 1024}); style ${(packedStyle / 1024).toFixed(1)} kB`);
  if (packed > kScriptLimit) {
    console.error("The script is larger than its limit.");
    process.exit(1);
  }
  await replaceDist();
}

/** The program embeds dist/: it is replaced in one go, and left alone when nothing has changed. */
async function replaceDist() {
  const all = async (folder) => Promise.all(["index.html", "favicon.svg"].map((n) => readFile(`${folder}/${n}`, "utf8").catch(() => "")));
  if (String(await all("dist")) === String(await all(kFresh))) return rm(kFresh, { recursive: true });
  await rm("dist", { recursive: true, force: true });
  await rename(kFresh, "dist");
}

await (process.argv.includes("--tests") ? buildTests() : buildApp());
