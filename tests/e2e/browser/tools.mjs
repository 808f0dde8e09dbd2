// What the browser scenarios have in common: Chromium, a login, mail by SMTP, and a server that must never be asked.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { connect } from "node:net";

const require = createRequire(new URL("../../../webmail/ui/package.json", import.meta.url));
const { chromium } = require("playwright-core");

const kFlags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
export const kPatience = 10_000 * Number(process.env.GENKAN_TEST_SLOW ?? 1);

export const settings = {
  url: process.env.WEBMAIL_URL ?? "http://127.0.0.1:8088/webmail/",
  user: process.env.WEBMAIL_USER ?? "alice@example.org",
  password: process.env.WEBMAIL_PASSWORD ?? "genkan",
  smtp: Number(process.env.WEBMAIL_SMTP ?? 8025),
  mock: process.env.WEBMAIL_MOCK === "1",
  pictures: process.env.WEBMAIL_PICTURES ?? "",
};

export const unique = (words) => `${words} ${randomBytes(4).toString("hex")}`;

const how = () => ({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: kFlags });

/** A browser that several scenarios share, each with its own contexts; starting one takes longer than most scenarios. */
export function serve() {
  return chromium.launchServer(how());
}

/** The browser at $BROWSER_URL, else one of its own. */
export function launch() {
  return process.env.BROWSER_URL ? chromium.connect(process.env.BROWSER_URL) : chromium.launch(how());
}

/** A page whose console errors, exceptions and requests to elsewhere are kept. */
export async function newPage(browser, { width = 1280, height = 800, scheme = "light", locale = "en-US", touch = false } = {}) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: scheme, locale, hasTouch: touch, isMobile: touch, acceptDownloads: true, ignoreHTTPSErrors: true,
  });
  context.setDefaultTimeout(kPatience);
  const page = await context.newPage();
  page.problems = [];
  page.outside = [];
  page.on("pageerror", (error) => page.problems.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    // A policy that is broken is a mistake of ours; a request that fails is often part of a scenario.
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) page.problems.push(message.text());
  });
  const origins = [settings.url, process.env.STATUS_URL].filter(Boolean).map((url) => new URL(url).origin);
  // A request that a policy stopped is announced too, and then fails with "csp": it never left the browser.
  const note = (request) => {
    const stopped = /csp|BLOCKED_BY/i.test(request.failure()?.errorText ?? "");
    if (!stopped && !origins.includes(new URL(request.url()).origin) && !/^(data|blob|about):/.test(request.url())) page.outside.push(request.url());
  };
  context.on("requestfinished", note);
  context.on("requestfailed", note);
  return page;
}

export async function login(page, { user = settings.user, password = settings.password } = {}) {
  await page.goto(settings.url);
  await page.locator("#username").fill(user);
  await page.locator("#password").fill(password);
  await page.locator("button[type=submit]").click();
  await page.locator(".listhead h1").waitFor();
}

export const row = (page, subject) => page.locator(".row", { hasText: subject });

export async function openRow(page, subject) {
  await row(page, subject).locator("a.main").click();
  await page.locator(".conversationtitle").waitFor();
}

/** Sends one mail to the user by SMTP (RFC 5321), as any mail host would. */
export function sendMail({ subject, text = "Hello.", html, from = "Ben Whitfield <ben@sender.example>", attachments = [], headers = [] }) {
  const word = (s) => (/^[\x20-\x7e]*$/.test(s) ? s : `=?UTF-8?B?${Buffer.from(s).toString("base64")}?=`);
  const base64 = (bytes) => Buffer.from(bytes).toString("base64").replace(/.{76}/g, "$&\r\n");
  const part = (type, body) => `Content-Type: ${type}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(body)}\r\n`;
  const mark = `mark-${randomBytes(8).toString("hex")}`;
  const first = html === undefined ? part("text/plain", text) : part("text/html", html);
  const files = attachments.map((a) => `--${mark}\r\nContent-Type: ${a.type}\r\nContent-Disposition: attachment; filename*=UTF-8''${encodeURIComponent(a.name)}\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(a.bytes)}\r\n`).join("");
  const body = attachments.length === 0 ? first : `Content-Type: multipart/mixed; boundary="${mark}"\r\n\r\n--${mark}\r\n${first}${files}--${mark}--\r\n`;
  const message = [`From: ${from}`, `To: ${settings.user}`, `Subject: ${word(subject)}`, `Date: ${new Date().toUTCString()}`, `Message-ID: <${randomBytes(8).toString("hex")}@sender.example>`, "MIME-Version: 1.0", ...headers].join("\r\n");
  return smtp(`${message}\r\n${body}`);
}

function smtp(message) {
  const lines = ["EHLO sender.example", "MAIL FROM:<ben@sender.example>", `RCPT TO:<${settings.user}>`, "DATA", `${message.replace(/^\./gm, "..")}\r\n.`, "QUIT"];
  return new Promise((resolve, reject) => {
    const socket = connect(settings.smtp, "127.0.0.1");
    let buffer = "";
    socket.setTimeout(kPatience, () => socket.destroy(new Error("SMTP: no answer")));
    socket.on("error", reject);
    socket.on("data", (data) => {
      buffer += data;
      const end = /^\d{3} .*\r\n/m.exec(buffer);
      if (!end) return;
      buffer = "";
      if (!/^[23]/.test(end[0])) return socket.destroy(new Error(`SMTP: ${end[0]}`));
      const next = lines.shift();
      if (next === undefined) {
        socket.end();
        resolve();
      } else {
        socket.write(`${next}\r\n`);
      }
    });
  });
}

/** A server elsewhere that counts who asks it. */
export async function canary() {
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    response.writeHead(200, { "Content-Type": "image/gif" }).end(Buffer.from("R0lGODlhAQABAAAAACw=", "base64"));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { asked, url: `http://localhost:${server.address().port}`, close: () => server.close() };
}

export async function eventually(check, what) {
  const end = Date.now() + kPatience;
  let last;
  for (;;) {
    try {
      if (await check()) return;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) assert.fail(`${what}${last ? `: ${last.message}` : ""}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
