// Every version of a study, who made it and when, and which of them is signed.

import { useState } from "preact/hooks";

import { revokeSignOff, signOff } from "../api";
import { moment } from "../format";
import { sentence } from "../load";
import { Notice } from "../parts/notice";
import { useUser } from "../session";
import type { StudyDetail, VersionSummary } from "../types";

interface VersionsProps {
  study: StudyDetail;
  shown: number;
  show: (version: number) => void;
  reload: () => void;
}

export function Versions({ study, shown, show, reload }: VersionsProps) {
  return (
    <section class="card" aria-labelledby="versions-title">
      <h2 id="versions-title">Versions</h2>
      <ul class="versions">
        {study.versions.map((version) => (
          <li key={version.number}>
            <label>
              <input
                type="radio"
                name="version"
                checked={version.number === shown}
                onChange={() => show(version.number)}
              />{" "}
              <strong>{version.number}</strong> {made(version)}
              {study.sign_off?.version === version.number && <span class="badge signed">signed</span>}
            </label>
            {version.note && <p class="muted">{version.note}</p>}
          </li>
        ))}
      </ul>
      <SignOff study={study} version={shown} reload={reload} />
    </section>
  );
}

function made({ method, author, created, parent }: VersionSummary): string {
  const when = moment(created);
  return method === "corrected" ? `corrected from ${parent ?? "–"} by ${author}, ${when}` : `Hilum, ${when}`;
}

function SignOff({ study, version, reload }: { study: StudyDetail; version: number; reload: () => void }) {
  const user = useUser();
  const [comment, setComment] = useState("");
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  const act = (work: Promise<unknown>) => {
    setBusy(true);
    work
      .then(
        () => {
          setTrouble("");
          setComment("");
          reload();
        },
        (error: unknown) => setTrouble(sentence(error)),
      )
      .finally(() => setBusy(false));
  };
  const signed = study.sign_off;
  if (signed) {
    const may = user.role === "admin" || user.name === signed.user;
    return (
      <div>
        <p>
          Version {signed.version} was signed off by <strong>{signed.user}</strong>, {moment(signed.created)}.{" "}
          {signed.comment}
        </p>
        {trouble && <Notice kind="error">{trouble}</Notice>}
        {may && (
          <button type="button" disabled={busy} onClick={() => act(revokeSignOff(study.id))}>
            Revoke
          </button>
        )}
      </div>
    );
  }
  const send = (event: Event) => {
    event.preventDefault();
    act(signOff(study.id, { version, comment }));
  };
  return (
    <form class="row" onSubmit={send}>
      <label>
        Comment
        <input
          type="text"
          maxLength={500}
          value={comment}
          onInput={(event) => setComment(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary" disabled={busy}>
        Sign off version {version}
      </button>
      {trouble && <Notice kind="error">{trouble}</Notice>}
    </form>
  );
}
