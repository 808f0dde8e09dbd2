// Reading mail: logging in, lists, messages, folders, languages, phones. Every scenario brings its own mail.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { canary, eventually, login, openRow, row, sendMail, settings, unique } from "./tools.mjs";

async function refusesAWrongPassword({ open }) {
  const page = await open();
  await page.goto(settings.url);
  await page.locator("#username").fill(settings.user);
  await page.locator("#password").fill("not the password");
  await page.locator("button[type=submit]").click();
  await page.locator(".problem", { hasText: "wrong" }).waitFor();
  assert.equal(await page.locator(".row").count(), 0);
  assert.equal(await page.locator("#password").inputValue(), "", "a refused password does not stay in the field");
  await page.reload();
  await page.locator("#username").waitFor();
}

async function showsTheInbox({ open }) {
  const subject = unique("Inbox");
  await sendMail({ subject });
  const page = await open();
  await login(page);
  await row(page, subject).waitFor();
  assert.equal(await page.locator(".listhead h1").textContent(), "Inbox");
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  await page.reload();
  await row(page, subject).waitFor();
  await page.locator(".account button").click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await page.locator("#username").waitFor();
  const me = await page.request.get(new URL("auth/me", settings.url).href);
  assert.equal(me.status(), 401, "the session has ended on the server too");
}

async function showsNewMailWithoutReload({ open }) {
  const page = await open();
  await login(page);
  await page.evaluate(() => { window.sameDocument = true; });
  const subject = unique("Live");
  const sent = Date.now();
  await sendMail({ subject });
  await row(page, subject).waitFor();
  console.log(`shown after ${Date.now() - sent} ms`);
  assert.ok(await page.evaluate(() => window.sameDocument));
  assert.match(await row(page, subject).getAttribute("class"), /unread/);
  await eventually(async () => /\(\d+\)/.test(await page.title()), "the title counts unread mail");
}

async function opensAMessage({ open }) {
  const subject = unique("会議の資料");
  const bytes = Buffer.from("小さなファイル\n");
  await sendMail({ subject, from: "=?UTF-8?B?5L2Q6Jek?= <sato@sender.example>", text: "本文です。\nhttps://example.org/x を見てください。", attachments: [{ name: "資料 1.txt", type: "text/plain", bytes }] });
  const page = await open();
  await login(page);
  await openRow(page, subject);
  assert.equal(await page.locator(".conversationtitle").textContent(), subject);
  assert.match(await page.locator(".textbody").textContent(), /本文です。/);
  assert.equal(await page.locator(".textbody a").getAttribute("href"), "https://example.org/x");
  assert.match(await page.locator(".fromline").textContent(), /佐藤/);
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator(".tile").click()]);
  assert.equal(download.suggestedFilename(), "資料 1.txt");
  const chunks = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk);
  assert.deepEqual(Buffer.concat(chunks), bytes);
  await eventually(async () => !/unread/.test(await row(page, subject).getAttribute("class")), "an opened message is read");
  await page.reload();
  await page.locator(".conversationtitle", { hasText: subject }).waitFor();
  await page.goBack();
  await page.locator(".reader.idle").waitFor();
}

const hostile = (base) => `<html><head><meta http-equiv="refresh" content="0;url=${base}/refresh"><link rel="stylesheet" href="${base}/link.css"><link rel="preload" as="image" href="${base}/preload">
<style>@import url("${base}/import.css"); p { background: url(${base}/style.png) }</style><base href="${base}/base/"></head><body background="${base}/background.png">
<script>top.pwned = "script"</script><p id="visible">This text may be read.</p><img src="${base}/img.png" onerror="top.pwned='onerror'" srcset="${base}/srcset.png 2x"><img src=x onerror="top.pwned='x'">
<picture><source srcset="${base}/source.png"><img src="${base}/picture.png"></picture><video poster="${base}/poster.png" src="${base}/video.mp4" autoplay></video><audio src="${base}/audio.mp3" autoplay></audio>
<svg onload="top.pwned='svg'"><image href="${base}/svg.png"/><use href="${base}/use.svg#x"/></svg><iframe src="${base}/frame"></iframe><iframe srcdoc="<script>top.pwned='srcdoc'</script>"></iframe>
<object data="${base}/object"></object><embed src="${base}/embed"><form action="${base}/form"><input autofocus onfocus="top.pwned='focus'"><button>go</button></form>
<a href="javascript:top.pwned='link'" id="js">a link</a><div style="background-image:url('${base}/inline.png');list-style:url(${base}/list.png)">styled</div><table background="${base}/table.png"><tr><td>cell</td></tr></table>
<details open ontoggle="top.pwned='toggle'"><summary>s</summary></details><math><mtext><img src=x onerror="top.pwned='math'"></mtext></math><marquee onstart="top.pwned='marquee'">m</marquee></body></html>`;

async function showsHostileHtmlHarmlessly({ browser, open }) {
  const elsewhere = await canary();
  try {
    // The same page without any protection does run and does ask: the traps are live.
    const control = await (await browser.newContext()).newPage();
    await control.setContent(hostile(elsewhere.url).replace(/<meta[^>]*>/, ""), { waitUntil: "commit" });
    await eventually(async () => (await control.evaluate(() => window.pwned)) !== undefined && elsewhere.asked.length > 3, "the traps work");
    await control.context().close();
    elsewhere.asked.length = 0;

    const subject = unique("Hostile");
    await sendMail({ subject, html: hostile(elsewhere.url) });
    const page = await open();
    await login(page);
    await openRow(page, subject);
    const frame = page.frameLocator(".htmlbody iframe");
    await frame.locator("text=This text may be read.").waitFor();
    await page.locator(".paper:not(.waiting)").waitFor();
    assert.ok(!(await page.locator(".htmlbody iframe").getAttribute("sandbox")).includes("allow-scripts"));
    const link = frame.locator("#js");
    if (await link.count()) await link.click({ timeout: 2000 }).catch(() => undefined);
    await page.locator(".row").first().hover();
    await page.waitForLoadState("networkidle").catch(() => undefined);
    assert.equal(await page.evaluate(() => window.pwned), undefined, "a script of the mail ran");
    assert.deepEqual(elsewhere.asked, [], "something was fetched from elsewhere");
    assert.deepEqual(page.outside, [], "the browser tried to reach elsewhere");
    page.problems.length = 0;  // that the frame's policy stopped something is what we want
  } finally {
    elsewhere.close();
  }
}

async function blocksRemoteImagesUntilTheyAreWanted({ open }) {
  const elsewhere = await canary();
  try {
    const subject = unique("Newsletter");
    await sendMail({ subject, html: `<p>News.</p><img src="${elsewhere.url}/open.gif?u=1" width="1" height="1"><img src="${elsewhere.url}/big.png" alt="A picture">` });
    const page = await open();
    await login(page);
    await openRow(page, subject);
    await page.frameLocator(".htmlbody iframe").locator("text=News.").waitFor();
    await page.locator(".imagebar", { hasText: "2 images" }).waitFor();
    assert.deepEqual(elsewhere.asked, []);
    await page.getByRole("button", { name: "Show images" }).click();
    await eventually(() => elsewhere.asked.length === 2, "images are fetched once they are wanted");
    await page.locator(".imagebar").waitFor({ state: "detached" });
    page.problems.length = 0;
    // The next message is blocked again.
    const other = unique("Another");
    await sendMail({ subject: other, html: `<img src="${elsewhere.url}/other.png">` });
    await openRow(page, other);
    await page.locator(".imagebar", { hasText: "An image" }).waitFor();
    assert.equal(elsewhere.asked.length, 2);
    page.problems.length = 0;
  } finally {
    elsewhere.close();
  }
}

async function fitsAPhone({ open }) {
  const subject = unique("On the phone");
  await sendMail({ subject, text: "A line that is long enough to need more than one line on a small screen, and a word: " + "x".repeat(120) });
  const page = await open({ width: 360, height: 740, touch: true });
  await login(page);
  const noSideways = async (where) => {
    const width = await page.evaluate(() => Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll("main *")].map((e) => e.getBoundingClientRect().right)));
    assert.ok(width <= 361, `${where}: ${width} pixels wide`);
  };
  await row(page, subject).waitFor();
  await noSideways("list");
  await openRow(page, subject);
  assert.equal(await page.locator(".listpane").count(), 0);
  await noSideways("message");
  await page.getByRole("button", { name: "Back to the list" }).click();
  await row(page, subject).waitFor();
  await page.getByRole("button", { name: "Folders" }).click();
  await page.locator(".folder", { hasText: "Sent" }).click();
  await page.locator(".listhead h1", { hasText: "Sent" }).waitFor();
  await page.locator(".fab").click();
  await page.locator(".composer").waitFor();
  const box = await page.locator(".composer").boundingBox();
  assert.ok(box.width >= 358 && box.x <= 1, "writing takes the whole page");
  const small = await page.evaluate(() => [...document.querySelectorAll(".composer button")].filter((b) => b.getBoundingClientRect().height < 28).length);
  assert.equal(small, 0, "buttons are large enough for a finger");
}

async function speaksJapanese({ open }) {
  const page = await open({ locale: "ja-JP" });
  await page.goto(settings.url);
  await page.getByLabel("パスワード").waitFor();
  await login(page);
  assert.equal(await page.locator(".listhead h1").textContent(), "受信箱");
  assert.equal(await page.locator("html").getAttribute("lang"), "ja");
  assert.match(await page.locator(".composebutton").textContent(), /メールを書く/);
  await page.locator(".account button").click();
  await page.getByRole("menuitemradio", { name: "English" }).click();
  await page.locator(".listhead h1", { hasText: "Inbox" }).waitFor();
  await page.reload();
  await page.locator(".listhead h1", { hasText: "Inbox" }).waitFor();
}

async function hasADarkFace({ open }) {
  const page = await open({ scheme: "dark" });
  await login(page);
  const lightness = () => page.evaluate(() => {
    const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g).map(Number);
    return (r + g + b) / 3;
  });
  assert.ok((await lightness()) < 60);
  await page.locator(".account button").click();
  await page.getByRole("menuitemradio", { name: "Light" }).click();
  assert.ok((await lightness()) > 200);
  await page.reload();
  await page.locator(".listhead h1").waitFor();
  assert.ok((await lightness()) > 200, "the choice is kept");
}

async function archivesDeletesAndTakesBack({ open }) {
  const subject = unique("To and fro");
  await sendMail({ subject });
  const page = await open();
  await login(page);
  await openRow(page, subject);
  await page.keyboard.press("s");
  await row(page, subject).locator(".star[aria-pressed=true]").waitFor();
  await page.keyboard.press("e");
  await row(page, subject).waitFor({ state: "detached" });
  await page.locator(".toast button", { hasText: "Undo" }).click();
  await row(page, subject).waitFor();
  await row(page, subject).hover();
  await row(page, subject).getByRole("button", { name: "Delete" }).click();
  await row(page, subject).waitFor({ state: "detached" });
  await page.locator(".folder", { hasText: "Trash" }).click();
  await page.locator(".listhead h1", { hasText: "Trash" }).waitFor();
  await row(page, subject).waitFor();
  await page.reload();
  await row(page, subject).locator(".star[aria-pressed=true]").waitFor();
  await row(page, subject).getByRole("checkbox").click();
  await page.getByRole("toolbar", { name: "Selected messages" }).getByRole("button", { name: "Move to…" }).click();
  await page.getByRole("option", { name: "Inbox" }).click();
  await row(page, subject).waitFor({ state: "detached" });
  await page.locator(".folder", { hasText: "Inbox" }).click();
  await row(page, subject).waitFor();
  await row(page, subject).getByRole("checkbox").click();
  await page.keyboard.press("Shift+U");
  await eventually(async () => /unread/.test(await row(page, subject).getAttribute("class")), "it is unread again");
}

async function deletesForGoodOnlyAfterAsking({ open }) {
  const subject = unique("For good");
  await sendMail({ subject });
  const page = await open();
  await login(page);
  await row(page, subject).getByRole("checkbox").click();
  await page.keyboard.press("#");
  await row(page, subject).waitFor({ state: "detached" });
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await row(page, subject).getByRole("checkbox").click();
  await page.keyboard.press("#");
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await row(page, subject).waitFor();
  await page.keyboard.press("#");
  await page.getByRole("dialog").getByRole("button", { name: "Delete for good" }).click();
  await row(page, subject).waitFor({ state: "detached" });
  await page.reload();
  await page.locator(".listhead h1", { hasText: "Trash" }).waitFor();
  await eventually(async () => (await page.locator(".rows.loading, .row").count()) >= 0 && (await row(page, subject).count()) === 0, "it does not come back");
}

async function findsMail({ open }) {
  const needle = unique("needle").replace(" ", "");
  const subject = unique("Haystack");
  await sendMail({ subject: unique("Other"), text: "nothing of interest" });
  await sendMail({ subject, text: `In here lies the ${needle}. 東京の会議室について。` });
  const page = await open();
  await login(page);
  await row(page, subject).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type(needle);
  await page.locator(".listhead h1", { hasText: "Search results" }).waitFor();
  await eventually(async () => (await page.locator(".row:not(.placeholder)").count()) === 1, "one result");
  await openRow(page, subject);
  await page.reload();
  await page.locator(".conversationtitle", { hasText: subject }).waitFor();
  assert.equal(await page.locator("#search").inputValue(), needle, "the search survives a reload");
  await page.locator("#search").fill("no such word anywhere");
  await page.locator(".empty", { hasText: "Nothing was found" }).waitFor();
  await page.locator("#search").press("Escape");
  await page.locator(".listhead h1", { hasText: "Inbox" }).waitFor();
}

async function worksByKeyboard({ open }) {
  const [first, second] = [unique("Key one"), unique("Key two")];
  await sendMail({ subject: first });
  await sendMail({ subject: second });
  const page = await open();
  await login(page);
  await row(page, second).waitFor();
  const at = (i) => page.locator(`.row[aria-posinset="${i}"] .subject`).textContent();
  const [top, below] = [await at(1), await at(2)];
  await page.keyboard.press("j");
  await page.keyboard.press("o");
  await page.locator(".conversationtitle", { hasText: top }).waitFor();
  await page.keyboard.press("j");
  await page.locator(".conversationtitle", { hasText: below }).waitFor();
  await page.keyboard.press("u");
  await page.locator(".reader.idle").waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("c");
  await page.locator(".composer").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("name")), "to");
  await page.keyboard.type("jjj");
  assert.equal(await page.locator(".composer input[name=to]").inputValue(), "jjj", "keys are text while one types");
}

async function labelsEverything({ open }) {
  const subject = unique("Labels");
  await sendMail({ subject });
  const page = await open();
  await login(page);
  await openRow(page, subject);
  await page.keyboard.press("r");
  await page.locator(".composer").waitFor();
  const nameless = await page.evaluate(() => [...document.querySelectorAll("button, a, input, textarea, iframe")].filter((e) => {
    const hidden = e.hidden || e.closest("[aria-hidden=true]");
    const name = e.getAttribute("aria-label") || e.textContent.trim() || e.title || (e.labels && [...e.labels].map((l) => l.textContent).join(""));
    return !hidden && !name;
  }).map((e) => e.outerHTML.slice(0, 120)));
  assert.deepEqual(nameless, []);
  const ids = await page.evaluate(() => [...document.querySelectorAll("[id]")].map((e) => e.id).filter((id, i, all) => all.indexOf(id) !== i));
  assert.deepEqual(ids, [], "ids are unique");
}

async function managesFolders({ open }) {
  const [name, renamed, subject] = [unique("仕事/2026"), unique("Work & play"), unique("Filed")];
  await sendMail({ subject });
  const page = await open();
  await login(page);
  await page.getByRole("button", { name: "New folder" }).click();
  await page.locator("#folder-name").fill(name);
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".listhead h1", { hasText: name }).waitFor();
  await page.getByRole("button", { name: "Folder commands" }).click();
  await page.getByRole("menuitem", { name: "Rename folder" }).click();
  await page.locator("#folder-name").fill(renamed);
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".listhead h1", { hasText: renamed }).waitFor();
  await page.locator(".folder", { hasText: "Inbox" }).click();
  await row(page, subject).dragTo(page.locator(".folder", { hasText: renamed }));
  await row(page, subject).waitFor({ state: "detached" });
  await page.locator(".folder", { hasText: renamed }).click();
  await row(page, subject).waitFor();
  const remove = async () => {
    await page.getByRole("button", { name: "Folder commands" }).click();
    await page.getByRole("menuitem", { name: "Delete folder" }).click();
  };
  await remove();
  await page.locator(".toast", { hasText: "still holds messages" }).waitFor();
  await row(page, subject).getByRole("checkbox").click();
  await page.keyboard.press("v");
  await page.getByRole("option", { name: "Inbox" }).click();
  await row(page, subject).waitFor({ state: "detached" });
  await remove();
  await page.locator(".listhead h1", { hasText: "Inbox" }).waitFor();
  await row(page, subject).waitFor();
  assert.equal(await page.locator(".folder", { hasText: renamed }).count(), 0);
}

/** axe-core finds nothing of weight, in either theme, on a desk or a phone. */
async function isAccessible({ open }) {
  const source = await readFile(new URL("../../../webmail/ui/node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
  const subject = unique("For everyone");
  await sendMail({ subject, attachments: [{ name: "a.txt", type: "text/plain", bytes: "x" }] });
  for (const [scheme, width] of [["light", 1280], ["dark", 1280], ["light", 360]]) {
    const page = await open({ scheme, width });
    const check = async (where) => {
      await page.evaluate(source);
      const found = await page.evaluate(async () => (await window.axe.run(document, { iframes: false })).violations.map((v) => `${v.impact} ${v.id}: ${v.nodes[0].html.slice(0, 160)}`));
      assert.deepEqual(found.filter((f) => /^(serious|critical)/.test(f)), [], `${where}, ${scheme}, ${width}`);
    };
    await page.goto(settings.url);
    await page.locator("#username").waitFor();
    await check("login");
    await login(page);
    await row(page, subject).waitFor();
    await check("list");
    await openRow(page, subject);
    await page.locator(".attachments").waitFor();
    await check("message");
    await page.keyboard.press("r");
    await page.locator(".composer").waitFor();
    await page.locator(".composer").evaluate((e) => Promise.all(e.getAnimations().map((a) => a.finished)));
    await check("writing");
  }
}

async function scrollsLongLists({ open }) {
  if (!settings.mock) {
    // Enough for more than two pages; the mock has hundreds.
    await Promise.all(Array.from({ length: 90 }, (_, i) => sendMail({ subject: `Long list ${i}` })));
  }
  const page = await open();
  await login(page);
  await page.locator(".row:not(.placeholder)").first().waitFor();
  const total = Number(await page.locator(".row:not(.placeholder)").first().getAttribute("aria-setsize"));
  assert.ok(total > 80, `${total} rows`);
  assert.ok((await page.locator(".row").count()) < 60, "only rows in view exist");
  await page.locator(".scroller").evaluate((e) => { e.scrollTop = e.scrollHeight; });
  await page.locator(`.row:not(.placeholder)[aria-posinset="${total}"]`).waitFor();
  await page.locator(".scroller").evaluate((e) => { e.scrollTop = e.scrollHeight / 2; });
  await page.locator(`.row:not(.placeholder)[aria-posinset="${Math.floor(total / 2)}"]`).waitFor();
}

export const webmail = {
  refusesAWrongPassword, showsTheInbox, showsNewMailWithoutReload, opensAMessage, showsHostileHtmlHarmlessly, blocksRemoteImagesUntilTheyAreWanted, fitsAPhone, speaksJapanese,
  hasADarkFace, archivesDeletesAndTakesBack, deletesForGoodOnlyAfterAsking, findsMail, worksByKeyboard, labelsEverything, managesFolders, isAccessible, scrollsLongLists,
};
