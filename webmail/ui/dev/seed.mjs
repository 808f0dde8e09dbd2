// Mail to look at while developing: conversations, Japanese, HTML, attachments, hostile HTML, and many rows.

import { Buffer } from "node:buffer";
import { deflateSync } from "node:zlib";
import { buildMail } from "./mime.mjs";

const hour = 3600_000;

/** CRC-32 of PNG (ISO 3309); zlib.crc32 is not in Node 18. */
function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** A small PNG of one colour, made here so that no binary lies in the tree. */
export function png(width, height, [r, g, b]) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.from([0]), ...Array(width).fill(Buffer.from([r, g, b]))]);
  const pixels = Buffer.concat(Array.from({ length: height }, (_, y) => Buffer.from(row.map((v, i) => (i === 0 ? 0 : Math.max(0, v - y))))));
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), chunk("IHDR", head), chunk("IDAT", deflateSync(pixels)), chunk("IEND", Buffer.alloc(0))]);
}

const newsletter = `<html><body style="margin:0;background:#f2efe8;font-family:Georgia,serif"><table width="100%" cellpadding="0"><tr><td align="center">
<table width="560" style="background:#fff;margin:24px;border-radius:6px"><tr><td style="padding:32px">
<img src="https://tracker.example.net/open.gif?u=42" width="1" height="1"><h1 style="font-weight:normal;color:#2d5a3d">Autumn in the workshop</h1>
<p style="line-height:1.6">The new looms are running. This month we weave the first scarves from wool that was dyed with walnut shells from our own trees.</p>
<p><img src="https://images.example.net/loom.jpg" width="496" height="220" alt="A loom in the morning light"></p>
<p style="line-height:1.6">Visitors are welcome every Saturday from ten to four.</p>
<p><a href="https://example.net/visit" style="background:#2d5a3d;color:#fff;padding:11px 22px;text-decoration:none;border-radius:4px">Plan a visit</a></p>
</td></tr></table></td></tr></table></body></html>`;

export function seed(store, many = 400) {
  const me = { name: store.user.name, email: store.user.email };
  const inbox = store.role("inbox");
  const now = Date.now();
  const projects = store.addMailbox("Projects");
  store.addMailbox("玄関 リリース", projects);
  store.addMailbox("Receipts");
  let serial = 0;
  const put = (ago, create, keywords = {}, box = inbox) => {
    const messageId = create.messageId ?? [`seed-${serial++}@example.net`];
    const full = { to: [me], textBody: create.html ? [] : [{ partId: "t", type: "text/plain" }], htmlBody: create.html ? [{ partId: "h", type: "text/html" }] : [],
      bodyValues: { t: { value: create.text ?? "" }, h: { value: create.html ?? "" } }, sentAt: new Date(now - ago).toISOString(), ...create, messageId };
    return store.addMail(buildMail(full, (id) => store.blobs.get(id), messageId[0]), { [box]: true }, keywords, new Date(now - ago));
  };
  const seen = { $seen: true };
  const aiko = { name: "佐藤 愛子", email: "aiko.sato@example.jp" };
  const ben = { name: "Ben Whitfield", email: "ben@example.net" };
  const carla = { name: "Carla Núñez", email: "carla.nunez@example.org" };
  const words = ["release", "budget", "garden", "server", "meeting", "invoice", "photos", "travel", "library", "dinner"];
  const people = [ben, carla, aiko, { name: "Dmitri Volkov", email: "dv@example.com" }, { name: "Emma Lindqvist", email: "emma@example.se" }, { name: "山田 太郎", email: "taro@example.jp" }, { name: null, email: "noreply@shop.example" }];
  for (let i = many; i > 0; i--) {
    const word = words[i % words.length];
    put(26 * hour + i * 5 * hour, { from: [people[i % people.length]], subject: i % 6 === 2 ? `打ち合わせの日程について (${i})` : `About the ${word}, part ${i}`,
      text: i % 6 === 2 ? "お世話になっております。\n次回の打ち合わせですが、来週の火曜日はいかがでしょうか。\n\n山田" : `Hello,\n\nhere is what I know about the ${word} so far. More follows when I have it.\n\nBest wishes` },
      i % 9 === 0 ? {} : i % 31 === 0 ? { $seen: true, $flagged: true } : seen);
  }
  put(25 * hour, { from: [{ name: "Woodland Weavers", email: "news@weavers.example" }], subject: "Autumn in the workshop", html: newsletter }, seen);
  put(21 * hour, { from: [{ name: "Hostile", email: "x@evil.example" }], subject: "HTML that tries things",
    html: `<p id="p">Nothing here may run.</p><script>parent.document.title="pwned"</script><img src="https://evil.example/a.png" onerror="parent.pwned=1"><svg onload="parent.pwned=1"></svg><iframe src="javascript:parent.pwned=1"></iframe><a href="javascript:parent.pwned=1">link</a><div style="background:url(https://evil.example/b.png)">styled</div><link rel="stylesheet" href="https://evil.example/c.css"><video poster="https://evil.example/d.png"></video>` });
  const blob = (bytes, name, type) => ({ blobId: store.putBlob(bytes), name, type, disposition: "attachment" });
  put(9 * hour, { from: [carla], subject: "Photos from Saturday", text: "Three of them came out well. The full set is on the shared drive: https://photos.example.org/album/2026-autumn\n\nCarla",
    attachments: [blob(png(96, 96, [220, 150, 90]), "harvest.png", "image/png"), blob(png(96, 96, [90, 140, 200]), "湖の夕方.png", "image/png"), blob(Buffer.alloc(248_000, 32), "Programme 2026.pdf", "application/pdf")] }, { $seen: true, $flagged: true });
  const first = put(7 * hour, { from: [ben], to: [me], cc: [carla], subject: "Moving the site to the new front", text: "Hi,\n\nthe new front has been running beside the old one for a week now. Numbers look good: p99 went from 48 ms to 19 ms, and nobody noticed the switch of the address on Tuesday.\n\nCan we move the rest on Thursday?\n\nBen" }, seen);
  const second = put(5 * hour, { from: [me], to: [ben], cc: [carla], subject: "Re: Moving the site to the new front", inReplyTo: first.messageId, references: first.messageId, text: "Thursday works for me.\n\nOn Thu, Ben Whitfield wrote:\n> Hi,\n>\n> Can we move the rest on Thursday?\n>\n> Ben\n" }, seen, store.role("sent"));
  put(0.4 * hour, { from: [carla], to: [ben, me], subject: "Re: Moving the site to the new front", inReplyTo: second.messageId, references: [...first.messageId, ...second.messageId],
    text: "Thursday is good. Two things before that:\n\n  1. The certificate for the shop ends on the 30th.\n  2. Mail for example.org should go through the new relay first; see https://wiki.example.org/mail-move (step 4).\n\nI can do both tomorrow morning.\n\nCarla\n\nOn Thu, I wrote:\n> Thursday works for me.\n>\n>> Can we move the rest on Thursday?\n" });
  put(2 * hour, { from: [aiko], subject: "来週の展示会の資料について", text: "お疲れさまです、佐藤です。\n\n来週の展示会で配布する資料の最終版をお送りします。\n表紙の色を少し明るくし、3ページの図を差し替えました。\n\nお手数ですが、明日の正午までにご確認いただけますでしょうか。\n\nよろしくお願いいたします。\n佐藤 愛子",
    attachments: [blob(Buffer.alloc(1_300_000, 32), "展示会資料_最終版.pdf", "application/pdf")] });
  put(0.1 * hour, { from: [{ name: "Emma Lindqvist", email: "emma@example.se" }], subject: "Lunch?", text: "Are you in town on Friday? The place by the river has opened again.\n\n/E" });
  put(3 * hour, { from: [me], to: [aiko], subject: "展示会の件", text: "佐藤さん\n\n資料をありがとうございます。" }, { $seen: true, $draft: true }, store.role("drafts"));
  put(48 * hour, { from: [{ name: "Prize Office", email: "win@spam.example" }], subject: "You have won", text: "Really." }, {}, store.role("junk"));
}
