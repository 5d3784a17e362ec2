// The rows of the worklist.

import type { Sort } from "../api";
import { figure, moment } from "../format";
import { useUser } from "../session";
import type { Study } from "../types";
import { StateBadge } from "./state-badge";

interface StudyTableProps {
  items: Study[];
  sort: Sort;
  order: "asc" | "desc";
  chosen: string[];
  onSort: (sort: Sort, order: "asc" | "desc") => void;
  onChoose: (id: string, on: boolean) => void;
  onRetry: (study: Study) => void;
  onDelete: (study: Study) => void;
}

const COLUMNS: { sort: Sort | null; title: string; wide?: boolean }[] = [
  { sort: "name", title: "Study" },
  { sort: "patient", title: "Patient" },
  { sort: "date", title: "Date" },
  { sort: null, title: "Kind", wide: true },
  { sort: "state", title: "State" },
  { sort: "severity", title: "Severity" },
  { sort: "created", title: "Added", wide: true },
];

export function StudyTable(props: StudyTableProps) {
  const { items, sort, order, onSort } = props;
  return (
    <div class="scroll">
      <table>
        <caption class="hidden">Studies</caption>
        <thead>
          <tr>
            <th>
              <span class="hidden">Choose to compare</span>
            </th>
            <th>
              <span class="hidden">Picture</span>
            </th>
            {COLUMNS.map((column) => (
              <Head key={column.title} {...column} now={sort} order={order} onSort={onSort} />
            ))}
            <th>
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((study) => (
            <Row key={study.id} study={study} {...props} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface HeadProps {
  sort: Sort | null;
  title: string;
  wide?: boolean;
  now: Sort;
  order: "asc" | "desc";
  onSort: (sort: Sort, order: "asc" | "desc") => void;
}

// What begins with the largest or newest when it is first asked for.
const DOWN_FIRST: Sort[] = ["severity", "created", "date"];

function Head({ sort, title, wide = false, now, order, onSort }: HeadProps) {
  const style = wide ? "wide" : "";
  if (sort === null) return <th class={style}>{title}</th>;
  const held = sort === now;
  const first = DOWN_FIRST.includes(sort) ? "desc" : "asc";
  const turned = order === "asc" ? "desc" : "asc";
  return (
    <th class={style} {...(held ? { "aria-sort": order === "asc" ? "ascending" : "descending" } : {})}>
      <button type="button" onClick={() => onSort(sort, held ? turned : first)}>
        {title} <span aria-hidden="true">{held ? (order === "asc" ? "▲" : "▼") : ""}</span>
      </button>
    </th>
  );
}

function Row({ study, chosen, onChoose, onRetry, onDelete }: StudyTableProps & { study: Study }) {
  const user = useUser();
  const ended = study.state === "done" || study.state === "signed";
  const mayDelete = user.role === "admin" || user.name === study.uploaded_by;
  return (
    <tr>
      <td>
        {ended && (
          <input
            type="checkbox"
            aria-label={`Choose ${study.name} to compare`}
            checked={chosen.includes(study.id)}
            onChange={(event) => onChoose(study.id, event.currentTarget.checked)}
          />
        )}
      </td>
      <td class="thumbnail">{ended && <img src={study.urls.thumbnail} alt="" loading="lazy" />}</td>
      <td class="study">
        <a class="name" href={study.urls.page}>
          {study.name}
        </a>
        {study.message && <Said text={study.message} />}
        {!study.message && study.findings.map((one) => <Said key={one.code} text={one.message} />)}
      </td>
      <td>
        {study.patient && (
          <a href={`/?patient=${encodeURIComponent(study.patient)}&sort=date`} title="All studies of this patient">
            {study.patient}
          </a>
        )}
      </td>
      <td class="date">{study.date ?? ""}</td>
      <td class="wide">{{ CXR: "Film", CT: "CT", "": "" }[study.modality]}</td>
      <td>
        <StateBadge study={study} />
      </td>
      <td class="severity">
        <Severity study={study} />
      </td>
      <td class="wide muted date">{moment(study.created)}</td>
      <td class="actions">
        {(study.state === "failed" || study.state === "refused") && (
          <button type="button" class="quiet" onClick={() => onRetry(study)}>
            Try again<span class="hidden"> {study.name}</span>
          </button>
        )}
        {mayDelete && study.state !== "running" && (
          <button type="button" class="quiet danger" onClick={() => onDelete(study)}>
            Delete<span class="hidden"> {study.name}</span>
          </button>
        )}
      </td>
    </tr>
  );
}

/** A few lines of what was said; all of it is on the study's page. */
function Said({ text }: { text: string }) {
  return (
    <div class="said muted" title={text}>
      {text}
    </div>
  );
}

/** The share of the leading score's range; what is not measured is not zero. */
function Severity({ study }: { study: Study }) {
  if (study.severity === null) {
    return study.state === "done" || study.state === "signed" ? <span class="muted">not measured</span> : null;
  }
  const percent = figure(Math.round(study.severity * 100));
  return (
    <>
      <meter
        min={0}
        max={1}
        low={0.34}
        high={0.67}
        optimum={0}
        value={study.severity}
        aria-label={`Severity of ${study.name}`}
      />
      <small title="Share of the range of the leading score">
        {percent} %<span class="wide"> of the range</span>
      </small>
    </>
  );
}
