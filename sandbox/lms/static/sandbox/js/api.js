// SPDX-License-Identifier: AGPL-3.0-only
// Talking to the exam service across origins, as the platform's MFEs do: identity in cookies that the LMS keeps fresh,
// a CSRF token of the exam service with every request that changes something.

import { facts } from "./dom.js";

const IDENTITY_COOKIE = "edx-jwt-cookie-header-payload";
const CSRF_PATH = "/csrf/api/v1/token";
const EXPIRY_MARGIN_SECONDS = 10;
const SAFE = new Set(["GET", "HEAD"]);
const TIMEOUT_MILLISECONDS = 8000;

/** The exam service said no, or nothing at all. */
export class Refusal extends Error {
  constructor(status, message, reasons = []) {
    super(message);
    this.status = status;
    this.reasons = reasons;
  }

  /** Nobody answered: no network, no service, or neither in time. */
  get isUnreachable() {
    return this.status === 0;
  }
}

let csrfToken = null;
let refreshing = null;

/** Call `/api/v1/<path>`, or a path of the service that begins with a slash; resolves to the answer's JSON (null where there is none). */
export async function exams(path, { method = "GET", body, query } = {}) {
  if (!identityIsFresh()) await refreshIdentity();
  let response = await send(path, method, body, query);
  if (response.status === 401) {
    // The cookies or the CSRF token went stale between two calls: renew both, once.
    csrfToken = null;
    await refreshIdentity();
    response = await send(path, method, body, query);
  }
  return answer(response);
}

/** Fetch something of the LMS's own, or with a body, change it. */
export async function lms(url, { method = "GET", body } = {}) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json", "X-CSRFToken": facts.csrfToken };
  return answer(await reach(url, { method, headers, credentials: "same-origin", body: body === undefined ? undefined : JSON.stringify(body) }));
}

/** Leave for a page of the exam service, which knows the person by the cookies alone. Without a connection the present page stays. */
export async function goToExams(path) {
  if (!identityIsFresh()) await refreshIdentity();
  await reach(new URL(CSRF_PATH, facts.examsUrl), { credentials: "include" });
  location.assign(new URL(path, facts.examsUrl));
}

/** Save a file of the exam service's; `name` is what it is called on this computer. */
export async function download(path, query, name) {
  if (!identityIsFresh()) await refreshIdentity();
  const response = await reach(examsAddress(path, query), { credentials: "include", headers: { "USE-JWT-COOKIE": "true" } });
  if (!response.ok) await answer(response);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

export const segment = encodeURIComponent;

function examsAddress(path, query) {
  const url = new URL(path.startsWith("/") ? path : `/api/v1/${path}`, facts.examsUrl);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== "" && value !== null && value !== undefined) url.searchParams.set(name, value);
  }
  return url;
}

async function send(path, method, body, query) {
  const headers = { Accept: "application/json", "USE-JWT-COOKIE": "true" };
  if (!SAFE.has(method)) {
    csrfToken ??= (await answer(await reach(new URL(CSRF_PATH, facts.examsUrl), { credentials: "include" }))).csrfToken;
    headers["X-CSRFToken"] = csrfToken;
  }
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return reach(examsAddress(path, query), {
    method, headers, credentials: "include", body: body === undefined ? undefined : JSON.stringify(body),
  });
}

async function reach(url, request) {
  try {
    return await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS), ...request });
  } catch {
    throw new Refusal(0, "The exam service cannot be reached. Check that it is running, then try again.");
  }
}

async function answer(response) {
  const text = await response.text();
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    if (response.ok) throw new Refusal(response.status, "The exam service gave an answer that makes no sense.");
  }
  if (response.ok) return data;
  throw new Refusal(response.status, data?.detail ?? `The exam service refused this (status ${response.status}).`, reasonsIn(data?.errors));
}

/** The leaves of a nested structure of validation errors, each with where it stands. */
function reasonsIn(errors, where = "") {
  if (errors === null || errors === undefined) return [];
  if (typeof errors !== "object") return [where ? `${where}: ${errors}` : String(errors)];
  return Object.entries(errors).flatMap(([key, value]) => {
    const isNumber = /^\d+$/.test(key);
    const leaf = isNumber && typeof value !== "object";
    const name = isNumber ? `item ${Number(key) + 1}` : key;
    return reasonsIn(value, leaf ? where : [where, name].filter(Boolean).join(", "));
  });
}

function identityIsFresh() {
  const cookie = document.cookie.split("; ").find((part) => part.startsWith(`${IDENTITY_COOKIE}=`));
  if (!cookie) return false;
  try {
    const payload = cookie.slice(IDENTITY_COOKIE.length + 1).split(".")[1];
    const { exp } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    return exp - Date.now() / 1000 > EXPIRY_MARGIN_SECONDS;
  } catch {
    return false;
  }
}

async function refreshIdentity() {
  // Several calls at once share one refresh.
  refreshing ??= reach(facts.refreshUrl, { method: "POST", credentials: "same-origin" }).finally(() => { refreshing = null; });
  const response = await refreshing;
  if (response.status === 401) {
    location.assign(`${facts.signInUrl}?signed_out=1&next=${segment(location.pathname + location.search)}`);
    throw new Refusal(401, "You are signed out.");
  }
}
