// Everything the picture does by keys. They hold while the picture has the focus.

import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { across } from "./paint";
import type { Scene, Spot, Voxel } from "./scene";
import type { Drawing, Tool } from "./use-drawing";

export interface Keys {
  drawing: Drawing | null;
  /** The axis along which slices are gone through; null in a view without slices */
  axis: 0 | 1 | 2 | null;
  scroll: (steps: number) => void;
  invert: () => void;
  toggleLayers: () => void;
  /** Of the tool in hand; null while one only looks */
  pen: { spot: Spot | null; move: (to: Spot) => void; use: (at: Spot) => void; close: () => void; drop: () => void } | null;
}

/** For the page: what the keys do. */
export const HELP: [string, string][] = [
  ["Page up, Page down", "next, previous slice"],
  ["+, −, 0", "nearer, farther, whole picture"],
  ["L", "layers on or off"],
  ["I", "invert the grey scale"],
];
export const DRAWING_HELP: [string, string][] = [
  ["B, E, P, F, V", "brush, eraser, polygon, fill, look"],
  ["1, 2, 3", "what is drawn"],
  ["[, ]", "smaller, larger brush"],
  ["Arrows", "move the pen (with Shift by ten)"],
  ["Space", "pen down and up; corner of a polygon; fill"],
  ["Enter", "close the polygon"],
  ["Escape", "give up the polygon, lift the pen"],
  ["Ctrl Z, Ctrl Shift Z", "undo, redo"],
];

const TOOLS: Record<string, Tool> = { b: "brush", e: "eraser", p: "polygon", f: "fill", v: "look" };
const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

export function useKeys(frame: RefObject<HTMLElement>, scene: Scene | null, keys: Keys): void {
  const now = useRef({ scene, keys });
  now.current = { scene, keys };
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const listen = (event: KeyboardEvent) => {
      const { scene, keys } = now.current;
      if (!scene || event.altKey || event.key === "Tab") return;
      event.stopPropagation(); // NiiVue has keys of its own
      if (pressed(event, scene, keys)) event.preventDefault();
    };
    element.addEventListener("keydown", listen, { capture: true });
    return () => element.removeEventListener("keydown", listen, { capture: true });
  }, [frame]);
}

function pressed(event: KeyboardEvent, scene: Scene, keys: Keys): boolean {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) return key === "z" && undone(keys.drawing, event.shiftKey);
  return (keys.drawing !== null && drawn(key, event, scene, keys, keys.drawing)) || looked(key, scene, keys);
}

function undone(drawing: Drawing | null, again: boolean): boolean {
  if (again) drawing?.redo();
  else drawing?.undo();
  return drawing !== null;
}

function looked(key: string, scene: Scene, { scroll, invert, toggleLayers, axis }: Keys): boolean {
  if (key === "+" || key === "=") scene.zoom(1.25);
  else if (key === "-") scene.zoom(0.8);
  else if (key === "0") scene.fit();
  else if (key === "i") invert();
  else if (key === "l") toggleLayers();
  else if (key === "PageUp" || (key === "ArrowUp" && axis !== null)) scroll(-1);
  else if (key === "PageDown" || (key === "ArrowDown" && axis !== null)) scroll(1);
  else if (key === "ArrowLeft" && axis === null) scene.turn(10);
  else if (key === "ArrowRight" && axis === null) scene.turn(-10);
  else return false;
  return true;
}

function drawn(key: string, event: KeyboardEvent, scene: Scene, { pen, axis }: Keys, drawing: Drawing): boolean {
  const tool = TOOLS[key];
  const number = Number(key);
  if (tool) drawing.set({ tool });
  else if (key === "[") drawing.set({ size: Math.max(1, drawing.size - 2) });
  else if (key === "]") drawing.set({ size: Math.min(99, drawing.size + 2) });
  else if (number >= 1 && number <= 3 && key !== " ") drawing.set({ label: number });
  else if (pen && axis !== null) {
    const arrow = ARROWS[key];
    const spot = pen.spot ?? { plane: { axis, index: scene.at()[axis] }, at: scene.at() };
    if (arrow) pen.move(moved(scene, spot, arrow, event.shiftKey ? 10 : 1));
    else if (key === " ") pen.use(spot);
    else if (key === "Enter") pen.close();
    else if (key === "Escape") pen.drop();
    else return false;
  } else return false;
  return true;
}

/** The spot a step away as the eye sees it: to the picture's right, or up. */
function moved(scene: Scene, { plane, at }: Spot, [right, up]: [number, number], step: number): Spot {
  const [u, v] = across(plane.axis);
  const to: Voxel = [...at];
  // u grows to the patient's right, in the sagittal plane to the front: both are the picture's left
  to[u] = clamp(Math.round(at[u]) - right * step, scene.dims[u]);
  to[v] = clamp(Math.round(at[v]) + up * step, scene.dims[v]);
  return { plane: { axis: plane.axis, index: scene.at()[plane.axis] }, at: to };
}

const clamp = (value: number, size: number) => Math.min(size - 1, Math.max(0, value));
