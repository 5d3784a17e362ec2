// The scores of a version with what they mean, and a reader's own beside them.

import { useState } from "preact/hooks";

import { giveReaderScore } from "../api";
import { figure } from "../format";
import { sentence } from "../load";
import { Notice } from "../parts/notice";
import type { ReaderScore, Score, StudyDetail, VersionDetail } from "../types";
import { Term } from "./term";

interface ScoresProps {
  study: StudyDetail;
  version: VersionDetail;
  reload: () => void;
}

export function Scores({ study, version, reload }: ScoresProps) {
  const [trouble, setTrouble] = useState("");
  const give = (score: Score, value: number) =>
    giveReaderScore(study.id, { score: score.id, value, version: version.number }).then(
      () => {
        setTrouble("");
        reload();
      },
      (error: unknown) => setTrouble(sentence(error)),
    );
  return (
    <section class="card" aria-labelledby="scores-title">
      <h2 id="scores-title">Scores of version {version.number}</h2>
      {trouble && <Notice kind="error">{trouble}</Notice>}
      <table class="scores">
        <thead>
          <tr>
            <th scope="col">Score</th>
            <th scope="col">Value</th>
            <th scope="col">Readers</th>
          </tr>
        </thead>
        <tbody>
          {version.scores.map((score) => (
            <Row key={score.id} score={score} given={newest(study.reader_scores, score.id)} give={give} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The newest value of each reader. */
function newest(all: ReaderScore[], score: string): ReaderScore[] {
  const last = new Map<string, ReaderScore>();
  for (const one of all) {
    const before = last.get(one.reader);
    if (one.score === score && (!before || before.id < one.id)) last.set(one.reader, one);
  }
  return [...last.values()];
}

interface RowProps {
  score: Score;
  given: ReaderScore[];
  give: (score: Score, value: number) => Promise<void>;
}

function Row({ score, given, give }: RowProps) {
  const range = score.range ? `${score.range[0]} to ${score.range[1]}` : "";
  const parts = Object.entries(score.parts);
  return (
    <tr>
      <th scope="row">
        <Term title={score.title}>
          <p>{score.definition}</p>
          <p>
            Range: {range || "open"} {score.unit}
          </p>
          {parts.length > 0 && (
            <dl class="parts">
              {parts.map(([region, value]) => (
                <div key={region}>
                  <dt>{region.replaceAll("-", " ")}</dt>
                  <dd>{figure(value)}</dd>
                </div>
              ))}
            </dl>
          )}
          <p class="muted">{score.source}</p>
        </Term>
      </th>
      <td>
        {score.value === null ? (
          <span class="muted">not measured: {score.reason || "no reason was given"}</span>
        ) : (
          <>
            <strong class="value">{figure(score.value)}</strong>
            <span class="muted">{score.unit === "%" ? " %" : score.range ? ` of ${score.range[1]}` : ` ${score.unit}`}</span>
          </>
        )}
      </td>
      <td>
        {given.map((one) => (
          <div key={one.id} title={one.comment}>
            {figure(one.value)} <span class="muted">{one.reader}</span>
          </div>
        ))}
        <Own score={score} give={give} />
      </td>
    </tr>
  );
}

/** Takes the reader's own value. */
function Own({ score, give }: Pick<RowProps, "score" | "give">) {
  const [value, setValue] = useState("");
  const send = (event: Event) => {
    event.preventDefault();
    void give(score, Number(value)).then(() => setValue(""));
  };
  return (
    <form class="own" onSubmit={send}>
      <input
        type="number"
        step={score.unit === "%" ? "any" : 1}
        min={score.range?.[0]}
        max={score.range?.[1]}
        required
        placeholder="yours"
        aria-label={`Your value of ${score.title}`}
        value={value}
        onInput={(event) => setValue(event.currentTarget.value)}
      />
      {value !== "" && <button type="submit">Enter</button>}
    </form>
  );
}
