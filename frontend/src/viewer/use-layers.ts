// Which layers lie over the image and how strongly. A layer is fetched when it is first shown.

import { useEffect, useState } from "preact/hooks";

import { layers as listLayers } from "../api";
import { sentence } from "../load";
import type { Layer } from "../types";
import type { Scene } from "./scene";

export interface Shown {
  layer: Layer;
  on: boolean;
  opacity: number;
}

/** Of layers that begin switched off */
const OPACITY = 0.45;

export interface Layers {
  shown: Shown[];
  /** All that is switched on is on the screen */
  settled: boolean;
  trouble: string;
  change: (name: string, change: Partial<Omit<Shown, "layer">>) => void;
}

export interface Manner {
  /** The layer that is being corrected: it is shown as a drawing instead */
  drawn: string | null;
  /** All layers are hidden */
  veiled: boolean;
  outlined: boolean;
}

export function useLayers(scene: Scene | null, study: string, version: number | null, manner: Manner): Layers {
  const { drawn, veiled, outlined } = manner;
  const [shown, setShown] = useState<Shown[]>([]);
  const [listed, setListed] = useState(false);
  const [settled, setSettled] = useState(false);
  const [trouble, setTrouble] = useState("");

  useEffect(() => {
    setListed(false);
    setSettled(false);
    if (version === null) return;
    let left = false;
    listLayers(study, version).then(
      (found) => {
        if (left) return;
        setShown((before) => found.map((layer) => entry(layer, before)));
        setListed(true);
      },
      (error: unknown) => left || setTrouble(sentence(error)),
    );
    return () => {
      left = true;
    };
  }, [study, version]);

  useEffect(() => {
    if (!scene || !listed) return;
    const ending = new AbortController();
    compose(scene, shown, { drawn, veiled, outlined }, ending.signal).then(
      (said) => {
        setTrouble(said);
        setSettled(true);
      },
      (error: unknown) => ending.signal.aborted || setTrouble(sentence(error)),
    );
    return () => ending.abort();
  }, [scene, listed, shown, drawn, veiled, outlined]);

  const change: Layers["change"] = (name, to) =>
    setShown((before) => before.map((one) => (one.layer.name === name ? { ...one, ...to } : one)));
  return { shown, settled, trouble, change };
}

function entry(layer: Layer, before: Shown[]): Shown {
  const same = before.find((one) => one.layer.name === layer.name);
  return same ? { ...same, layer } : { layer, on: layer.opacity > 0, opacity: layer.opacity || OPACITY };
}

async function compose(
  scene: Scene,
  shown: Shown[],
  { drawn, veiled, outlined }: Manner,
  signal: AbortSignal,
): Promise<string> {
  const wanted = shown.filter(({ on }) => on);
  scene.layers.keep(shown.map(({ layer }) => layer));
  const missing = wanted.filter(({ layer }) => !scene.layers.has(layer));
  const fits = await Promise.all(missing.map(({ layer }) => scene.layers.load(layer, signal)));
  signal.throwIfAborted();
  scene.compose(veiled ? [] : wanted.filter(({ layer }) => layer.name !== drawn), outlined);
  const strange = missing.filter((_, i) => !fits[i]).map(({ layer }) => layer.title);
  return strange.length > 0 ? `Not on the image's grid, so not shown: ${strange.join(", ")}.` : "";
}

