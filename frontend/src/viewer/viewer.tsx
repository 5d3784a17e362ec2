// The image of a study with its layers: looking, and correcting the outlines.

import { useEffect, useId, useRef, useState } from "preact/hooks";

import type { Correction } from "../api";
import { sentence } from "../load";
import { Notice } from "../parts/notice";
import type { StudyDetail } from "../types";
import { DrawingBar } from "./drawing-bar";
import { DRAWING_HELP, HELP } from "./keys";
import { LayerList } from "./layer-list";
import { LookBar } from "./look-bar";
import { Stage } from "./stage";
import type { View } from "./scene";
import { type Sheets, sheetsOf, useDrawing } from "./use-drawing";
import { useLayers } from "./use-layers";
import { useScene } from "./use-scene";
import "./viewer.css";

export interface ViewerProps {
  study: StudyDetail;
  /** The version whose layers are shown; null while there is none */
  version: number | null;
  readOnly?: boolean;
  /** Takes a correction; without it nothing can be corrected */
  save?: (correction: Correction) => Promise<void>;
}

const AXES: Partial<Record<View, 0 | 1 | 2>> = { planes: 2, axial: 2, coronal: 1, sagittal: 0 };

export function Viewer({ study, version, readOnly = false, save }: ViewerProps) {
  const stage = useRef<HTMLDivElement>(null);
  const help = useId();
  const image = study.image;
  const film = image?.kind === "film";
  const seen = useScene(stage, image);
  const { scene } = seen;
  const [view, setView] = useState<View>("planes");
  const [inverted, setInverted] = useState(false);
  const [veiled, setVeiled] = useState(false);
  const [outlined, setOutlined] = useState(false);
  const [sheets, setSheets] = useState<Sheets | null>(null);
  const [refused, setRefused] = useState("");
  const drawing = useDrawing(scene, sheets);
  const layers = useLayers(scene, study.id, version, { drawn: drawing?.target ?? null, veiled, outlined });

  const ending = useRef(new AbortController());
  useEffect(() => {
    ending.current = new AbortController();
    setSheets(null);
    return () => ending.current.abort();
  }, [scene, version]);
  useEffect(() => scene?.show(film ? "axial" : view), [scene, film, view]);
  useEffect(() => scene?.invert(inverted), [scene, inverted]);
  const drawn = drawing && layers.shown.find(({ layer }) => layer.name === drawing.target);
  useEffect(() => {
    if (drawn) scene?.drawOpacity(veiled ? 0 : Math.max(0.3, drawn.opacity), outlined);
  }, [scene, drawn, veiled, outlined]);

  const axis = film ? 2 : (AXES[view] ?? null);
  const scroll = (steps: number) => {
    if (!scene || axis === null) return;
    if (film) scene.zoom(steps > 0 ? 0.8 : 1.25);
    else scene.go(axis, scene.at()[axis] - steps);
  };
  const begin = () => {
    if (!scene) return;
    if (view === "planes" || view === "solid") setView("axial");
    const { signal } = ending.current;
    sheetsOf(scene, layers.shown, signal).then(setSheets, (error: unknown) => signal.aborted || setRefused(sentence(error)));
  };
  const name = `${study.name}: ${film ? "chest X-ray" : "chest CT"}`;
  const trouble = seen.trouble || layers.trouble || refused;
  return (
    <section class="viewer" aria-label={`Image of ${study.name}`} data-state={state(scene !== null, layers.settled)}>
      <LookBar
        kind={image?.kind ?? "film"}
        seen={seen}
        view={view}
        setView={setView}
        inverted={inverted}
        setInverted={setInverted}
        drawing={drawing !== null}
      >
        {!readOnly && save && !drawing && (
          <button type="button" disabled={!layers.settled || version === null} onClick={begin}>
            Correct the outlines
          </button>
        )}
      </LookBar>
      {drawing && save && version !== null && (
        <DrawingBar
          drawing={drawing}
          volume={!film}
          leave={() => setSheets(null)}
          save={async (note) => save({ base: version, note, ...(await drawing.masks()) })}
        />
      )}
      <Stage
        frame={stage}
        scene={scene}
        drawing={drawing}
        view={view}
        name={name}
        waiting={!scene && !trouble}
        help={help}
        keys={{
          drawing,
          axis,
          scroll,
          invert: () => setInverted((now) => !now),
          toggleLayers: () => setVeiled((now) => !now),
        }}
      />
      {scene && !film && axis !== null && (
        <label class="slices">
          Slice {seen.at[axis] + 1} of {scene.dims[axis]}
          <input
            type="range"
            min={0}
            max={scene.dims[axis] - 1}
            value={seen.at[axis]}
            onInput={(event) => scene.go(axis, Number(event.currentTarget.value))}
          />
          {seen.value !== null && view === "planes" && <output>{Math.round(seen.value)} HU at the cross</output>}
        </label>
      )}
      {trouble && <Notice kind="error">{trouble}</Notice>}
      <LayerList
        layers={layers}
        veiled={veiled}
        setVeiled={setVeiled}
        outlined={outlined}
        setOutlined={setOutlined}
        drawn={drawing?.target ?? null}
      />
      <KeyHelp id={help} drawing={drawing !== null} />
    </section>
  );
}

const state = (opened: boolean, settled: boolean) => (settled ? "ready" : opened ? "image" : "loading");

function KeyHelp({ id, drawing }: { id: string; drawing: boolean }) {
  return (
    <details class="keys">
      <summary>Keys</summary>
      <dl id={id}>
        {[...HELP, ...(drawing ? DRAWING_HELP : [])].map(([key, what]) => (
          <div key={key}>
            <dt>{key}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
