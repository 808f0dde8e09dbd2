// The JMAP subset of docs/webmail-api.md over the mock's store (RFC 8620, RFC 8621).

import { randomBytes } from "node:crypto";
import { buildMail, plainOf } from "./mime.mjs";

class MethodError extends Error {
  constructor(type, description = "") {
    super(description);
    this.type = type;
  }
}

const pick = (object, keys) => (keys ? Object.fromEntries(["id", ...keys].map((k) => [k, object[k] ?? null])) : object);

function getList(args, all, state) {
  const ids = args.ids ?? [...all.keys()];
  const list = [];
  const notFound = [];
  for (const id of new Set(ids)) (all.has(id) ? list.push(all.get(id)) : notFound.push(id));
  return { accountId: args.accountId, state, list, notFound };
}

function matches(email, filter, store) {
  if (!filter) return true;
  if (filter.operator) {
    const results = filter.conditions.map((c) => matches(email, c, store));
    return filter.operator === "AND" ? results.every(Boolean) : filter.operator === "OR" ? results.some(Boolean) : !results.some(Boolean);
  }
  const has = (text, needle) => (text ?? "").toLowerCase().includes(needle.toLowerCase());
  const people = (list) => (list ?? []).map((a) => `${a.name ?? ""} ${a.email}`).join(" ");
  return Object.entries(filter).every(([key, value]) => {
    switch (key) {
      case "inMailbox": return Boolean(email.mailboxIds[value]);
      case "inMailboxOtherThan": return Object.keys(email.mailboxIds).some((m) => !value.includes(m));
      case "hasKeyword": return Boolean(email.keywords[value]);
      case "notKeyword": return !email.keywords[value];
      case "hasAttachment": return email.hasAttachment === value;
      case "before": return email.receivedAt < value;
      case "after": return email.receivedAt >= value;
      case "from": case "to": case "cc": return has(people(email[key]), value);
      case "subject": return has(email.subject, value);
      case "body": return has(plainOf(email), value);
      case "text": return has([people(email.from), people(email.to), people(email.cc), email.subject, email.preview].join(" "), value);
      default: throw new MethodError("unsupportedFilter", key);
    }
  });
}

function query(store, args) {
  const property = args.sort?.[0]?.property ?? "receivedAt";
  const sign = args.sort?.[0]?.isAscending === false || !args.sort ? -1 : 1;
  let list = [...store.emails.values()].filter((e) => matches(e, args.filter, store));
  list.sort((a, b) => sign * String(a[property] ?? "").localeCompare(String(b[property] ?? "")) || a.id.localeCompare(b.id));
  if (args.collapseThreads) {
    const seen = new Set();
    list = list.filter((e) => !seen.has(e.threadId) && seen.add(e.threadId));
  }
  const position = Math.max(0, args.position ?? 0);
  return {
    accountId: args.accountId, queryState: String(store.state), canCalculateChanges: false, position,
    ids: list.slice(position, position + (args.limit ?? 256)).map((e) => e.id), ...(args.calculateTotal ? { total: list.length } : {}),
  };
}

function emailGet(store, args) {
  const answer = getList(args, store.emails, String(store.state));
  if ((args.ids?.length ?? 0) > 1000) throw new MethodError("requestTooLarge");
  answer.list = answer.list.map((email) => {
    const out = pick(email, args.properties);
    const wanted = new Set();
    if (args.fetchTextBodyValues || args.fetchAllBodyValues) email.textBody.forEach((p) => wanted.add(p.partId));
    if (args.fetchHTMLBodyValues || args.fetchAllBodyValues) email.htmlBody.forEach((p) => wanted.add(p.partId));
    if (out.bodyValues) {
      out.bodyValues = Object.fromEntries(Object.entries(email.bodyValues).filter(([id]) => wanted.has(id)).map(([id, v]) => {
        const max = args.maxBodyValueBytes || Infinity;
        return [id, v.value.length > max ? { ...v, value: v.value.slice(0, max), isTruncated: true } : v];
      }));
    }
    return out;
  });
  return answer;
}

function patched(email, patch) {
  const next = { mailboxIds: { ...email.mailboxIds }, keywords: { ...email.keywords } };
  for (const [path, value] of Object.entries(patch)) {
    const [property, key] = path.split("/");
    if (property !== "mailboxIds" && property !== "keywords") throw new MethodError("invalidProperties", path);
    if (key === undefined) next[property] = { ...value };
    else if (value === null) delete next[property][key];
    else next[property][key] = true;
  }
  if (Object.keys(next.mailboxIds).length === 0) throw new MethodError("invalidProperties", "an email needs a mailbox");
  return next;
}

function emailSet(store, args, created) {
  const result = { accountId: args.accountId, oldState: String(store.state), created: {}, updated: {}, destroyed: [], notCreated: {}, notUpdated: {}, notDestroyed: {} };
  for (const [cid, create] of Object.entries(args.create ?? {})) {
    try {
      const own = create.from?.[0]?.email ?? store.user.email;
      if (own.toLowerCase() !== store.user.email) throw new MethodError("forbiddenFrom", own);
      const bytes = buildMail(create, (id) => {
        if (!store.blobs.has(id)) throw new MethodError("blobNotFound", id);
        return store.blobs.get(id);
      }, randomBytes(8).toString("hex") + "@" + store.user.email.split("@")[1]);
      const email = store.addMail(bytes, create.mailboxIds, create.keywords ?? {});
      created[cid] = email.id;
      result.created[cid] = { id: email.id, blobId: email.blobId, threadId: email.threadId, size: email.size };
    } catch (error) {
      result.notCreated[cid] = { type: error.type ?? "invalidProperties", description: error.message };
    }
  }
  for (const [id, patch] of Object.entries(args.update ?? {})) {
    const email = store.emails.get(id.startsWith("#") ? created[id.slice(1)] : id);
    if (!email) {
      result.notUpdated[id] = { type: "notFound" };
      continue;
    }
    Object.assign(email, patched(email, patch));
    result.updated[id] = null;
  }
  for (const id of args.destroy ?? []) {
    if (store.emails.delete(id)) result.destroyed.push(id);
    else result.notDestroyed[id] = { type: "notFound" };
  }
  store.changed();
  return { ...result, newState: String(store.state) };
}

function mailboxSet(store, args) {
  const result = { accountId: args.accountId, oldState: String(store.state), created: {}, updated: {}, destroyed: [], notCreated: {}, notUpdated: {}, notDestroyed: {} };
  const taken = (name, parentId, self) => [...store.mailboxes.values()].some((m) => m.name === name && m.parentId === parentId && m.id !== self);
  for (const [cid, { name, parentId = null }] of Object.entries(args.create ?? {})) {
    if (taken(name, parentId)) result.notCreated[cid] = { type: "invalidProperties", description: "there is a mailbox of this name" };
    else result.created[cid] = { id: store.addMailbox(name, parentId) };
  }
  for (const [id, patch] of Object.entries(args.update ?? {})) {
    const mailbox = store.mailboxes.get(id);
    if (!mailbox) result.notUpdated[id] = { type: "notFound" };
    else if (mailbox.role || taken(patch.name ?? mailbox.name, mailbox.parentId, id)) result.notUpdated[id] = { type: "invalidProperties", description: "there is a mailbox of this name" };
    else result.updated[id] = Object.assign(mailbox, patch) && null;
  }
  for (const id of args.destroy ?? []) {
    if ([...store.mailboxes.values()].some((m) => m.parentId === id)) result.notDestroyed[id] = { type: "mailboxHasChild" };
    else if (store.counts(id).totalEmails > 0) result.notDestroyed[id] = { type: "mailboxHasEmail" };
    else if (store.mailboxes.delete(id)) result.destroyed.push(id);
  }
  store.changed();
  return { ...result, newState: String(store.state) };
}

function submissionSet(store, args, created, deliver) {
  const result = { accountId: args.accountId, oldState: String(store.state), created: {}, notCreated: {} };
  const update = {};
  for (const [cid, create] of Object.entries(args.create ?? {})) {
    const email = store.emails.get(create.emailId.startsWith("#") ? created[create.emailId.slice(1)] : create.emailId);
    const everyone = [...(email?.to ?? []), ...(email?.cc ?? []), ...(email?.bcc ?? [])];
    const bad = everyone.find((a) => /@(refused|invalid)\./.test(a.email));
    if (!email) result.notCreated[cid] = { type: "invalidEmail", description: "no such email" };
    else if (everyone.length === 0) result.notCreated[cid] = { type: "noRecipients", description: "no recipients" };
    else if (bad) result.notCreated[cid] = { type: "invalidRecipients", description: `550 ${bad.email}: no such user here` };
    else {
      const id = "s" + randomBytes(6).toString("hex");
      store.submissions.set(id, { id, emailId: email.id, identityId: create.identityId, undoStatus: "final" });
      created[cid] = id;
      result.created[cid] = { id, undoStatus: "final", sendAt: new Date().toISOString() };
      const patch = args.onSuccessUpdateEmail?.["#" + cid];
      if (patch) update[email.id] = patch;
      deliver(store.blobs.get(email.blobId), everyone.map((a) => a.email));
    }
  }
  const answers = [["EmailSubmission/set", { ...result, newState: String(store.state) }]];
  if (Object.keys(update).length > 0) answers.push(["Email/set", emailSet(store, { accountId: args.accountId, update }, created)]);
  return answers;
}

/** Evaluates "#key" arguments (RFC 8620 section 3.7). */
function resolve(args, responses) {
  const out = {};
  for (const [key, value] of Object.entries(args)) {
    if (!key.startsWith("#")) {
      out[key] = value;
      continue;
    }
    const found = responses.find(([name, , id]) => id === value.resultOf && name === value.name);
    if (!found) throw new MethodError("invalidResultReference");
    out[key.slice(1)] = value.path.split("/").slice(1).reduce((at, step) => {
      if (step === "*") return at;
      return Array.isArray(at) ? at.flatMap((item) => item[step]) : at[step];
    }, found[1]);
  }
  return out;
}

export function handle(store, request, deliver) {
  const responses = [];
  const created = { ...(request.createdIds ?? {}) };
  const state = () => String(store.state);
  for (const [name, rawArgs, id] of request.methodCalls) {
    try {
      const args = resolve(rawArgs, responses);
      if (args.accountId !== store.accountId) throw new MethodError("accountNotFound");
      switch (name) {
        case "Mailbox/get": {
          const all = new Map([...store.mailboxes].map(([key, m]) => [key, { ...m, ...store.counts(key), isSubscribed: true }]));
          responses.push([name, getList(args, all, state()), id]);
          break;
        }
        case "Mailbox/set": responses.push([name, mailboxSet(store, args), id]); break;
        case "Thread/get": {
          const ids = args.ids ?? [];
          responses.push([name, { accountId: args.accountId, state: state(), list: [...new Set(ids)].map((t) => ({ id: t, emailIds: store.thread(t) })), notFound: [] }, id]);
          break;
        }
        case "Identity/get":
          responses.push([name, { accountId: args.accountId, state: "1", list: [{ id: "default", name: store.user.name, email: store.user.email, mayDelete: false }], notFound: [] }, id]);
          break;
        case "Email/query": responses.push([name, query(store, args), id]); break;
        case "Email/get": responses.push([name, emailGet(store, args), id]); break;
        case "Email/set": responses.push([name, emailSet(store, args, created), id]); break;
        case "EmailSubmission/set":
          for (const [method, answer] of submissionSet(store, args, created, deliver)) responses.push([method, answer, id]);
          break;
        default: throw new MethodError("unknownMethod", name);
      }
    } catch (error) {
      if (!error.type) console.error(error);
      responses.push(["error", { type: error.type ?? "serverFail", description: error.message }, id]);
    }
  }
  return { methodResponses: responses, sessionState: "1", createdIds: created };
}
