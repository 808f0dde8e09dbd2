// Every request of the UI goes through here: cookies, the header that proves the request is ours, deadlines,
// and one kind of error that says what a person can do about it.

/** session: log in again. refused: the request is wrong or not allowed. offline: nothing answered. busy: try later. server: it failed. */
export type ErrorKind = "session" | "refused" | "offline" | "busy" | "server";

export class ApiError extends Error {
  constructor(readonly kind: ErrorKind, readonly status: number, message: string, readonly retryAfter = 0, readonly type = "") {
    super(message);
    this.name = "ApiError";
  }
}

/** The folder that the UI is served from, e.g. "/webmail/". */
export const root = typeof document === "undefined" ? "/webmail/" : new URL("./", document.baseURI).pathname;

/** The server refuses a state-changing request without this header: another site can't send it without CORS. */
const kOwnHeader = { "X-Requested-With": "genkan" };

function kindOf(status: number): ErrorKind {
  if (status === 401) return "session";
  if (status === 429 || status === 503) return "busy";
  return status >= 500 ? "server" : "refused";
}

async function errorOf(response: Response): Promise<ApiError> {
  let detail = "";
  let type = "";
  try {
    const problem = (await response.json()) as { detail?: string; title?: string; error?: string; type?: string };
    detail = problem.detail ?? problem.error ?? problem.title ?? "";
    type = problem.type ?? problem.error ?? "";
  } catch {
    // The answer is no problem document (RFC 7807); the status says enough.
  }
  const retryAfter = Number(response.headers.get("Retry-After") ?? 0) || 0;
  return new ApiError(kindOf(response.status), response.status, detail || `HTTP ${response.status}`, retryAfter, type);
}

export interface RequestOptions {
  method?: string;
  json?: unknown;
  signal?: AbortSignal | undefined;
  milliseconds?: number;
  keepalive?: boolean | undefined;
}

/** Throws ApiError, or AbortError when `signal` fired. */
export async function request(url: string, options: RequestOptions = {}): Promise<Response> {
  const deadline = AbortSignal.timeout(options.milliseconds ?? 30_000);
  const stop = new AbortController();
  const abort = () => stop.abort();
  deadline.addEventListener("abort", abort);
  options.signal?.addEventListener("abort", abort);
  let response: Response;
  try {
    response = await fetch(url, {
      method: options.method ?? (options.json === undefined ? "GET" : "POST"),
      headers: options.json === undefined ? kOwnHeader : { ...kOwnHeader, "Content-Type": "application/json" },
      body: options.json === undefined ? null : JSON.stringify(options.json),
      credentials: "same-origin", cache: "no-store", redirect: "error",
      signal: stop.signal, keepalive: options.keepalive ?? false,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError("offline", 0, String(error));
  } finally {
    deadline.removeEventListener("abort", abort);
    options.signal?.removeEventListener("abort", abort);
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

export async function requestJson<T>(url: string, options: RequestOptions = {}): Promise<T> {
  const response = await request(url, options);
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError("server", response.status, "The answer is not JSON");
  }
}

/** Uploads with progress (fetch has none). Resolves to the server's JSON. */
export function upload<T>(url: string, blob: Blob, onProgress: (done: number) => void, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", url);
    xhr.setRequestHeader("Content-Type", blob.type || "application/octet-stream");
    for (const [name, value] of Object.entries(kOwnHeader)) xhr.setRequestHeader(name, value);
    xhr.responseType = "json";
    xhr.upload.onprogress = (event) => onProgress(event.loaded);
    xhr.onerror = () => reject(new ApiError("offline", 0, "upload failed"));
    xhr.onabort = () => reject(new DOMException("aborted", "AbortError"));
    xhr.onload = () => {
      if (xhr.status >= 200 && xhr.status < 300 && xhr.response) return resolve(xhr.response as T);
      const problem = (xhr.response ?? {}) as { detail?: string; type?: string };
      reject(new ApiError(kindOf(xhr.status), xhr.status, problem.detail ?? `HTTP ${xhr.status}`, 0, problem.type ?? ""));
    };
    signal.addEventListener("abort", () => xhr.abort(), { once: true });
    xhr.send(blob);
  });
}
