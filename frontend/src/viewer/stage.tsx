// The canvas with the picture, and the sheet over it that takes pen and keys while something is being drawn.

import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { type Keys, useKeys } from "./keys";
import { across } from "./paint";
import type { Scene, Spot, View, Voxel } from "./scene";
import type { Drawing } from "./use-drawing";

interface StageProps {
  /** The stage itself, which the picture is put on */
  frame: RefObject<HTMLDivElement>;
  scene: Scene | null;
  drawing: Drawing | null;
  view: View;
  name: string;
  /** The image is on its way */
  waiting: boolean;
  /** Id of the text that says what the keys do */
  help: string;
  keys: Omit<Keys, "pen">;
}

export function Stage({ frame, scene, drawing, view, name, waiting, help, keys }: StageProps) {
  const sheet = useRef<HTMLCanvasElement>(null);
  const last = useRef<Spot | null>(null);
  const [spot, setSpot] = useState<Spot | null>(null); // under the pointer, or where the keys have gone
  const [corners, setCorners] = useState<Spot[]>([]);
  const armed = drawing !== null && drawing.tool !== "look";

  useEffect(() => setCorners([]), [drawing?.tool, drawing?.target, view]);
  useEffect(() => {
    if (sheet.current) preview(sheet.current, scene, armed ? drawing : null, spot, corners);
  });

  const close = () => {
    const [first] = corners;
    if (first && corners.length > 2) drawing?.outline(first.plane, corners.map(({ at }) => at));
    setCorners([]);
  };
  const use = (at: Spot) => {
    if (drawing?.tool === "polygon") setCorners((now) => [...now, at]);
    else if (drawing?.tool === "fill") drawing.pour(at.plane, at.at);
    else {
      drawing?.draw(at.plane, [at.at, at.at]);
      last.current = at;
    }
  };
  const drag = (to: Spot) => {
    const from = last.current;
    if (!from || from.plane.axis !== to.plane.axis || from.plane.index !== to.plane.index) return;
    drawing?.draw(to.plane, [from.at, to.at]);
    last.current = to;
  };
  const lift = () => {
    if (last.current) drawing?.lift();
    last.current = null;
  };

  useKeys(frame, scene, {
    ...keys,
    pen: armed
      ? {
          spot,
          move: (to) => {
            drag(to);
            setSpot(to);
          },
          use: (at) => (last.current ? lift() : use(at)),
          close,
          drop: () => {
            lift();
            setCorners([]);
          },
        }
      : null,
  });

  const turnWheel = (event: WheelEvent) => {
    if (!armed && scene?.kind === "volume") return; // NiiVue goes through the plane under the pointer
    event.preventDefault();
    event.stopPropagation();
    if (corners.length === 0) keys.scroll(Math.sign(event.deltaY));
  };
  const here = (event: PointerEvent | MouseEvent): Spot | null => scene?.under(event.clientX, event.clientY) ?? null;
  return (
    <div
      class="stage"
      ref={frame}
      tabIndex={0}
      role="application"
      aria-label={name}
      aria-describedby={help}
      onWheelCapture={turnWheel}
    >
      {waiting && (
        <p class="waiting" role="status">
          The image is loading
        </p>
      )}
      {scene?.kind === "film" && (
        <>
          <span class="mark right">R</span>
          <span class="mark left">L</span>
        </>
      )}
      <canvas
        class={armed ? "sheet armed" : "sheet"}
        ref={sheet}
        onPointerDown={(event) => {
          const at = here(event);
          if (!at || event.button !== 0) return;
          event.preventDefault();
          frame.current?.focus({ preventScroll: true });
          event.currentTarget.setPointerCapture(event.pointerId);
          use(at);
        }}
        onPointerMove={(event) => {
          const at = here(event);
          if (at) drag(at);
          setSpot(at);
        }}
        onPointerUp={lift}
        onPointerCancel={lift}
        onPointerLeave={() => setSpot(null)}
        onDblClick={close}
      />
    </div>
  );
}

/** Draws the brush, the polygon so far and the place of the keys. */
function preview(sheet: HTMLCanvasElement, scene: Scene | null, drawing: Drawing | null, spot: Spot | null, corners: Spot[]): void {
  const ratio = devicePixelRatio;
  const { clientWidth: width, clientHeight: height } = sheet;
  const pen = sheet.getContext("2d");
  if (!pen) return;
  if (sheet.width !== width * ratio) sheet.width = width * ratio;
  if (sheet.height !== height * ratio) sheet.height = height * ratio;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  if (!scene || !drawing) return;
  const line = (trace: () => void) => {
    for (const [colour, thick] of [["#000", 3], ["#fff", 1.25]] as const) {
      pen.strokeStyle = colour;
      pen.lineWidth = thick;
      pen.beginPath();
      trace();
      pen.stroke();
    }
  };
  const place = ({ plane, at }: Spot) => scene.over(at, plane.axis);
  const path = [...corners, ...(spot && corners.length > 0 ? [spot] : [])].flatMap((one) => place(one) ?? []);
  if (path.length > 0) line(() => path.forEach(({ x, y }, i) => (i === 0 ? pen.moveTo(x, y) : pen.lineTo(x, y))));
  const at = spot && place(spot);
  if (!at) return;
  const round = drawing.tool === "brush" || drawing.tool === "eraser";
  const radius = round ? Math.max(2, (drawing.size / 2) * pixelsOfVoxel(scene, spot)) : 0;
  line(() => {
    if (round) pen.arc(at.x, at.y, radius, 0, 2 * Math.PI);
    else {
      pen.moveTo(at.x - 7, at.y);
      pen.lineTo(at.x + 7, at.y);
      pen.moveTo(at.x, at.y - 7);
      pen.lineTo(at.x, at.y + 7);
    }
  });
}

/** How many CSS pixels the finest spacing of a plane takes. */
function pixelsOfVoxel(scene: Scene, { plane, at }: Spot): number {
  const sizes = across(plane.axis).map((axis) => {
    const middle: Voxel = [...at];
    middle[axis] = scene.dims[axis] / 2;
    const next: Voxel = [...middle];
    next[axis] += 1;
    const [a, b] = [scene.over(middle, plane.axis), scene.over(next, plane.axis)];
    return a && b ? Math.hypot(a.x - b.x, a.y - b.y) : 1;
  });
  return Math.min(...sizes);
}
