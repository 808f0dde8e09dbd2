import assert from "node:assert/strict";
import { test } from "node:test";
import { depthOf, forwardSubject, linkify, plainBody, quote, replySubject, splitQuoted } from "../src/mail/text";
import { email } from "./helpers";

test("Re: does not pile up, in whatever form others wrote it", () => {
  assert.equal(replySubject("Re: RE: Aw: Hello"), "Re: Hello");
  assert.equal(replySubject("返信: 会議"), "Re: 会議");
  assert.equal(replySubject("Re[2]: x"), "Re: x");
  assert.equal(replySubject(null), "Re: ");
  assert.equal(replySubject("Regarding: x"), "Re: Regarding: x");
  assert.equal(forwardSubject("Fwd: FW: a"), "Fwd: a");
});

test("a quotation of a quotation grows by one sign", () => {
  assert.equal(quote("a\n\n> b\nc\n\n"), "> a\n>\n>> b\n> c");
  assert.equal(depthOf(">> x"), 2);
  assert.equal(depthOf("> > x"), 2);
  assert.equal(depthOf("x > y"), 0);
});

test("the quotation at the end is told apart from what is new", () => {
  assert.deepEqual(splitQuoted("Yes.\n\nOn Monday, Ben wrote:\n> Lunch?\n> Ben\n"), { fresh: "Yes.", quoted: "On Monday, Ben wrote:\n> Lunch?\n> Ben" });
  assert.deepEqual(splitQuoted("はい。\n\n佐藤 さんのメール:\n> どうですか\n"), { fresh: "はい。", quoted: "佐藤 さんのメール:\n> どうですか" });
  assert.equal(splitQuoted("> only a quotation\n> and no more").quoted, "");
  assert.equal(splitQuoted("> question\n\nanswer").quoted, "");
  assert.equal(splitQuoted("plain").quoted, "");
  const forwarded = "See below.\n\n-- Original Message --\nFrom: x\n\nold text\n> older";
  assert.equal(splitQuoted(forwarded).fresh, "See below.");
});

test("links end where the sentence goes on", () => {
  const hrefs = (text: string) => linkify(text).filter((p) => p.href).map((p) => p.href);
  assert.deepEqual(hrefs("See https://a.example/x_(y), (https://b.example/z). Also https://c.example/?q=1!"), ["https://a.example/x_(y)", "https://b.example/z", "https://c.example/?q=1"]);
  assert.deepEqual(hrefs("詳細は https://d.example/会議 、または help@e.example まで"), ["https://d.example/会議", "mailto:help@e.example"]);
  assert.deepEqual(hrefs("javascript:alert(1) data:text/html,x file:///etc"), []);
  const text = "a https://a.example b";
  assert.equal(linkify(text).map((p) => p.text).join(""), text);
});

test("links are found in linear time", () => {
  const started = performance.now();
  linkify("a.".repeat(20_000) + "@" + "-".repeat(20_000));
  linkify("https://a.example/" + ")".repeat(20_000));
  assert.ok(performance.now() - started < 3000);
});

test("the text of a message comes from its text parts, else from its HTML", () => {
  const part = (partId: string, type: string) => ({ partId, type, blobId: null, size: 1, name: null, charset: null, disposition: null, cid: null });
  const mixed = email({ textBody: [part("1", "text/plain"), part("2", "text/html")], bodyValues: { 1: { value: "a\r\nb" }, 2: { value: "<b>c</b>" } } });
  assert.equal(plainBody(mixed, (html) => `[${html}]`), "a\nb\n\n[<b>c</b>]");
});
