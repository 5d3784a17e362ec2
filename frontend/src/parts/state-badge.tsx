import type { State, Study } from "../types";

export const STATES: Record<State, string> = {
  queued: "Waiting",
  running: "Running",
  done: "Done",
  signed: "Signed off",
  refused: "Refused",
  failed: "Failed",
};

/** How far a study is, in a word; while it runs, with its stage and share. */
export function StateBadge({ study }: { study: Study }) {
  return (
    <>
      <span class={`badge ${study.state}`}>{STATES[study.state]}</span>
      {study.state === "running" && (
        <>
          <progress value={study.progress} max={1} aria-label={`Progress of ${study.name}`} />
          <small class="muted">{study.stage}</small>
        </>
      )}
    </>
  );
}
