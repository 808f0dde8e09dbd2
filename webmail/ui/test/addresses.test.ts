import assert from "node:assert/strict";
import { test } from "node:test";
import { formatList, formatOne, hue, initials, isPlausible, parseList, splitList, without } from "../src/mail/addresses";

test("a list is split at commas outside quotes, brackets and comments", () => {
  assert.deepEqual(splitList('"Doe, Jane" <jane@a.example>, bob@b.example; c@c.example'), ['"Doe, Jane" <jane@a.example>', "bob@b.example", "c@c.example"]);
  assert.deepEqual(splitList("佐藤 <a@b.example>、c@d.example"), ["佐藤 <a@b.example>", "c@d.example"]);
  assert.deepEqual(splitList(" , ;"), []);
});

test("names and addresses survive formatting and parsing", () => {
  for (const address of [{ name: "Doe, Jane", email: "j@a.example" }, { name: 'A "B" C\\', email: "x@y.example" }, { name: null, email: "p@q.example" }, { name: "佐藤 愛子", email: "s@t.example" }]) {
    assert.deepEqual(parseList(formatOne(address)), [address]);
  }
  assert.equal(formatList(null), "");
});

test("slips of the keyboard are noticed", () => {
  for (const good of ["a@b", "first.last+tag@sub.example.org", "用户@例子.example", '"a b"@c.example']) assert.ok(isPlausible(good), good);
  for (const bad of ["", "a", "a@", "@b", "a b@c", "a@b@c", "<a@b>", "a@" + "b".repeat(300)]) assert.ok(!isPlausible(bad), bad);
});

test("our own addresses and doubles are dropped whatever their case", () => {
  const me = [{ id: "1", name: "Me", email: "Me@Example.org" }];
  const list = [{ name: null, email: "me@example.ORG" }, { name: "A", email: "a@x.example" }, { name: null, email: "A@x.example" }, { name: "B", email: "b@x.example" }];
  assert.deepEqual(without(list, me, [{ name: null, email: "B@X.example" }]).map((a) => a.email), ["a@x.example"]);
});

test("a picture without a photo shows initials", () => {
  assert.equal(initials({ name: "Carla Núñez", email: "" }), "CN");
  assert.equal(initials({ name: "佐藤 愛子", email: "" }), "佐");
  assert.equal(initials({ name: null, email: "noreply@shop.example" }), "N");
  assert.equal(initials(null), "?");
  assert.equal(hue("A@b.example "), hue("a@b.example"));
});
