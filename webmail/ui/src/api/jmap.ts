// A small JMAP client (RFC 8620): one Request of several calls, one answer for each, errors as exceptions.

import { ApiError, request, requestJson, root, upload } from "./http";
import type { Id, Session, SetError, SetResult, Upload } from "./types";

const kCore = "urn:ietf:params:jmap:core";
const kMail = "urn:ietf:params:jmap:mail";
const kSubmission = "urn:ietf:params:jmap:submission";

export type Call = [method: string, args: Record<string, unknown>, id: string];

/** A method-level error of the server (RFC 8620 section 3.6.2). */
export class MethodError extends Error {
  constructor(readonly method: string, readonly type: string, description: string) {
    super(description || type);
    this.name = "MethodError";
  }
}

/** An object of a /set call was refused (RFC 8620 section 5.3). */
export class RefusedError extends Error {
  constructor(readonly error: SetError) {
    super(error.description || error.type);
    this.name = "RefusedError";
  }
}

export interface Me {
  username: string;
  name: string;
  accountId: Id;
}

export const auth = {
  login: (username: string, password: string) => requestJson<Me>(`${root}auth/login`, { json: { username, password } }),
  logout: () => request(`${root}auth/logout`, { json: {} }),
  me: () => requestJson<Me>(`${root}auth/me`),
};

export class Jmap {
  readonly accountId: Id;

  constructor(readonly session: Session) {
    this.accountId = session.primaryAccounts[kMail] ?? Object.keys(session.accounts)[0] ?? "";
  }

  static async open(): Promise<Jmap> {
    return new Jmap(await requestJson<Session>(`${root}jmap/session`));
  }

  /** Results by call id. The account is filled in. Throws at the first call that failed, except for ids in `soft`. */
  async run(calls: Call[], options: { signal?: AbortSignal; keepalive?: boolean; soft?: string[] } = {}): Promise<Map<string, Record<string, never>>> {
    const answer = await requestJson<{ methodResponses: [string, Record<string, never>, string][] }>(local(this.session.apiUrl), {
      json: {
        using: [kCore, kMail, kSubmission],
        methodCalls: calls.map(([method, args, id]) => [method, { accountId: this.accountId, ...args }, id]),
      },
      signal: options.signal, keepalive: options.keepalive,
    });
    const results = new Map<string, Record<string, never>>();
    for (const [name, args, id] of answer.methodResponses) {
      if (name === "error" && options.soft?.includes(id)) continue;
      if (name === "error") {
        const method = calls.find((call) => call[2] === id)?.[0] ?? id;
        throw new MethodError(method, args["type"] ?? "serverFail", args["description"] ?? "");
      }
      // An implicit Email/set of a submission (RFC 8621 section 7.5) comes under the same id: the first one counts.
      if (!results.has(id)) results.set(id, args);
    }
    return results;
  }

  async call<T>(method: string, args: Record<string, unknown>, options: { signal?: AbortSignal; keepalive?: boolean } = {}): Promise<T> {
    const results = await this.run([[method, args, "0"]], options);
    const result = results.get("0");
    if (!result) throw new ApiError("server", 200, `no answer to ${method}`);
    return result as T;
  }

  /** The address of a stored part; `type` decides what the browser is told that it is. */
  downloadUrl(blobId: Id, type: string, name: string): string {
    return expand(local(this.session.downloadUrl), { accountId: this.accountId, blobId, type, name });
  }

  upload(blob: Blob, onProgress: (done: number) => void, signal: AbortSignal): Promise<Upload> {
    return upload<Upload>(expand(local(this.session.uploadUrl), { accountId: this.accountId }), blob, onProgress, signal);
  }

  /** The stream of state changes (RFC 8620 section 7.3), if the server has one. */
  eventsUrl(pingSeconds: number): string | null {
    const template = this.session.eventSourceUrl;
    return template ? expand(local(template), { types: "*", closeafter: "no", ping: String(pingSeconds) }) : null;
  }

  /** The HTML body of a message as a document of its own, for a sandboxed frame. */
  bodyUrl(emailId: Id, withImages: boolean): string {
    return `${root}body/${encodeURIComponent(emailId)}${withImages ? "?images=1" : ""}`;
  }

  /** Upload limit in bytes, 0 when the server names none. */
  get maxUpload(): number {
    const core = this.session.capabilities[kCore] as { maxSizeUpload?: number } | undefined;
    return core?.maxSizeUpload ?? 0;
  }
}

/** The session's URLs without scheme and host: a proxy may call the server by another name than the browser does. */
export function local(url: string): string {
  return url.replace(/^https?:\/\/[^/?#]+/i, "");
}

/** Fills a URI template of level 1 (RFC 6570), the only level that JMAP uses. */
export function expand(template: string, values: Record<string, string>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ""));
}

/** Throws when any object of a /set was refused. */
export function checkSet(result: SetResult): void {
  for (const refused of [result.notCreated, result.notUpdated, result.notDestroyed]) {
    const first = refused && Object.values(refused)[0];
    if (first) throw new RefusedError(first);
  }
}
