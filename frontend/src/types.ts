// What the server sends and takes: the twin of its response models (see /openapi.json).

export type State = "queued" | "running" | "done" | "refused" | "failed" | "signed";
export type Modality = "CXR" | "CT" | "";
export type Role = "reader" | "admin";

export interface Me {
  /** Empty where nobody has logged in */
  name: string;
  role: Role | "";
  login_required: boolean;
  csrf: string;
}

export interface Finding {
  code: string;
  severity: string;
  message: string;
}

export interface Study {
  id: string;
  name: string;
  origin: "upload" | "node" | "client";
  state: State;
  stage: string;
  /** 0 to 1 */
  progress: number;
  code: string;
  message: string;
  modality: Modality;
  patient: string;
  /** ISO date, or null where none was stated */
  date: string | null;
  site: string;
  note: string;
  created: string;
  updated: string;
  /** Share of the range of the leading score, for sorting; null when not measured */
  severity: number | null;
  scores: Record<string, number | null>;
  findings: Finding[];
  latest_version: number;
  uploaded_by: string;
  urls: { self: string; page: string; thumbnail: string };
}

export interface StudyPage {
  items: Study[];
  total: number;
  page: number;
  size: number;
  counts: Partial<Record<State, number>>;
}

export interface VersionSummary {
  number: number;
  parent: number | null;
  author: string;
  created: string;
  note: string;
  method: "hilum" | "corrected";
  scores: Record<string, number | null>;
  warnings: string[];
}

export interface Score {
  id: string;
  title: string;
  value: number | null;
  reason: string;
  unit: string;
  range: [number, number] | null;
  parts: Record<string, number | null>;
  definition: string;
  source: string;
}

export interface Measure {
  id: string;
  title: string;
  region: string;
  value: number | null;
  unit: string;
  reason: string;
}

export interface VersionDetail extends Omit<VersionSummary, "scores"> {
  scores: Score[];
  measures: Measure[];
  findings: Finding[];
}

export interface ReaderScore {
  id: number;
  version: number;
  score: string;
  value: number;
  reader: string;
  created: string;
  comment: string;
}

export interface SignOff {
  version: number;
  user: string;
  created: string;
  comment: string;
}

export interface StudyImage {
  url: string;
  kind: "film" | "volume";
  shape: number[];
  spacing_mm: number[] | null;
  quantity: string;
}

export interface StoredFile {
  name: string;
  url: string;
  bytes: number;
  version: number | null;
}

export interface StudyDetail extends Study {
  versions: VersionSummary[];
  reader_scores: ReaderScore[];
  sign_off: SignOff | null;
  image: StudyImage | null;
  files: StoredFile[];
}

export interface LayerLabel {
  number: number;
  name: string;
  title: string;
  /** #rrggbb */
  colour: string;
}

export interface Layer {
  name: string;
  title: string;
  kind: "labels" | "probability";
  url: string;
  labels: LayerLabel[];
  /** 0 to 1, what to begin with */
  opacity: number;
}

export interface User {
  name: string;
  role: Role;
  created: string;
  disabled: boolean;
}

export interface AuditEntry {
  id: number;
  time: string;
  user: string;
  address: string;
  action: string;
  study_id: string | null;
  detail: Record<string, unknown>;
}

export interface AuditPage {
  items: AuditEntry[];
  total: number;
  page: number;
  size: number;
}

export interface Change {
  what: string;
  title: string;
  region: string;
  unit: string;
  values: (number | null)[];
  change: number | null;
  /** Half-width of the interval of a change; null where it is not known */
  error: number | null;
  verdict: "more" | "less" | "within error" | "";
}

export interface Comparison {
  studies: Study[];
  changes: Change[];
}

export interface ScoreDefinition {
  id: string;
  title: string;
  unit: string;
  range: [number, number] | null;
  definition: string;
  source: string;
}

export interface Health {
  status: string;
  version: string;
  queue: number;
}
