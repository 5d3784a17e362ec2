// The layers over the image: on or off, how strongly, and what their colours mean.

import type { Layer } from "../types";
import { Swatch } from "./swatch";
import { Tick } from "./tick";
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
        <Tick title="Show layers" on={!veiled} set={(on) => setVeiled(!on)} />
        <Tick title="Outlines only" on={outlined} set={setOutlined} />
      </div>
      <ul>
        {layers.shown.map(({ layer, on, opacity }) => (
          <li key={layer.name}>
            <Tick
              title={layer.title}
              on={on}
              set={(now) => layers.change(layer.name, { on: now })}
              locked={layer.name === drawn}
            />
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
