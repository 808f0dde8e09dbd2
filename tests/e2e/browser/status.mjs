// The status page. STATUS_URL names it; the scenarios that need made-up trouble run against status-mock.mjs only.

import assert from "node:assert/strict";
import { eventually } from "./tools.mjs";

const url = process.env.STATUS_URL ?? "http://127.0.0.1:9071/";
const live = (page) => page.locator("#live", { hasText: "Live" }).waitFor();

async function statusSaysHowItIs({ open }) {
  const page = await open();
  await page.goto(url);
  await live(page);
  await page.locator(".hero h1", { hasText: "All is well." }).waitFor();
  const text = await page.locator(".hero p").textContent();
  assert.match(text, /All 4 backends serve\. 3 nodes heard\. No mail waits\./);
  assert.match(await page.title(), /front1: All is well/);
  assert.deepEqual(page.outside, []);
}

async function statusSaysWhatIsWrong({ open }) {
  const page = await open();
  await page.goto(url);
  await page.locator(".hero h1", { hasText: "web2 is down (check failed: connection refused)." }).waitFor();
  assert.match(await page.locator(".hero p").textContent(), /Node web2 is silent\..*14 mails wait, the oldest for 1 h 30 min/);
}

async function statusDrains({ open }) {
  const page = await open();
  await page.goto(url);
  await live(page);
  const row = page.locator("#row-web-web3");
  await row.getByRole("button", { name: "Drain web3" }).click();
  await row.locator(".tag", { hasText: "draining" }).waitFor();
  await page.locator(".hero h1", { hasText: "web3 is taken out on purpose." }).waitFor();
  await row.getByRole("button", { name: "Take back web3" }).click();
  await row.locator(".tag", { hasText: "up" }).waitFor();
  // The last one of a pool goes only after a second word.
  const last = page.locator("#row-mail-relays-mx1");
  await last.getByRole("button", { name: "Drain mx1" }).click();
  await last.getByRole("button", { name: "Keep" }).click();
  await last.getByRole("button", { name: "Drain mx1" }).waitFor();
  assert.equal(await last.locator(".tag").textContent(), "up");
}

async function statusReconnects({ open }) {
  const page = await open();
  await page.goto(url);
  await live(page);
  await page.request.post(new URL("/dev/silence?seconds=3", url).href);
  await page.locator("#live", { hasText: "Reconnecting" }).waitFor();
  await live(page);
}

async function statusAsksForAToken({ open }) {
  const page = await open();
  await page.goto(url);
  await page.locator("#token").fill("wrong");
  await page.getByRole("button", { name: "Open" }).click();
  await page.locator("#loginerror", { hasText: "not right" }).waitFor();
  await page.locator("#token").fill("s3cret");
  await page.getByRole("button", { name: "Open" }).click();
  await live(page);
  await page.reload();
  await live(page);
}

async function statusFitsAPhone({ open }) {
  const page = await open({ width: 360, height: 740, touch: true, scheme: "dark" });
  await page.goto(url);
  await live(page);
  await eventually(async () => (await page.locator(".spark").count()) > 3, "sparklines");
  const width = await page.evaluate(() => Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll("main *")].map((e) => e.getBoundingClientRect().right)));
  assert.ok(width <= 361, `${width} pixels wide`);
}

/** Sections and fields that are missing are left out, unknown ones are shown, odd ones do no harm. */
async function statusTakesWhateverComes({ open }) {
  const page = await open();
  let answer = { node: "n1" };
  await page.route("**/api/v1/events", (route) => route.fulfill({ status: 404, json: {} }));
  await page.route("**/api/v1/status", (route) => route.fulfill({ json: answer }));
  const after = async (next, words) => {
    answer = next;
    await page.locator("main", { hasText: words }).waitFor();
  };
  await page.goto(url);
  await page.locator(".hero h1", { hasText: "Genkan runs." }).waitFor();
  await after({ ready: false, ready_why: "starting" }, "This node is not ready: starting.");
  await after({ pools: [{ name: "p", backends: [{ address: "192.0.2.1:80", state: "down", since: "2026-01-01T00:00:00Z" }] }], sections: {} }, "Nothing serves in pool p.");
  await after({ sections: { pools: { web: { backends: [{ name: "<img src=x onerror=alert(1)>", state: "up", load: 1.5, in_flight: 3 }] } }, nodes: [{}], queue: { depth: 1 }, cache: {}, vip: [], sla: { promised: 0.999 } } }, "The one backend serves.");
  await page.locator("pre", { hasText: "0.999" }).waitFor();
  assert.equal(await page.locator("main img").count(), 0);
  await after({ sections: { pools: null, nodes: "x", queue: 5, cache: [], vip: null }, workers: [{}] }, "Genkan runs.");
}

/** Against Genkan itself: a pool "web" of the backends "one" and "two". */
async function statusOfGenkan({ open }) {
  const page = await open();
  await page.goto(url);
  if (process.env.STATUS_TOKEN) {
    await page.locator("#token").fill("wrong");
    await page.getByRole("button", { name: "Open" }).click();
    await page.locator("#loginerror", { hasText: "not right" }).waitFor();
    await page.locator("#token").fill(process.env.STATUS_TOKEN);
    await page.getByRole("button", { name: "Open" }).click();
  }
  await live(page);
  await page.locator(".hero p", { hasText: "Both backends serve." }).waitFor();
  await page.locator("#row-web-one .tag", { hasText: "up" }).waitFor();
  await page.getByRole("button", { name: "Drain one" }).click();
  await page.locator("#row-web-one .tag", { hasText: "draining" }).waitFor();
  await page.locator(".hero h1", { hasText: "one is taken out on purpose." }).waitFor();
  await page.getByRole("button", { name: "Take back one" }).click();
  await page.locator(".hero p", { hasText: "Both backends serve." }).waitFor();
  if (process.env.STATUS_PICTURE) await page.screenshot({ path: process.env.STATUS_PICTURE, fullPage: true });
  assert.deepEqual(page.outside, []);
}

/** Against Genkan with three mails that wait for a next hop that is away; MAIL_TO_RETRY is let through by the test afterwards. */
async function statusOfTheMailQueue({ open }) {
  const phone = await open({ width: 360, height: 740, touch: true, scheme: "dark" });
  const desk = await open({ width: 1280, height: 800, scheme: "light" });
  const post = (page) => page.waitForResponse((r) => r.request().method() === "POST" && r.url().includes("/api/v1/actions/"));
  for (const page of [desk, phone]) {
    await page.goto(url);
    await live(page);
    await page.getByRole("button", { name: "Show them" }).click();
    await page.locator("tr[id^=mail-]").nth(2).waitFor();
    const wide = await page.evaluate(() => [...document.querySelectorAll("main *")].map((e) => [Math.round(e.getBoundingClientRect().right), e.tagName, e.className, e.textContent.slice(0, 30)]).filter(([right]) => right > innerWidth + 1));
    assert.deepEqual(wide, [], "elements beyond the edge");
    if (process.env.QUEUE_PICTURE) await page.screenshot({ path: `${process.env.QUEUE_PICTURE}-${page.viewportSize().width}.png`, fullPage: true });
  }
  const row = (subject) => desk.locator("tr[id^=mail-]", { hasText: `to ${subject}@next.example` });
  await row("hold").locator(".why", { hasText: "451 4.3.0 not now" }).waitFor();
  await row("hold").getByRole("button", { name: "Hold" }).click();
  await row("hold").locator(".tag", { hasText: "held" }).waitFor();
  await desk.getByRole("button", { name: "held", exact: true }).click();
  await eventually(async () => (await desk.locator("tr[id^=mail-]").count()) === 1, "the list is of those that are held");
  await row("hold").getByRole("button", { name: "Release" }).click();
  await desk.getByRole("button", { name: "all", exact: true }).click();
  await eventually(async () => (await row("hold").count()) === 1 && !(await row("hold").textContent()).includes("held"), "it is released");
  // Deleting asks once more.
  await row("delete").getByRole("button", { name: "Delete" }).click();
  await row("delete").getByRole("button", { name: "Keep" }).click();
  await row("delete").getByRole("button", { name: "Delete" }).click();
  await row("delete").getByRole("button", { name: "Delete for good" }).click();
  await eventually(async () => (await row("delete").count()) === 0, "it is gone");
  const [answer] = await Promise.all([post(desk), row("retry").getByRole("button", { name: "Retry" }).click()]);
  assert.equal(answer.status(), 200);
  // What another site would send: no CSRF value.
  const forged = await desk.request.post(new URL("/api/v1/actions/queue_delete", url).href, { data: { all: "yes" } });
  assert.equal(forged.status(), 403);
  assert.deepEqual(desk.outside, []);
}

export const genkanStatus = { statusOfGenkan, statusOfTheMailQueue };

export const status = { statusSaysHowItIs, statusSaysWhatIsWrong, statusDrains, statusReconnects, statusAsksForAToken, statusFitsAPhone, statusTakesWhateverComes };
