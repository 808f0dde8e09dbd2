// Runs one scenario: node run.mjs NAME (see tools.mjs for the environment). Without a name it lists them.
// node run.mjs --browser: starts a browser for all scenarios, says where ($BROWSER_URL of the others), and ends it with its own end.

import assert from "node:assert/strict";
import { launch, newPage, serve, settings } from "./tools.mjs";
import { webmail } from "./webmail.mjs";
import { writing } from "./webmail-writing.mjs";
import { genkanStatus, status } from "./status.mjs";

const scenarios = { ...webmail, ...writing, ...status, ...genkanStatus };
const name = process.argv[2];
if (name === "--browser") {
  const server = await serve();
  console.log(JSON.stringify({ url: server.wsEndpoint() }));
  process.on("SIGTERM", async () => {
    await server.close();
    process.exit(0);
  });
  await new Promise(() => undefined);
}
if (!name) {
  console.log(Object.keys(scenarios).join("\n"));
  process.exit(0);
}
const scenario = scenarios[name];
assert.ok(scenario, `no scenario ${name}`);
const browser = await launch();
const pages = [];
let failed = false;
try {
  await scenario({ browser, open: async (options) => pages[pages.push(await newPage(browser, options)) - 1] });
  for (const page of pages) assert.deepEqual(page.problems, [], "the browser complained");
} catch (error) {
  failed = true;
  console.error(error);
  for (const [i, page] of pages.entries()) {
    console.error(`page ${i}: ${page.url()}`, page.problems);
    if (settings.pictures) await page.screenshot({ path: `${settings.pictures}/${name}-${i}.png` }).catch(() => undefined);
  }
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);
