// One study: the image with its layers, the scores, and everything a reader does with them.

import { useEffect, useState } from "preact/hooks";

import { correct, type Correction, study as askStudy, version as askVersion } from "../api";
import { useLoaded } from "../load";
import { Notice } from "../parts/notice";
import { About } from "../study/about";
import { Progress } from "../study/progress";
import { Files, Findings, Measures } from "../study/results";
import { Scores } from "../study/scores";
import { Versions } from "../study/versions";
import type { StudyDetail } from "../types";
import { Viewer, warm } from "../viewer";

interface StudyPageProps {
  id: string;
}

/** Milliseconds until a study that is being read is looked at again. */
const SOON = 250;

warm(); // while the study is asked for, or before it is gone to

export function StudyPage({ id }: StudyPageProps) {
  const { value: study, trouble, reload } = useLoaded(() => askStudy(id), id, pause);
  const [chosen, setChosen] = useState<number | null>(null);

  useEffect(() => warm, []); // on leaving, for the next one
  useEffect(() => {
    if (study) document.title = `${study.name} – Hilum`;
  }, [study]);
  if (!study) return <main id="main">{trouble && <Notice kind="error">{trouble}</Notice>}</main>;
  const latest = study.versions.at(-1)?.number ?? null;
  const shown = study.versions.some(({ number }) => number === chosen) ? chosen : latest;
  const save = async (correction: Correction) => {
    const made = await correct(study.id, correction);
    setChosen(made.number);
    reload();
  };
  return (
    <main id="main" class="study">
      <h1>
        {study.name} <span class={`badge ${study.state}`}>{study.state}</span>
      </h1>
      {trouble && <Notice kind="error">{trouble}</Notice>}
      <Progress study={study} reload={reload} />
      <div class="reading">
        {study.image && <Viewer key={study.image.url} study={study} version={shown} {...(study.sign_off ? {} : { save })} />}
        <div class="side">
          {shown !== null && <Results study={study} version={shown} show={setChosen} reload={reload} />}
          <About key={study.id} study={study} reload={reload} />
        </div>
      </div>
    </main>
  );
}

const pause = ({ state }: StudyDetail) => (state === "queued" || state === "running" ? SOON : 0);

interface ResultsProps {
  study: StudyDetail;
  version: number;
  show: (version: number) => void;
  reload: () => void;
}

function Results({ study, version, show, reload }: ResultsProps) {
  const { value: detail, trouble } = useLoaded(() => askVersion(study.id, version), `${study.id} ${version}`);
  return (
    <>
      {trouble && <Notice kind="error">{trouble}</Notice>}
      {detail?.number === version && (
        <>
          <Findings findings={detail.findings} />
          <Scores study={study} version={detail} reload={reload} />
          <Measures version={detail} />
        </>
      )}
      <Versions study={study} shown={version} show={show} reload={reload} />
      <Files study={study} version={version} />
    </>
  );
}
