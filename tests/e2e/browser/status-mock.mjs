// A stand-in for the admin room, to look at the page without Genkan: made-up figures that move, real shapes.
//   node tests/e2e/browser/status-mock.mjs [--port 9071] [--token SECRET] [--trouble]
// POST /dev/silence?seconds=N stops the stream for a while, so that reconnecting can be seen.

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({ options: { port: { type: "string", default: "9071" }, token: { type: "string", default: "" }, trouble: { type: "boolean", default: false } } });
const csrf = randomBytes(16).toString("hex");
const started = Date.now() - 3 * 86400_000 - 4.2 * 3600_000;
const ordered = new Map();
const streams = new Set();
let silentUntil = 0;

const wave = (base, spread, period, phase = 0) => base + spread * Math.sin((Date.now() / 1000 / period + phase) * 2 * Math.PI) + (Math.random() - 0.5) * spread * 0.4;

function backend(pool, name, address, index, down) {
  const state = ordered.get(`${pool}/${name}`) ?? (down ? "down" : "up");
  const rps = state === "up" ? Math.max(0, wave(420 - index * 60, 90, 37, index / 3)) : 0;
  return {
    name, address, node: name, endpoint: address, state, reason: state === "down" ? "check failed: connection refused" : state === "up" ? "checks succeed" : "ordered by an operator",
    since_seconds: state === "up" ? 187_200 : 142, weight: 1, inflight: state === "up" ? Math.round(wave(6, 3, 11, index)) : 0, max_connections: 512,
    requests_per_second: rps, p50_ms: Math.max(1, wave(3.2, 0.8, 23, index)), p99_ms: Math.max(5, wave(24 + index * 9, 8, 29, index)), ewma_ms: 4.1,
    requests: 12_345_678, ok: 12_345_000, server_errors: down ? 3 : 0, connect_failed: down ? 41 : 0, broken: 0,
    load: { age_seconds: 0.4, fresh: true, load: Math.max(0, wave(0.8 + index * 0.3, 0.3, 60, index)), predicted: 0.9, cpu_idle: Math.min(1, Math.max(0, wave(0.6 - index * 0.1, 0.1, 60, index))) },
  };
}

function status() {
  const bad = options.trouble;
  const pools = [
    { name: "web", scheduler: "chain", chain: "byAge → byLoad", usable: bad ? 2 : 3, backends: [backend("web", "web1", "10.0.0.11:8080", 0), backend("web", "web2", "10.0.0.12:8080", 1, bad), backend("web", "web3", "10.0.0.13:8080", 2)] },
    { name: "mail-relays", scheduler: "least_connections", chain: "", usable: 1, backends: [backend("mail-relays", "mx1", "10.0.1.5:25", 3)] },
  ];
  const node = (name, self, i) => ({ name, self, from: self ? "" : `10.0.0.${i + 2}:9090`, contact: "ops@example.org", age_seconds: self ? 0 : 0.6, live: !(bad && i === 2), records: 1000, draining: false, version: "0.1.0", load: Math.max(0, wave(0.7 + i * 0.4, 0.3, 41, i)), load_hwm: 4, cpu_idle: Math.max(0, wave(0.7 - i * 0.2, 0.1, 41, i)), ncpu: 4, speed: 100, memory_total: 8e9, memory_available: wave(5e9 - i * 1.4e9, 2e8, 50), connections: 120, inflight: Math.round(wave(14, 5, 13, i)), served: 1e7, service_ms: 4, queue: 0 });
  return {
    version: "0.1.0", node: "front1", uptime_seconds: (Date.now() - started) / 1000, ready: true, ready_why: "",
    workers: [0, 1].map((id) => ({ id, connections: Math.round(wave(310, 40, 31, id / 2)), requests_per_second: Math.max(0, wave(540, 120, 37, id / 2)), loop_lag_ms: Math.max(0.05, wave(0.3, 0.2, 7, id)) })),
    sections: {
      pools, nodes: [node("front1", true, 0), node("web1", false, 1), node("web2", false, 2)],
      queue: bad ? { depth: 14, oldest_seconds: 5400, by_state: { active: 2, deferred: 12 }, by_destination: [{ destination: "example.com", count: 12, oldest_seconds: 5400, why: "451 greylisted, try again" }, { destination: "example.net", count: 2, oldest_seconds: 8 }] } : { depth: 0, oldest_seconds: null, by_state: { active: 0, deferred: 0 }, by_destination: [] },
      cache: { bytes: 182_400_000, limit: 268_435_456, objects: 8421, stored: 99_000, evicted: 1204, purged: 31, hit: 1_240_000 + Math.floor((Date.now() - started) / 9), stale: 1200, revalidated: 22_000, miss: 93_000, bypass: 54_000, collapsed: 77 },
      vip: { guardian: { pid: 4711, alive: true, realtime: true, memory_locked: true }, service_level: 100, routers: [{ name: "front", address: "192.0.2.10", interface: "eth0", vrid: 51, state: "active", usable: true, priority: 150, configured_priority: 150, last_active_peer: { address: "10.0.0.3", priority: 100, interval_ms: 100 }, transition_count: 3, transitions: [{ at: "2026-11-20T12:00:03Z", from: "backup", to: "active", reason: "peer_silent" }, { at: "2026-11-20T11:58:40Z", from: "active", to: "backup", reason: "higher_priority" }] }] },
    },
  };
}

const cookie = randomBytes(16).toString("hex");
const allowed = (req) => !options.token || (req.headers.cookie ?? "").includes(`genkan_admin=${cookie}`);
function json(res, code, body) {
  res.writeHead(code, { "Content-Type": code >= 400 ? "application/problem+json" : "application/json", "Cache-Control": "no-store" }).end(JSON.stringify(body));
}
async function login(req, res) {
  let body = "";
  for await (const chunk of req) body += chunk;
  if (JSON.parse(body).token !== options.token) return json(res, 401, { error: "that is not the token" });
  res.setHeader("Set-Cookie", `genkan_admin=${cookie}; HttpOnly; SameSite=Strict; Path=/`);
  json(res, 200, { ok: true });
}
async function order(req, res, action) {
  if (req.headers["x-genkan-csrf"] !== csrf) return json(res, 403, { title: "Forbidden", detail: "the CSRF token is missing" });
  let body = "";
  for await (const chunk of req) body += chunk;
  const { pool, backend } = JSON.parse(body);
  if (action === "undrain") ordered.delete(`${pool}/${backend}`);
  else ordered.set(`${pool}/${backend}`, "draining");
  json(res, 200, { pool, backend, state: action === "drain" ? "draining" : "up" });
}
async function route(req, res) {
  const url = new URL(req.url, "http://mock");
  if (url.pathname === "/") {
    const nonce = randomBytes(12).toString("base64");
    const page = (await readFile(new URL("../../../admin/page/index.html", import.meta.url), "utf8")).replaceAll("{{nonce}}", nonce).replace('content="{{csrf}}"', `content="${csrf}"`);
    res.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'` });
    return res.end(page);
  }
  if (url.pathname === "/dev/silence") {
    silentUntil = Date.now() + 1000 * Number(url.searchParams.get("seconds") ?? 5);
    for (const stream of streams) stream.destroy();
    return json(res, 200, {});
  }
  if (Date.now() < silentUntil) return res.destroy();
  if (url.pathname === "/api/v1/login" && req.method === "POST") return login(req, res);
  if (!allowed(req)) return json(res, 401, { title: "Unauthorized", detail: "token needed" });
  if (url.pathname === "/api/v1/status") return json(res, 200, status());
  const action = /^\/api\/v1\/actions\/(drain|undrain)$/.exec(url.pathname);
  if (action && req.method === "POST") return order(req, res, action[1]);
  if (url.pathname !== "/api/v1/events") return json(res, 404, { title: "Not Found" });
  res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  streams.add(res);
  const tick = () => res.write(`event: status\ndata: ${JSON.stringify(status())}\n\n`);
  const timer = setInterval(tick, 1000);
  tick();
  res.on("close", () => {
    clearInterval(timer);
    streams.delete(res);
  });
}
const server = createServer((req, res) => route(req, res).catch((error) => json(res, 500, { detail: String(error) })));
server.listen(Number(options.port), "127.0.0.1", () => console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/` })));
