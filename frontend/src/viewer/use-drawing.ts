// A correction in the making: the labels as they are now, the tool in hand, and what undoes each stroke.

import { useEffect, useRef, useState } from "preact/hooks";

import type { Correction } from "../api";
import type { Layer } from "../types";
import { maskFile, toDisplay } from "./nifti";
import { across, type Allowed, type Canvas, type Change, fill, joined, type Plane, type Point, polygon, redo, stroke, undo } from "./paint";
import type { Scene, Voxel } from "./scene";
import type { Shown } from "./use-layers";

export type Target = "lungs" | "lesions";
export type Tool = "look" | "brush" | "eraser" | "polygon" | "fill";

interface Sheet {
  layer: Layer;
  canvas: Canvas;
  done: Change[];
  undone: Change[];
}

export type Sheets = Partial<Record<Target, Sheet>>;

export interface Drawing {
  targets: Layer[];
  target: Target;
  tool: Tool;
  /** Label that is drawn */
  label: number;
  /** Of brush and eraser, in voxels */
  size: number;
  /** Lesions stay within the lungs */
  within: boolean;
  /** Fill goes through the whole volume */
  through: boolean;
  canUndo: boolean;
  canRedo: boolean;
  changed: boolean;
  said: string;
  set: (change: Partial<Pick<Drawing, "target" | "tool" | "label" | "size" | "within" | "through">>) => void;
  /** Draws a piece of a stroke; `lift` ends it */
  draw: (plane: Plane, ends: [Voxel, Voxel]) => void;
  lift: () => void;
  outline: (plane: Plane, corners: Voxel[]) => void;
  pour: (plane: Plane, at: Voxel) => void;
  undo: () => void;
  redo: () => void;
  masks: () => Promise<Pick<Correction, Target>>;
}

const TARGETS: Target[] = ["lungs", "lesions"];
const DEEPEST = 200; // strokes that can be undone

const flat = (plane: Plane, at: Voxel): Point => {
  const [u, v] = across(plane.axis);
  return [at[u], at[v]];
};

/** Copies the layers that can be corrected, for drawing on. */
export async function sheetsOf(scene: Scene, shown: Shown[], signal: AbortSignal): Promise<Sheets> {
  const made: Sheets = {};
  for (const name of TARGETS) {
    const layer = shown.find((one) => one.layer.name === name)?.layer;
    if (!layer || !(scene.layers.has(layer) || (await scene.layers.load(layer, signal)))) continue;
    const numbers = scene.layers.numbers(layer);
    if (!numbers) continue;
    const canvas: Canvas = { labels: toDisplay(numbers, scene.order), dims: scene.dims, spacing: scene.spacing };
    made[name] = { layer, canvas, done: [], undone: [] };
  }
  return made;
}

const FIRST = { target: "lesions" as Target, tool: "brush" as Tool, label: 1, size: 9, within: true, through: false };

/** The drawing on `sheets`, shown in `scene`; null while nothing is being corrected. */
export function useDrawing(scene: Scene | null, sheets: Sheets | null): Drawing | null {
  const [chosen, setChosen] = useState(FIRST);
  const [said, setSaid] = useState("");
  const [, setStrokes] = useState(0);
  const pending = useRef<Change[]>([]);
  const target = sheets && !sheets[chosen.target] ? "lungs" : chosen.target;
  const sheet = sheets?.[target];

  useEffect(() => {
    if (!scene || !sheet) return;
    scene.draw(sheet.canvas, sheet.layer);
    return () => scene.endDrawing();
  }, [scene, sheet]);

  if (!scene || !sheets || !sheet) return null;
  const label = sheet.layer.labels.some(({ number }) => number === chosen.label) ? chosen.label : 1;
  const value = chosen.tool === "eraser" ? 0 : label;
  const lungs = target === "lesions" && chosen.within ? sheets.lungs?.canvas.labels : undefined;
  const allowed: Allowed = value !== 0 && lungs ? (voxel) => lungs[voxel] !== 0 : () => true;
  const count = () => setStrokes((now) => now + 1);

  const keep = (change: Change) => {
    if (change.at.length === 0) return;
    sheet.done.push(change);
    if (sheet.done.length > DEEPEST) sheet.done.shift();
    sheet.undone = [];
    setSaid("");
    count();
  };
  const apply = (change: Change | null, otherwise: string) => {
    if (change && change.at.length > 0) {
      scene.refresh(sheet.canvas, change);
      keep(change);
    } else setSaid(otherwise);
  };
  const step = (from: Change[], to: Change[], apply: typeof undo) => {
    const change = from.pop();
    if (!change) return;
    apply(sheet.canvas.labels, change);
    to.push(change);
    scene.refresh(sheet.canvas, change);
    count();
  };
  const nothing = lungs ? "Nothing has changed: that is outside the lungs." : "Nothing has changed.";

  return {
    ...chosen,
    target,
    label,
    targets: TARGETS.flatMap((name) => sheets[name]?.layer ?? []),
    canUndo: sheet.done.length > 0,
    canRedo: sheet.undone.length > 0,
    changed: TARGETS.some((name) => (sheets[name]?.done.length ?? 0) > 0),
    said,
    set: (change) => setChosen((now) => ({ ...now, ...change })),
    draw: (plane, [from, to]) => {
      const change = stroke(sheet.canvas, plane, [flat(plane, from), flat(plane, to)], chosen.size, value, allowed);
      scene.refresh(sheet.canvas, change);
      pending.current.push(change);
    },
    lift: () => {
      const change = joined(pending.current);
      pending.current = [];
      if (change.at.length > 0) keep(change);
      else setSaid(nothing);
    },
    outline: (plane, corners) => {
      const points = corners.map((at) => flat(plane, at));
      apply(polygon(sheet.canvas, plane, points, value, allowed), nothing);
    },
    pour: (plane, at) => {
      const [u, v] = flat(plane, at);
      const seed: Point = [Math.round(u), Math.round(v)];
      const through = chosen.through && scene.kind === "volume";
      apply(
        fill(sheet.canvas, plane, seed, through, value, allowed),
        "Nothing was filled: choose a part with another label, or an area that is enclosed on all sides.",
      );
    },
    undo: () => step(sheet.done, sheet.undone, undo),
    redo: () => step(sheet.undone, sheet.done, redo),
    masks: async () => {
      const made: Pick<Correction, Target> = {};
      for (const name of TARGETS) {
        const one = sheets[name];
        if (one && one.done.length > 0) made[name] = await maskFile(one.canvas.labels, scene.order, scene.header);
      }
      return made;
    },
  };
}
