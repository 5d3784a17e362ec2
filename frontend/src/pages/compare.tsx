// Two dates of a patient side by side, and what changed between them.

import { compare, studies, study } from "../api";
import { figure } from "../format";
import { useLoaded } from "../load";
import { Notice } from "../parts/notice";
import { navigate } from "../router";
import type { Change, Study, StudyDetail } from "../types";
import { Viewer } from "../viewer";

interface ComparePageProps {
  address: URL;
}

export function ComparePage({ address }: ComparePageProps) {
  const ids = address.searchParams.getAll("study");
  const [first, second] = ids;
  return (
    <main id="main">
      <h1>Compare</h1>
      {first === undefined && (
        <p>
          Mark two studies in the <a href="/">worklist</a>, or open one and compare it with another of its patient.
        </p>
      )}
      {first !== undefined && second === undefined && <Choose first={first} />}
      {first !== undefined && second !== undefined && <Pair key={address.search} ids={[first, second]} />}
    </main>
  );
}

/** The other studies of the patient. */
function Choose({ first }: { first: string }) {
  const { value, trouble } = useLoaded(async () => {
    const one = await study(first);
    const all = one.patient ? (await studies({ patient: one.patient, sort: "date", order: "asc", size: 100 })).items : [];
    return { one, others: all.filter((other) => other.id !== first && other.latest_version >= 0 && ended(other)) };
  }, first);
  if (trouble) return <Notice kind="error">{trouble}</Notice>;
  if (!value) return null;
  if (value.others.length === 0) {
    const whose = value.one.patient || "this patient (the study names none)";
    return (
      <Notice kind="info">
        There is no other finished study of {whose}. <a href={value.one.urls.page}>Back to {value.one.name}</a>
      </Notice>
    );
  }
  return (
    <>
      <p>With which study of {value.one.patient}?</p>
      <ul>
        {value.others.map((other) => (
          <li key={other.id}>
            <a href={`/compare?study=${first}&study=${other.id}`}>{other.name}</a> {other.date ?? "without a date"}
          </li>
        ))}
      </ul>
    </>
  );
}

const ended = (one: Study) => one.state === "done" || one.state === "signed";

function Pair({ ids }: { ids: [string, string] }) {
  const { value, trouble } = useLoaded(async () => {
    const found = await compare(ids);
    return { found, details: await Promise.all(found.studies.map((one) => study(one.id))) };
  }, ids.join());
  if (trouble) return <Notice kind="error">{trouble}</Notice>;
  if (!value) return <p role="status">Comparing…</p>;
  const { found, details } = value;
  const patients = new Set(details.map((one) => one.patient));
  const kinds = new Set(details.map((one) => one.modality));
  return (
    <>
      {patients.size > 1 && <Notice kind="warning">These studies name different patients.</Notice>}
      {kinds.size > 1 && <Notice kind="warning">A film and a CT: most figures do not compare.</Notice>}
      <div class="pair">
        {details.map((one) => (
          <Side key={one.id} detail={one} />
        ))}
      </div>
      <p>
        <button type="button" onClick={() => navigate(`/compare?study=${ids[1]}&study=${ids[0]}`, true)}>
          Exchange the sides
        </button>
      </p>
      <Changes changes={found.changes} details={details} />
    </>
  );
}

function Side({ detail }: { detail: StudyDetail }) {
  return (
    <section class="card" aria-label={titleOf(detail)}>
      <h2>
        <a href={detail.urls.page}>{detail.name}</a>
      </h2>
      <p class="muted">
        {detail.date ?? "without a date"}
        {detail.patient && `, patient ${detail.patient}`}, version {detail.latest_version}
      </p>
      <Viewer study={detail} version={detail.latest_version} readOnly />
    </section>
  );
}

const titleOf = (one: Study) => (one.date ? `${one.name}, ${one.date}` : one.name);

const VERDICTS = { more: "More", less: "Less", "within error": "Within the error", "": "" };

function Changes({ changes, details }: { changes: Change[]; details: StudyDetail[] }) {
  if (changes.length === 0) return <Notice kind="info">Nothing was measured in both.</Notice>;
  return (
    <section aria-labelledby="changes">
      <h2 id="changes">What changed</h2>
      <p class="muted">
        A change has a verdict only where the error of the measurement is known. Images are not registered.
      </p>
      <div class="scroll">
        <table>
          <caption class="hidden">What changed between the studies</caption>
          <thead>
            <tr>
              <th>Measured</th>
              <th>Where</th>
              {details.map((one) => (
                <th key={one.id} class="number">
                  {one.date ?? one.name}
                </th>
              ))}
              <th class="number">Change</th>
              <th class="number">Error</th>
              <th>Verdict</th>
            </tr>
          </thead>
          <tbody>
            {changes.map((one) => (
              <tr key={`${one.what}/${one.region}`}>
                <td>{one.title}</td>
                <td>{one.region.replaceAll("-", " ")}</td>
                {one.values.map((value, place) => (
                  <td key={details[place]?.id} class="number">
                    {figure(value, one.unit)}
                  </td>
                ))}
                <td class="number">{signed(one.change)}</td>
                <td class="number">{one.error === null ? "" : `± ${figure(one.error)}`}</td>
                <td>{one.verdict && <span class={`badge ${one.verdict}`}>{VERDICTS[one.verdict]}</span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

const signed = (change: number | null) => (change === null ? "–" : (change > 0 ? "+" : "") + figure(change));
