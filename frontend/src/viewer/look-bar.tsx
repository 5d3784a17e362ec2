// How the image is looked at: which planes, how near, which part of the grey scale.

import type { ComponentChildren } from "preact";

import type { Kind, View } from "./scene";
import type { SceneState } from "./use-scene";
import { presets } from "./windows";

interface LookBarProps {
  kind: Kind;
  seen: SceneState;
  view: View;
  setView: (view: View) => void;
  inverted: boolean;
  setInverted: (inverted: boolean) => void;
  /** While drawing there is one plane at a time */
  drawing: boolean;
  /** What stands at the end of the bar */
  children?: ComponentChildren;
}

const VIEWS: [View, string][] = [
  ["planes", "Planes and 3D"],
  ["axial", "Axial"],
  ["coronal", "Coronal"],
  ["sagittal", "Sagittal"],
  ["solid", "3D"],
];

export function LookBar({ kind, seen, view, setView, inverted, setInverted, drawing, children }: LookBarProps) {
  const { scene } = seen;
  return (
    <div class="bar" role="toolbar" aria-label="How the image is shown">
      {kind === "volume" && (
        <span class="group">
          {VIEWS.map(([id, title]) => (
            <button
              key={id}
              type="button"
              aria-pressed={view === id}
              disabled={drawing && (id === "planes" || id === "solid")}
              onClick={() => setView(id)}
            >
              {title}
            </button>
          ))}
        </span>
      )}
      <GreyScale kind={kind} seen={seen} />
      <button type="button" aria-pressed={inverted} onClick={() => setInverted(!inverted)}>
        Invert
      </button>
      <span class="group">
        <button type="button" aria-label="Farther" disabled={!scene} onClick={() => scene?.zoom(0.8)}>
          −
        </button>
        <button type="button" disabled={!scene} onClick={() => scene?.fit()}>
          Whole
        </button>
        <button type="button" aria-label="Nearer" disabled={!scene} onClick={() => scene?.zoom(1.25)}>
          +
        </button>
      </span>
      {children}
    </div>
  );
}

function GreyScale({ kind, seen: { scene, window, setWindow } }: { kind: Kind; seen: SceneState }) {
  const { low, high } = window;
  const full = scene?.full ?? { low: 0, high: 1 };
  const step = (full.high - full.low) / 500 || 1;
  const chosen = presets(kind).find(({ range }) => {
    const of = scene && range(scene.auto, full);
    return of && Math.abs(of.low - low) < step && Math.abs(of.high - high) < step;
  });
  const level = (low + high) / 2;
  const width = high - low;
  const set = (level: number, width: number) => setWindow({ low: level - width / 2, high: level + width / 2 });
  return (
    <>
      <label>
        Window{" "}
        <select
          value={chosen?.id ?? "own"}
          disabled={!scene}
          onChange={(event) => {
            const preset = presets(kind).find(({ id }) => id === event.currentTarget.value);
            if (scene && preset) setWindow(preset.range(scene.auto, scene.full));
          }}
        >
          {presets(kind).map(({ id, title }) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
          {!chosen && <option value="own">As set</option>}
        </select>
      </label>
      <label>
        Level{" "}
        <input
          type="range"
          min={full.low}
          max={full.high}
          step={step}
          value={level}
          disabled={!scene}
          onInput={(event) => set(Number(event.currentTarget.value), width)}
        />
      </label>
      <label>
        Width{" "}
        <input
          type="range"
          min={step}
          max={full.high - full.low}
          step={step}
          value={width}
          disabled={!scene}
          onInput={(event) => set(level, Number(event.currentTarget.value))}
        />
      </label>
    </>
  );
}
