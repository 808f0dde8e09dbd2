// The JMAP client against the development server: real HTTP, real cookies.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { after, before, test } from "node:test";
import { Jmap, MethodError, auth, checkSet, expand, local, RefusedError } from "../src/api/jmap";
import { ApiError } from "../src/api/http";
import type { SetResult } from "../src/api/types";

let server: ChildProcess;
let base = "";
let cookie = "";
const realFetch = globalThis.fetch;

before(async () => {
  server = spawn(process.execPath, ["dev/server.mjs", "--port", "0", "--smtp", "0", "--mails", "60"], { stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise<string>((resolve) => server.stdout!.once("data", (data: Buffer) => resolve(data.toString())));
  base = new URL("/", (JSON.parse(line) as { url: string }).url).href.replace(/\/$/, "");
  // What a browser does by itself: one origin, and cookies.
  globalThis.fetch = async (input, init) => {
    const response = await realFetch(base + String(input), { ...init, headers: { ...(init?.headers as Record<string, string>), Cookie: cookie } });
    cookie = response.headers.get("Set-Cookie")?.split(";")[0] ?? cookie;
    return response;
  };
});
after(() => {
  globalThis.fetch = realFetch;
  server.kill();
});

test("a wrong password is refused as such", async () => {
  await assert.rejects(auth.login("alice@example.org", "wrong"), (e) => e instanceof ApiError && e.kind === "session" && e.status === 401);
  await assert.rejects(Jmap.open(), (e) => e instanceof ApiError && e.kind === "session");
});

test("one request lists a page of conversations with their members", async () => {
  await auth.login("alice", "genkan");
  const jmap = await Jmap.open();
  const results = await jmap.run([
    ["Email/query", { filter: {}, collapseThreads: true, limit: 5, calculateTotal: true }, "q"],
    ["Email/get", { "#ids": { resultOf: "q", name: "Email/query", path: "/ids" }, properties: ["threadId"] }, "h"],
    ["Thread/get", { "#ids": { resultOf: "h", name: "Email/get", path: "/list/*/threadId" } }, "t"],
  ]);
  const query = results.get("q") as unknown as { ids: string[]; total: number };
  assert.equal(query.ids.length, 5);
  assert.ok(query.total > 60);
  assert.equal((results.get("t") as unknown as { list: unknown[] }).list.length, 5);
});

test("method errors and refused objects are exceptions", async () => {
  const jmap = await Jmap.open();
  await assert.rejects(jmap.call("No/such", {}), (e) => e instanceof MethodError && e.type === "unknownMethod");
  assert.equal((await jmap.run([["No/such", {}, "x"]], { soft: ["x"] })).size, 0);
  const result = await jmap.call<SetResult>("Email/set", { update: { nope: { "keywords/$seen": true } } });
  assert.throws(() => checkSet(result), (e) => e instanceof RefusedError && e.error.type === "notFound");
});

test("a request that gets no answer says that nothing was reached", async () => {
  const jmap = await Jmap.open();
  await realFetch(`${base}/dev/fail?times=1`);
  await assert.rejects(jmap.call("Mailbox/get", { ids: null }), (e) => e instanceof ApiError && e.kind === "offline");
  assert.ok(await jmap.call("Mailbox/get", { ids: null }));
});

test("templates are filled and hosts are left to the browser", () => {
  assert.equal(expand("/d/{a}/{b}?t={c}", { a: "x/y", b: "日", c: "image/png" }), "/d/x%2Fy/%E6%97%A5?t=image%2Fpng");
  assert.equal(local("https://h.example:8443/webmail/x?{t}"), "/webmail/x?{t}");
});
