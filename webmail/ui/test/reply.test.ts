import assert from "node:assert/strict";
import { test } from "node:test";
import { referencesFor, startForward, startMailto, startReply } from "../src/mail/reply";
import { email } from "./helpers";

const me = [{ id: "1", name: "Alice", email: "alice@example.org" }];
const carla = { name: "Carla", email: "carla@example.org" };

test("a reply goes to the sender, or where the sender wants it", () => {
  assert.deepEqual(startReply(email(), false, me, "i:", "t").to.map((a) => a.email), ["ben@example.net"]);
  assert.deepEqual(startReply(email({ replyTo: [carla] }), false, me, "i:", "t").to, [carla]);
});

test("a reply to everyone leaves us out and names nobody twice", () => {
  const parent = email({ to: [{ name: "A", email: "ALICE@example.org" }, carla], cc: [carla, { name: null, email: "ben@example.net" }, { name: null, email: "d@example.org" }] });
  const start = startReply(parent, true, me, "i:", "t");
  assert.deepEqual(start.to.map((a) => a.email), ["ben@example.net"]);
  assert.deepEqual(start.cc.map((a) => a.email), ["carla@example.org", "d@example.org"]);
});

test("a reply to our own message goes to whom it went", () => {
  const parent = email({ from: [{ name: "Alice", email: "alice@example.org" }], to: [carla] });
  assert.deepEqual(startReply(parent, false, me, "i:", "t").to, [carla]);
});

test("references hold the conversation together and stay short", () => {
  assert.deepEqual(referencesFor(email({ references: ["a", "b"] })), ["a", "b", "m1@example.net"]);
  assert.deepEqual(referencesFor(email({ inReplyTo: ["a"] })), ["a", "m1@example.net"]);
  const long = referencesFor(email({ references: Array.from({ length: 500 }, (_, i) => `r${i}`) }));
  assert.equal(long.length, 40);
  assert.equal(long[0], "r0");
  assert.equal(long[39], "m1@example.net");
});

test("a forwarded message brings its attachments and its head", () => {
  const part = { partId: "2", blobId: "b9", size: 5, name: "a.pdf", type: "application/pdf", charset: null, disposition: "attachment", cid: null };
  const words = { title: "Forwarded", from: "From", date: "Date", subject: "Subject", to: "To", cc: "Cc" };
  const start = startForward(email({ attachments: [part] }), words, "today", "text");
  assert.equal(start.parts[0]?.blobId, "b9");
  assert.match(start.body, /From: Ben <ben@example\.net>\nDate: today\nSubject: Hello\nTo: Alice <alice@example\.org>\n\ntext$/);
  assert.equal(start.subject, "Fwd: Hello");
});

test("a mailto link fills the fields and nothing else", () => {
  const start = startMailto("mailto:a@x.example,b@y.example?subject=Hi%20there&body=one%0Atwo&cc=c@z.example&attach=/etc/passwd&bcc=%zz");
  assert.deepEqual(start.to.map((a) => a.email), ["a@x.example", "b@y.example"]);
  assert.equal(start.subject, "Hi there");
  assert.equal(start.body, "one\ntwo");
  assert.equal(start.cc[0]?.email, "c@z.example");
  assert.deepEqual(start.parts, []);
});
