// The tools of a correction, and how it is kept.

import { useState } from "preact/hooks";

import { Notice } from "../parts/notice";
import { Swatch } from "./swatch";
import { Tick } from "./tick";
import type { Drawing, Target, Tool } from "./use-drawing";
import { sentence } from "../load";

interface DrawingBarProps {
  drawing: Drawing;
  volume: boolean;
  leave: () => void;
  save: (note: string) => Promise<void>;
}

const TOOLS: [Tool, string][] = [
  ["brush", "Brush"],
  ["eraser", "Eraser"],
  ["polygon", "Polygon"],
  ["fill", "Fill"],
  ["look", "Look"],
];

export function DrawingBar({ drawing, volume, leave, save }: DrawingBarProps) {
  const { set } = drawing;
  return (
    <div class="drawing">
      <div class="bar" role="toolbar" aria-label="Tools of the correction">
        <span class="group">
          {TOOLS.map(([tool, title]) => (
            <button key={tool} type="button" aria-pressed={drawing.tool === tool} onClick={() => set({ tool })}>
              {title}
            </button>
          ))}
        </span>
        <label>
          Size{" "}
          <input
            type="range"
            min={1}
            max={99}
            step={2}
            value={drawing.size}
            disabled={drawing.tool !== "brush" && drawing.tool !== "eraser"}
            onInput={(event) => set({ size: Number(event.currentTarget.value) })}
          />
        </label>
        <span class="group">
          <button type="button" disabled={!drawing.canUndo} onClick={drawing.undo}>
            Undo
          </button>
          <button type="button" disabled={!drawing.canRedo} onClick={drawing.redo}>
            Redo
          </button>
        </span>
        {drawing.target === "lesions" && (
          <Tick title="Only within the lungs" on={drawing.within} set={(within) => set({ within })} />
        )}
        {volume && <Tick title="Fill through all slices" on={drawing.through} set={(through) => set({ through })} />}
      </div>
      <Labels drawing={drawing} />
      {drawing.said && <Notice kind="info">{drawing.said}</Notice>}
      <Keeping drawing={drawing} leave={leave} save={save} />
    </div>
  );
}

function Labels({ drawing: { targets, target, label, set } }: { drawing: Drawing }) {
  return (
    <div class="bar" role="radiogroup" aria-label="What is drawn">
      {targets.flatMap((layer) =>
        layer.labels.map(({ number, title, colour }) => (
          <label key={`${layer.name} ${number}`}>
            <input
              type="radio"
              name="drawn-label"
              checked={layer.name === target && number === label}
              onChange={() => set({ target: layer.name as Target, label: number })}
            />{" "}
            <Swatch colour={colour} /> {title}
          </label>
        )),
      )}
    </div>
  );
}

function Keeping({ drawing, leave, save }: Pick<DrawingBarProps, "drawing" | "leave" | "save">) {
  const [note, setNote] = useState("");
  const [saving, setSaving] = useState(false);
  const [trouble, setTrouble] = useState("");
  const [sure, setSure] = useState(false);
  const keep = (event: Event) => {
    event.preventDefault();
    setSaving(true);
    setTrouble("");
    save(note)
      .catch((error: unknown) => setTrouble(sentence(error)))
      .finally(() => setSaving(false));
  };
  return (
    <form class="bar" onSubmit={keep}>
      <label>
        Note{" "}
        <input type="text" maxLength={500} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
      </label>
      <button type="submit" class="primary" disabled={!drawing.changed || saving}>
        {saving ? "Saving and scoring…" : "Save as new version"}
      </button>
      <button
        type="button"
        disabled={saving}
        onBlur={() => setSure(false)}
        onClick={() => (drawing.changed && !sure ? setSure(true) : leave())}
      >
        {sure ? "Discard the changes?" : "Leave"}
      </button>
      {trouble && <Notice kind="error">{trouble}</Notice>}
    </form>
  );
}
