// Whose study it is and from when; both can be typed in, and open the way to a comparison.

import { useState } from "preact/hooks";

import { changeStudy } from "../api";
import { sentence } from "../load";
import { Notice } from "../parts/notice";
import type { StudyDetail } from "../types";

export function About({ study, reload }: { study: StudyDetail; reload: () => void }) {
  const [patient, setPatient] = useState(study.patient);
  const [date, setDate] = useState(study.date ?? "");
  const [note, setNote] = useState(study.note);
  const [trouble, setTrouble] = useState("");
  const [kept, setKept] = useState(false);
  const keep = (event: Event) => {
    event.preventDefault();
    changeStudy(study.id, { patient, date: date || null, note }).then(
      () => {
        setTrouble("");
        setKept(true);
        reload();
      },
      (error: unknown) => setTrouble(sentence(error)),
    );
  };
  return (
    <details class="card">
      <summary>
        Patient {study.patient || "not named"}, {study.date ?? "no date"}
      </summary>
      <form class="row" onSubmit={keep} onInput={() => setKept(false)}>
        <label>
          Patient
          <input type="text" maxLength={64} value={patient} onInput={(event) => setPatient(event.currentTarget.value)} />
        </label>
        <label>
          Date
          <input type="date" value={date} onInput={(event) => setDate(event.currentTarget.value)} />
        </label>
        <label>
          Note
          <input type="text" maxLength={500} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
        </label>
        <button type="submit">Keep</button>
        {kept && <span role="status">Kept.</span>}
      </form>
      {trouble && <Notice kind="error">{trouble}</Notice>}
      {study.patient && (
        <p>
          <a href={`/compare?study=${study.id}`}>Compare with another date of this patient</a>
        </p>
      )}
    </details>
  );
}
