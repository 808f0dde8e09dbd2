// Writing mail: sending, answering, drafts, and what happens when the line or the session breaks in the middle.

import assert from "node:assert/strict";
import { eventually, login, openRow, row, sendMail, settings, unique } from "./tools.mjs";

async function write(page, { to = settings.user, subject, text }) {
  await page.keyboard.press("c");
  const composer = page.locator(".composer");
  await composer.locator("input[name=to]").fill(to);
  await composer.locator("input[name=subject]").fill(subject);
  await composer.locator("textarea").fill(text);
  return composer;
}

const button = (scope, name) => scope.getByRole("button", { name, exact: true });

async function sendsAMessageThatArrives({ open }) {
  const subject = unique("件名 of mine");
  const page = await open();
  await login(page);
  const composer = await write(page, { subject, text: "こんにちは。\n\n.a line that begins with a dot\nFrom the other side" });
  await composer.locator("input[type=file]").setInputFiles([{ name: "写真.png", mimeType: "image/png", buffer: Buffer.from("not really a picture") }]);
  await composer.locator(".outgoing li").waitFor();
  await eventually(async () => (await composer.locator("progress").count()) === 0, "the upload ends");
  await button(composer, "Send").click();
  await page.locator(".toast", { hasText: "Sent to" }).waitFor();
  await composer.waitFor({ state: "detached" });
  await row(page, subject).waitFor();
  await openRow(page, subject);
  const body = await page.locator(".message .textbody").last().textContent();
  assert.match(body, /こんにちは。/);
  assert.match(body, /\n\.a line that begins with a dot\nFrom the other side/);
  await page.locator(".tile", { hasText: "写真.png" }).first().waitFor();
  await page.locator(".folder", { hasText: "Sent" }).click();
  await row(page, subject).waitFor();
  await page.locator(".folder", { hasText: "Drafts" }).click();
  await page.locator(".listhead h1", { hasText: "Drafts" }).waitFor();
  await eventually(async () => (await row(page, subject).count()) === 0, "no draft stays behind");
}

async function answersInTheConversation({ open }) {
  const subject = unique("Question");
  await sendMail({ subject, from: `Ben Whitfield <${settings.user}>`, text: "Shall we?" });
  const page = await open();
  await login(page);
  await openRow(page, subject);
  await page.keyboard.press("r");
  const composer = page.locator(".composer");
  assert.equal(await composer.locator("input[name=subject]").inputValue(), `Re: ${subject}`);
  assert.match(await composer.locator("textarea").inputValue(), /^\n\nOn .* wrote:\n> Shall we\?\n$/);
  await composer.locator("textarea").press("Control+Home");
  await page.keyboard.type("We shall.");
  await page.keyboard.press("Control+Enter");
  await page.locator(".toast", { hasText: "Sent to" }).waitFor();
  await eventually(async () => (await page.locator(".message").count()) >= 2, "the conversation shows the answer");
  await page.locator(".message .textbody", { hasText: "We shall." }).first().waitFor();
  await page.locator(".quotebutton").first().waitFor();
  await eventually(async () => Number(await row(page, subject).locator(".count").textContent()) >= 2, "the list counts the conversation");
}

async function forwardsWithAttachments({ open }) {
  const subject = unique("Papers");
  await sendMail({ subject, attachments: [{ name: "paper.bin", type: "application/octet-stream", bytes: Buffer.from([0, 1, 2, 255]) }] });
  const page = await open();
  await login(page);
  await openRow(page, subject);
  await page.keyboard.press("f");
  const composer = page.locator(".composer");
  await composer.locator(".outgoing", { hasText: "paper.bin" }).waitFor();
  await composer.locator("input[name=to]").fill(settings.user);
  await button(composer, "Send").click();
  await page.locator(".toast", { hasText: "Sent to" }).waitFor();
  await page.keyboard.press("u");
  await openRow(page, `Fwd: ${subject}`);
  await page.locator(".tile", { hasText: "paper.bin" }).last().waitFor();
}

async function asksBeforeSendingByMistake({ open }) {
  const page = await open();
  await login(page);
  await page.keyboard.press("c");
  const composer = page.locator(".composer");
  await button(composer, "Send").click();
  await composer.locator(".problem", { hasText: "Add a recipient" }).waitFor();
  await composer.locator("input[name=to]").fill("not an address,");
  await button(composer, "Send").click();
  await composer.locator(".problem", { hasText: "is not a mail address" }).waitFor();
  await composer.locator(".chipremove").click();
  await composer.locator("input[name=to]").fill(settings.user);
  await composer.locator("input[name=subject]").fill(unique("Promise"));
  await composer.locator("textarea").fill("See the attached file.");
  await button(composer, "Send").click();
  await composer.locator(".problem", { hasText: "none is attached" }).waitFor();
  await button(composer, "Send anyway").click();
  await page.locator(".toast", { hasText: "Sent to" }).waitFor();
}

async function keepsDrafts({ open }) {
  const subject = unique("Draft");
  const page = await open();
  await login(page);
  const composer = await write(page, { subject, text: "First words" });
  await composer.locator(".savestate", { hasText: /Saved \d/ }).waitFor();
  await composer.locator("textarea").fill("First words, and more");
  await eventually(async () => !/Saved \d/.test(await composer.locator(".savestate").textContent()), "a change is not saved at once");
  await composer.locator(".savestate", { hasText: /Saved \d/ }).waitFor();
  const other = await open();
  await login(other);
  await other.locator(".folder", { hasText: "Drafts" }).click();
  await eventually(async () => (await row(other, subject).count()) === 1, "one draft, in another browser too");
  await eventually(async () => {
    await row(other, subject).locator("a.main").click({ timeout: 2000 });
    return (await other.locator(".composer textarea").inputValue({ timeout: 2000 })) === "First words, and more";
  }, "the draft goes on elsewhere");
  await button(other.locator(".composer"), "Discard draft").click();
  await row(other, subject).waitFor({ state: "detached" });
}

async function writesTwoMessagesAtOnce({ open }) {
  const [one, two] = [unique("One"), unique("Two")];
  const page = await open();
  await login(page);
  const composer = await write(page, { subject: one, text: "1" });
  await button(composer, "Minimise").click();
  await write(page, { subject: two, text: "2" });
  await page.locator(".waiting button", { hasText: one }).click();
  assert.equal(await page.locator(".composer textarea").inputValue(), "1");
  await page.locator(".waiting", { hasText: two }).waitFor();
  await button(page.locator(".composer"), "Save and close").click();
  await page.locator(".waiting button", { hasText: two }).click();
  await button(page.locator(".composer"), "Save and close").click();
  await page.locator(".composer").waitFor({ state: "detached" });
  await page.locator(".folder", { hasText: "Drafts" }).click();
  await row(page, one).waitFor();
  await row(page, two).waitFor();
}

async function keepsADraftWhenTheSessionEnds({ open }) {
  const subject = unique("Interrupted");
  const page = await open();
  await login(page);
  const composer = await write(page, { subject, text: "Before" });
  await composer.locator(".savestate", { hasText: /Saved \d/ }).waitFor();
  await composer.locator("textarea").fill("Before and after");
  // Another tab of the same browser logs out, before or after these words were saved.
  const answer = await page.request.post(new URL("auth/logout", settings.url).href, { data: {}, headers: { "X-Requested-With": "genkan", "Content-Type": "application/json" } });
  assert.equal(answer.status(), 204);
  await page.getByRole("dialog", { name: "Your session has ended" }).waitFor();
  await page.locator("#password").fill(settings.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("dialog", { name: "Your session has ended" }).waitFor({ state: "detached" });
  assert.equal(await composer.locator("textarea").inputValue(), "Before and after");
  await composer.locator(".savestate", { hasText: /Saved \d/ }).waitFor();
  await button(composer, "Send").click();
  await page.locator(".toast", { hasText: "Sent to" }).waitFor();
  await row(page, subject).waitFor();
}

async function keepsADraftWhenTheLineBreaks({ open }) {
  const subject = unique("Offline");
  const page = await open();
  await login(page);
  const composer = await write(page, { subject, text: "Saved" });
  await composer.locator(".savestate", { hasText: /Saved \d/ }).waitFor();
  await page.context().setOffline(true);
  await composer.locator("textarea").fill("Saved, then typed without a line");
  await composer.locator(".savestate", { hasText: "Kept in this browser" }).waitFor();
  await button(composer, "Send").click();
  await composer.locator(".problem", { hasText: "Not sent" }).waitFor();
  await page.context().setOffline(false);
  await button(composer, "Send").click();
  await page.locator(".toast", { hasText: "Sent to" }).waitFor();
  await openRow(page, subject);
  assert.match(await page.locator(".textbody").last().textContent(), /typed without a line/);
}

async function sendsOnceWhenTheAnswerIsLost({ open }) {
  const subject = unique("Once");
  const page = await open();
  await login(page);
  const composer = await write(page, { subject, text: "exactly one copy" });
  await composer.locator(".savestate", { hasText: /Saved \d/ }).waitFor();
  let lost = 0;
  await page.route("**/jmap/api", async (route) => {
    if (lost > 0 || !route.request().postData().includes("EmailSubmission/set")) return route.continue();
    lost++;
    await route.fetch();
    await route.abort("connectionreset");
  });
  await button(composer, "Send").click();
  await composer.locator(".problem", { hasText: "Not sent" }).waitFor();
  assert.equal(lost, 1);
  await button(composer, "Send").click();
  await page.locator(".toast", { hasText: "Sent to" }).waitFor();
  await row(page, subject).waitFor();
  await page.locator("#search").fill(`subject:"${subject}"`);
  await page.locator(".tally", { hasText: /^\d+ found/ }).waitFor();
  const places = await page.locator(".row .place").allTextContents();
  assert.deepEqual(places.sort(), ["Inbox", "Sent"], "one copy in Sent, and it came once");
}

async function tellsWhyItWasNotSent({ open }) {
  const page = await open();
  await login(page);
  const composer = await write(page, { to: "someone@refused.example", subject: unique("Refused"), text: "x" });
  await page.route("**/jmap/api", async (route) => {
    const data = route.request().postData();
    if (!data.includes("EmailSubmission/set")) return route.continue();
    await route.fulfill({ json: { methodResponses: [["EmailSubmission/set", { notCreated: { s: { type: "invalidRecipients", description: "550 no such user here" } } }, "0"]], sessionState: "1" } });
  });
  await button(composer, "Send").click();
  await composer.locator(".problem", { hasText: "550 no such user here" }).waitFor();
  assert.equal(await composer.locator("textarea").inputValue(), "x", "what was written is still there");
}

export const writing = {
  sendsAMessageThatArrives, answersInTheConversation, forwardsWithAttachments, asksBeforeSendingByMistake, keepsDrafts, writesTwoMessagesAtOnce,
  keepsADraftWhenTheSessionEnds, keepsADraftWhenTheLineBreaks, sendsOnceWhenTheAnswerIsLost, tellsWhyItWasNotSent,
};
