// Calls of the server's API. Every call either gives what was asked for or throws an ApiError with the server's sentence.

import type {
  AuditPage,
  Comparison,
  Health,
  Layer,
  Me,
  ReaderScore,
  Role,
  ScoreDefinition,
  SignOff,
  Study,
  StudyDetail,
  StudyPage,
  User,
  VersionDetail,
  VersionSummary,
} from "./types";

const BASE = "/api/v1";

export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Event of the window: the server no longer knows this session. */
export const SESSION_ENDED = "hilum:session-ended";

// The token of this session; known once `me` or `login` has answered.
let csrf = "";

function errorFrom(status: number, body: string): ApiError {
  if (status === 401) dispatchEvent(new Event(SESSION_ENDED));
  try {
    const said = JSON.parse(body) as { code?: unknown; message?: unknown };
    const code = typeof said.code === "string" ? said.code : "error";
    if (typeof said.message === "string") return new ApiError(status, code, said.message);
  } catch {
    // not JSON: a proxy's page, or nothing
  }
  return new ApiError(status, "error", `The server answered ${status} without a reason.`);
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["X-Hilum-CSRF"] = csrf;
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (body instanceof FormData) init.body = body;
  else if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  let response: Response;
  try {
    response = await fetch(BASE + path, init);
  } catch {
    throw new ApiError(0, "unreachable", "The server does not answer. Is `hilum serve` still running?");
  }
  const text = await response.text();
  if (!response.ok) throw errorFrom(response.status, text);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

function query(values: Record<string, string | number | undefined>): string {
  const pairs = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined && value !== "") pairs.set(key, String(value));
  }
  const text = pairs.toString();
  return text === "" ? "" : `?${text}`;
}

const at = (...parts: (string | number)[]) => "/" + parts.map((part) => encodeURIComponent(part)).join("/");

export async function me(): Promise<Me> {
  const user = await call<Me>("GET", "/me");
  csrf = user.csrf;
  return user;
}

export async function login(name: string, password: string): Promise<Me> {
  await call<unknown>("POST", "/login", { name, password });
  return me();
}

export async function logout(): Promise<void> {
  await call<unknown>("POST", "/logout");
  csrf = "";
}

export const health = () => call<Health>("GET", "/health");
export const scores = () => call<ScoreDefinition[]>("GET", "/scores");

// Users and audit trail (admin)

export const users = async () => (await call<{ items: User[] }>("GET", "/users")).items;
export const addUser = (name: string, password: string, role: Role) =>
  call<User>("POST", "/users", { name, password, role });
export const changeUser = (name: string, change: { role?: Role; password?: string; disabled?: boolean }) =>
  call<User>("PATCH", at("users", name), change);
export const audit = (asked: { study?: string; page?: number; size?: number }) =>
  call<AuditPage>("GET", "/audit" + query(asked));

// Studies

export type Sort = "created" | "severity" | "name" | "state" | "patient" | "date";

export interface StudyQuery {
  state?: string;
  modality?: string;
  q?: string;
  patient?: string;
  sort?: Sort;
  order?: "asc" | "desc";
  page?: number;
  size?: number;
}

export const studies = (asked: StudyQuery = {}) => call<StudyPage>("GET", "/studies" + query({ ...asked }));
export const study = (id: string) => call<StudyDetail>("GET", at("studies", id));
export const changeStudy = (id: string, change: { patient?: string; date?: string | null; note?: string }) =>
  call<Study>("PATCH", at("studies", id), change);
export const deleteStudy = (id: string) => call<unknown>("DELETE", at("studies", id));
export const retryStudy = (id: string) => call<Study>("POST", at("studies", id, "retry"));

export interface Upload {
  file: File;
  /** Path inside what was dropped, with forward slashes */
  path: string;
}

export interface UploadFields {
  patient?: string;
  date?: string;
  note?: string;
}

/** Sends files as one upload. `told` hears the share that has left the browser, 0 to 1. */
export function upload(files: Upload[], fields: UploadFields, told: (share: number) => void): Promise<Study[]> {
  const form = new FormData();
  for (const [key, value] of Object.entries(fields)) if (value) form.set(key, String(value));
  for (const { file, path } of files) form.append("files", file, path);
  // fetch cannot tell how much has been sent
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", BASE + "/studies");
    request.setRequestHeader("X-Hilum-CSRF", csrf);
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = (event) => told(event.lengthComputable ? event.loaded / event.total : 0);
    request.onerror = () => reject(new ApiError(0, "unreachable", "The upload broke off; the server does not answer."));
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) {
        resolve((JSON.parse(request.responseText) as { items: Study[] }).items);
      } else reject(errorFrom(request.status, request.responseText));
    };
    request.send(form);
  });
}

// Versions of a study

export const version = (id: string, number: number) =>
  call<VersionDetail>("GET", at("studies", id, "versions", number));
export const layers = (id: string, number: number) =>
  call<Layer[]>("GET", at("studies", id, "versions", number, "layers"));
export const fileUrl = (id: string, number: number, name: string) =>
  BASE + at("studies", id, "versions", number, "files", name);
export const zipUrl = (id: string, number: number) => BASE + at("studies", id, "versions", number, "files.zip");

export interface Correction {
  /** The version that was corrected */
  base: number;
  /** NIfTI on the served image's grid */
  lungs?: Blob;
  lesions?: Blob;
  note: string;
}

export function correct(id: string, correction: Correction): Promise<VersionSummary> {
  const form = new FormData();
  form.set("base", String(correction.base));
  form.set("note", correction.note);
  if (correction.lungs) form.set("lungs", correction.lungs, "lungs.nii.gz");
  if (correction.lesions) form.set("lesions", correction.lesions, "lesions.nii.gz");
  return call<VersionSummary>("POST", at("studies", id, "versions"), form);
}

export const readerScores = (id: string) => call<ReaderScore[]>("GET", at("studies", id, "reader-scores"));
export const giveReaderScore = (
  id: string,
  given: { score: string; value: number; version: number; comment?: string },
) => call<ReaderScore>("PUT", at("studies", id, "reader-scores"), given);
export const signOff = (id: string, given: { version: number; comment?: string }) =>
  call<SignOff>("POST", at("studies", id, "sign-off"), given);
export const revokeSignOff = (id: string) => call<unknown>("DELETE", at("studies", id, "sign-off"));

/** What changed between two or more studies of a patient, oldest first as the server sorts them. */
export function compare(ids: string[]): Promise<Comparison> {
  return call<Comparison>("GET", "/compare?" + ids.map((id) => `study=${encodeURIComponent(id)}`).join("&"));
}
