// The layers over the image: on or off, how strongly, and what their colours mean.

import type { Layer } from "../types";
import { Swatch } from "./swatch";
import type { Layers } from "./use-layers";

interface LayerListProps {
  layers: Layers;
  veiled: boolean;
  setVeiled: (veiled: boolean) => void;
  outlined: boolean;
  setOutlined: (outlined: boolean) => void;
  drawn: string | null;
}

export function LayerList({ layers, veiled, setVeiled, outlined, setOutlined, drawn }: LayerListProps) {
  if (layers.shown.length === 0) return null;
  return (
    <details class="layers" open={drawn === null}>
      <summary>Layers</summary>
      <div class="over">
        <label>
          <input type="checkbox" checked={!veiled} onChange={(event) => setVeiled(!event.currentTarget.checked)} /> Show
          layers
        </label>
        <label>
          <input type="checkbox" checked={outlined} onChange={(event) => setOutlined(event.currentTarget.checked)} />{" "}
          Outlines only
        </label>
      </div>
      <ul>
        {layers.shown.map(({ layer, on, opacity }) => (
          <li key={layer.name}>
            <label>
              <input
                type="checkbox"
                checked={on}
                disabled={layer.name === drawn}
                onChange={(event) => layers.change(layer.name, { on: event.currentTarget.checked })}
              />{" "}
              {layer.title}
            </label>
            {on && (
              <input
                type="range"
                min={0.05}
                max={1}
                step={0.05}
                value={opacity}
                aria-label={`Opacity of ${layer.title}`}
                onInput={(event) => layers.change(layer.name, { opacity: Number(event.currentTarget.value) })}
              />
            )}
            {on && <Legend layer={layer} />}
          </li>
        ))}
      </ul>
    </details>
  );
}

function Legend({ layer }: { layer: Layer }) {
  return (
    <span class="legend">
      {layer.labels.map(({ number, title, colour }) => (
        <span key={number}>
          <Swatch colour={colour} /> {title}
        </span>
      ))}
      {layer.kind === "probability" && <span class="muted">from 0.1 (orange) to 1 (yellow)</span>}
    </span>
  );
}
