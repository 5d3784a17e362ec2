// What a study waits for, or why it has come to nothing.

import { useState } from "preact/hooks";

import { retryStudy } from "../api";
import { sentence } from "../load";
import { Notice } from "../parts/notice";
import type { StudyDetail } from "../types";

export function Progress({ study, reload }: { study: StudyDetail; reload: () => void }) {
  const [trouble, setTrouble] = useState("");
  if (study.state === "queued" || study.state === "running") {
    const stage = study.stage || (study.state === "queued" ? "waiting for its turn" : "at work");
    return (
      <div class="card" role="status">
        <label>
          Being read: {stage}
          <progress max={1} value={study.progress} />
        </label>
      </div>
    );
  }
  if (study.state !== "failed" && study.state !== "refused") return null;
  const again = () => {
    retryStudy(study.id).then(reload, (error: unknown) => setTrouble(sentence(error)));
  };
  return (
    <>
      <Notice kind="error">
        {study.message || "This study could not be read."}
        {study.code && <code> {study.code}</code>}
      </Notice>
      {trouble && <Notice kind="error">{trouble}</Notice>}
      <p>
        <button type="button" onClick={again}>
          Try again
        </button>
      </p>
    </>
  );
}
