// A server for developing and testing the UI without Genkan: the API of docs/webmail-api.md, state in memory, loopback only.
//   node dev/server.mjs [--port 8088] [--smtp 8025] [--mails 400] [--user alice@example.org] [--password genkan]
// It prints one JSON line with its addresses when it is ready. /dev/expire ends all sessions, /dev/fail?times=N breaks the next N API calls.

import { createServer } from "node:http";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { parseArgs } from "node:util";
import { handle } from "./jmap.mjs";
import { seed } from "./seed.mjs";
import { startSmtp } from "./smtp.mjs";
import { Store } from "./store.mjs";

const { values: options } = parseArgs({ options: {
  port: { type: "string", default: "8088" }, smtp: { type: "string", default: "8025" }, mails: { type: "string", default: "400" },
  user: { type: "string", default: "alice@example.org" }, password: { type: "string", default: "genkan" }, name: { type: "string", default: "Alice Example" },
} });

const dist = new URL("../dist/", import.meta.url).pathname;
const store = new Store({ email: options.user, name: options.name });
seed(store, Number(options.mails));
const sessions = new Set();
let failures = 0;
let failNext = 0;

const kTypes = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".txt": "text/plain" };
const kAppPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; frame-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const kSandbox = "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox";

function deliver(bytes, recipients) {
  if (recipients.some((r) => r.toLowerCase() === options.user)) store.addMail(bytes, { [store.role("inbox")]: true });
}

function json(res, status, body, headers = {}) {
  res.writeHead(status, { "Content-Type": status >= 400 ? "application/problem+json" : "application/json", "Cache-Control": "no-store", ...headers });
  res.end(JSON.stringify(body));
}
const problem = (res, status, title, detail = title, headers = {}) => json(res, status, { type: "about:blank", status, title, detail }, headers);

async function bodyOf(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const cookie = (req) => /(?:^|;\s*)genkan_session=([\w-]+)/.exec(req.headers.cookie ?? "")?.[1] ?? "";
const me = () => ({ username: options.user, name: options.name, accountId: store.accountId, expires: new Date(Date.now() + 86400_000).toISOString() });

async function login(req, res) {
  if (failures >= 10) return problem(res, 429, "Too Many Requests", "too many failures", { "Retry-After": "60" });
  const { username, password } = JSON.parse((await bodyOf(req)).toString());
  const full = username.includes("@") ? username : `${username}@${options.user.split("@")[1]}`;
  if (full.toLowerCase() !== options.user || password !== options.password) {
    failures++;
    return problem(res, 401, "Unauthorized", "wrong user name or password");
  }
  failures = 0;
  const id = randomBytes(24).toString("base64url");
  sessions.add(id);
  json(res, 200, me(), { "Set-Cookie": `genkan_session=${id}; HttpOnly; SameSite=Strict; Path=/` });
}

function sessionObject(host) {
  const base = `http://${host}/webmail/jmap`;
  const account = store.accountId;
  return {
    capabilities: { "urn:ietf:params:jmap:core": { maxSizeUpload: 5_000_000 }, "urn:ietf:params:jmap:mail": {}, "urn:ietf:params:jmap:submission": {} },
    accounts: { [account]: { name: options.user, isPersonal: true, isReadOnly: false, accountCapabilities: {} } },
    primaryAccounts: { "urn:ietf:params:jmap:mail": account, "urn:ietf:params:jmap:submission": account },
    username: options.user, apiUrl: `${base}/api`, downloadUrl: `${base}/download/{accountId}/{blobId}/{name}?type={type}`, uploadUrl: `${base}/upload/{accountId}/`,
    eventSourceUrl: `${base}/events?types={types}&closeafter={closeafter}&ping={ping}`, state: "1",
  };
}

function events(req, res) {
  res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  const send = (state) => res.write(`event: state\ndata: ${JSON.stringify({ "@type": "StateChange", changed: { [store.accountId]: { Email: state, Mailbox: state, Thread: state } } })}\n\n`);
  const ping = setInterval(() => res.write("event: ping\ndata: {}\n\n"), 30_000);
  store.watchers.add(send);
  res.write(": hello\n\n");
  req.on("close", () => {
    store.watchers.delete(send);
    clearInterval(ping);
  });
}

/** A crude stand-in for the server's HTML filter. The frame's policy and sandbox are the same as the real ones. */
function htmlBody(res, id, images) {
  const email = store.emails.get(id);
  if (!email) return problem(res, 404, "Not Found");
  const part = email.htmlBody.find((p) => p.type === "text/html");
  let html = part ? email.bodyValues[part.partId].value : "";
  html = html.replace(/<(script|iframe|object|form|svg|math|style)[\s\S]*?<\/\1>/gi, "").replace(/<(meta|link|base)[^>]*>/gi, "")
    .replace(/\son\w+\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)/gi, "").replace(/javascript:/gi, "").replace(/url\([^)]*\)/gi, "none")
    .replace(/<a\b/gi, '<a target="_blank" rel="noopener noreferrer"').replace(/\sposter=/gi, " data-poster=");
  if (!images) html = html.replace(/(<img\b[^>]*?)\ssrc=("https?:[^"]*")/gi, "$1 data-genkan-src=$2");
  const blocked = html.split("data-genkan-src=").length - 1;
  const policy = `${kSandbox}; default-src 'none'; img-src data:${images ? " https: http:" : ""}; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'`;
  res.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy, "Genkan-Blocked": String(blocked), "X-Content-Type-Options": "nosniff" });
  res.end(`<!doctype html><meta charset="utf-8"><style>body{margin:16px;font:15px/1.6 system-ui,sans-serif;overflow-wrap:anywhere}img{max-width:100%;height:auto}</style>${html}`);
}

function download(res, url, blobId) {
  const bytes = store.blobs.get(blobId);
  if (!bytes) return problem(res, 404, "Not Found");
  const asked = url.searchParams.get("type") ?? "";
  const inlineTypes = ["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain"];
  const type = inlineTypes.includes(asked) || asked === "message/rfc822" ? asked : "application/octet-stream";
  const how = url.searchParams.get("inline") === "1" && inlineTypes.includes(asked) ? "inline" : "attachment";
  const name = url.pathname.split("/").pop() ?? "file";
  res.writeHead(200, { "Content-Type": type, "Content-Length": bytes.length, "Content-Disposition": `${how}; filename*=UTF-8''${name}`, "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'" });
  res.end(bytes);
}

async function file(res, path) {
  const wanted = normalize(path.replace(/^\/webmail\//, "")) || "index.html";
  for (const name of [wanted, "index.html"]) {
    try {
      const bytes = await readFile(join(dist, name));
      res.writeHead(200, { "Content-Type": kTypes[extname(name)] ?? "application/octet-stream", "Content-Security-Policy": kAppPolicy, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer" });
      return res.end(bytes);
    } catch {
      // Not a file: the page itself answers deep links.
    }
  }
  problem(res, 404, "Not Found", "run npm run build first");
}

async function route(req, res) {
  const url = new URL(req.url, "http://mock");
  const path = url.pathname;
  if (path === "/webmail") return res.writeHead(307, { Location: "/webmail/" }).end();
  if (path === "/dev/expire") return sessions.clear(), json(res, 200, {});
  if (path === "/dev/fail") return (failNext = Number(url.searchParams.get("times") ?? 1)), json(res, 200, {});
  if (!path.startsWith("/webmail/")) return res.writeHead(307, { Location: "/webmail/" }).end();
  if (req.method === "POST" && req.headers["x-requested-with"] !== "genkan") return problem(res, 403, "Forbidden", "X-Requested-With is missing");
  if (path === "/webmail/auth/login") return login(req, res);
  if (!/^\/webmail\/(auth|jmap|body)\//.test(path)) return file(res, decodeURIComponent(path));
  if (path === "/webmail/auth/logout") return sessions.delete(cookie(req)), res.writeHead(204, { "Set-Cookie": "genkan_session=; Max-Age=0; Path=/" }).end();
  if (!sessions.has(cookie(req))) return problem(res, 401, "Unauthorized");
  if (path === "/webmail/auth/me") return json(res, 200, me());
  if (path === "/webmail/jmap/session") return json(res, 200, sessionObject(req.headers.host));
  if (path === "/webmail/jmap/events") return events(req, res);
  if (path.startsWith("/webmail/body/")) return htmlBody(res, decodeURIComponent(path.slice(14)), url.searchParams.get("images") === "1");
  if (path.startsWith("/webmail/jmap/download/")) return download(res, url, path.split("/")[5]);
  if (path.startsWith("/webmail/jmap/upload/")) {
    const bytes = await bodyOf(req);
    return json(res, 201, { accountId: store.accountId, blobId: store.putBlob(bytes), type: req.headers["content-type"], size: bytes.length });
  }
  if (path === "/webmail/jmap/api") {
    const request = JSON.parse((await bodyOf(req)).toString());
    if (failNext > 0) return failNext--, res.destroy();
    return json(res, 200, handle(store, request, deliver));
  }
  problem(res, 404, "Not Found");
}

const server = createServer((req, res) => {
  route(req, res).catch((error) => {
    console.error(error);
    if (!res.headersSent) problem(res, 500, "Internal Server Error", String(error));
  });
});
const smtp = await startSmtp(Number(options.smtp), deliver);
server.listen(Number(options.port), "127.0.0.1", () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/webmail/`, smtp: smtp.address().port, user: options.user, password: options.password }));
});
for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => process.exit(0));
