// All studies: what waits, what is done, the worst first if wanted.

import { useEffect, useRef, useState } from "preact/hooks";

import { deleteStudy, retryStudy, type Sort, studies, type StudyQuery } from "../api";
import { count } from "../format";
import { sentence, useLoaded } from "../load";
import { Dropzone } from "../parts/dropzone";
import { Filters } from "../parts/filters";
import { Notice } from "../parts/notice";
import { StudyTable } from "../parts/study-table";
import { navigate } from "../router";
import type { Study, StudyPage } from "../types";

const SIZE = 50;

interface WorklistProps {
  address: URL;
}

// The viewer is large; it is there before the first study has been read.
const fetchViewer = () => void import("./study").catch(() => undefined);

export function WorklistPage({ address }: WorklistProps) {
  useEffect(() => {
    const timer = setTimeout(fetchViewer, 300);
    return () => clearTimeout(timer);
  }, []);
  const asked = queryOf(address);
  const { value, trouble, reload } = useLoaded(() => studies(asked), address.search, pause);
  const [chosen, setChosen] = useState<string[]>([]);
  const [failed, setFailed] = useState("");

  // What is asked for by now: a change may come late, when typing has paused.
  const change = (next: Partial<StudyQuery>) =>
    navigate(addressOf({ ...queryOf(new URL(location.href)), page: 1, ...next }), true);
  const arrived = (added: Study[], alone: boolean) => {
    const [only] = added;
    if (alone && added.length === 1 && only) navigate(only.urls.page);
    else reload();
  };
  const act = (work: Promise<unknown>) => {
    work.then(() => setFailed(""), (error: unknown) => setFailed(sentence(error))).finally(reload);
  };
  const remove = (study: Study) => {
    if (confirm(`Delete ${study.name} with all its results? This cannot be undone.`)) act(deleteStudy(study.id));
  };
  const mark = (id: string, on: boolean) => {
    const rest = chosen.filter((one) => one !== id);
    setChosen(on ? [...rest, id] : rest);
  };
  return (
    <main id="main">
      <h1>Worklist</h1>
      <Dropzone onStudies={arrived} />
      {trouble && <Notice kind="error">{trouble}</Notice>}
      {failed && <Notice kind="error">{failed}</Notice>}
      <Filters asked={asked} counts={value?.counts ?? {}} onChange={change}>
        <CompareButton chosen={chosen} />
      </Filters>
      {value && value.items.length > 0 && (
        <StudyTable
          items={value.items}
          sort={asked.sort ?? "created"}
          order={asked.order ?? "desc"}
          chosen={chosen}
          onSort={(sort, order) => change({ sort, order })}
          onChoose={mark}
          onRetry={(study) => act(retryStudy(study.id))}
          onDelete={remove}
        />
      )}
      {value?.total === 0 && (
        <p class="empty muted">
          {address.search ? "Nothing fits these filters." : "Nothing here yet. What you drop above appears here."}
        </p>
      )}
      {value && <Foot value={value} onPage={(page) => change({ page })} />}
    </main>
  );
}

/** Soon again while something is under way, now and then otherwise. */
function pause({ counts }: StudyPage): number {
  return (counts.queued ?? 0) + (counts.running ?? 0) > 0 ? 1000 : 10_000;
}

function queryOf(address: URL): StudyQuery {
  const given = address.searchParams;
  const query: StudyQuery = { page: Number(given.get("page")) || 1, size: SIZE };
  for (const key of ["state", "modality", "q", "patient"] as const) {
    const value = given.get(key);
    if (value) query[key] = value;
  }
  const sort = given.get("sort");
  if (sort) query.sort = sort as Sort;
  if (given.get("order") === "asc") query.order = "asc";
  return query;
}

function addressOf(query: StudyQuery): string {
  const pairs = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    const usual = key === "size" || (key === "page" && value === 1);
    if (!usual && value !== "") pairs.set(key, String(value));
  }
  const text = pairs.toString();
  return text ? `/?${text}` : "/";
}

function CompareButton({ chosen }: { chosen: string[] }) {
  const [first, second] = chosen;
  const ready = first !== undefined && second !== undefined && chosen.length === 2;
  return (
    <button
      type="button"
      disabled={!ready}
      title="Mark two studies of a patient"
      onClick={() => ready && navigate(`/compare?study=${first}&study=${second}`)}
    >
      Compare{chosen.length > 0 ? ` (${chosen.length} of 2)` : ""}
    </button>
  );
}

interface FootProps {
  value: StudyPage;
  onPage: (page: number) => void;
}

function Foot({ value: { total, page, size }, onPage }: FootProps) {
  const pages = Math.max(1, Math.ceil(total / size));
  // Screen readers hear how many there are when a filter changes, not at every look.
  const last = useRef(-1);
  const [told, setTold] = useState("");
  useEffect(() => {
    if (last.current !== total) setTold(count(total, "study", "studies"));
    last.current = total;
  }, [total]);
  return (
    <div class="row pages">
      <span role="status">{told}</span>
      {pages > 1 && (
        <>
          <button type="button" disabled={page <= 1} onClick={() => onPage(page - 1)}>
            Previous page
          </button>
          <span>
            Page {page} of {pages}
          </span>
          <button type="button" disabled={page >= pages} onClick={() => onPage(page + 1)}>
            Next page
          </button>
        </>
      )}
    </div>
  );
}
