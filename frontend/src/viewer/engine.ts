// NiiVue itself, set up as the reader needs it. Its programs for the graphics card take a second to get ready, so one
// engine is kept warm in a corner of the page for the next image.

import { DRAG_MODE, Niivue } from "@niivue/niivue";

/** NiiVue's number for planes in two rows of two */
const GRID = 2;

/** Draws once a frame, however often it is asked to: NiiVue asks at every change. */
class Calm extends Niivue {
  private asked = 0;

  override drawScene(): void {
    this.asked ||= requestAnimationFrame(() => {
      this.asked = 0;
      super.drawScene();
    });
  }

  /** A canvas of a new size is empty: until the next frame the picture would be black. */
  override resizeListener(): void {
    super.resizeListener();
    this.forget();
    super.drawScene();
  }

  private forget(): void {
    cancelAnimationFrame(this.asked);
    this.asked = 0;
  }

  override cleanup(): void {
    this.forget();
    super.cleanup();
  }
}

export interface Engine {
  nv: Niivue;
  /** Holds the canvas; goes where the picture is to be */
  holder: HTMLElement;
}

let spare: Promise<Engine> | null = null;

/** Gets an engine ready for the next image. */
export function warm(): void {
  if (spare) return;
  spare = build();
  spare.catch(() => (spare = null)); // who needs it tries again, and tells why it fails
}

/** An engine for an image; the spare one if there is one. */
export async function take(kind: "film" | "volume"): Promise<Engine> {
  const mine = spare ?? build();
  spare = null;
  const engine = await mine;
  const { nv } = engine;
  nv.opts.isOrientationTextVisible = kind === "volume"; // a film's marks stand on the stage
  nv.setMouseEventConfig({
    leftButton: { primary: kind === "film" ? DRAG_MODE.pan : DRAG_MODE.crosshair, withShift: DRAG_MODE.pan },
    rightButton: DRAG_MODE.windowing,
    centerButton: DRAG_MODE.pan,
  });
  return engine;
}

export function discard({ nv, holder }: Engine): void {
  nv.cleanup();
  nv.gl.getExtension("WEBGL_lose_context")?.loseContext();
  holder.remove();
}

async function build(): Promise<Engine> {
  const holder = document.createElement("div");
  holder.className = "picture";
  const canvas = document.createElement("canvas");
  holder.append(canvas);
  document.body.append(holder);
  const nv = new Calm({
    logLevel: "error",
    loadingText: "",
    dragAndDropEnabled: false,
    isRadiologicalConvention: true, // the patient's right at the picture's left
    sagittalNoseLeft: true,
    isAntiAlias: false,
    showAllOrientationMarkers: true,
    crosshairColor: [0.4, 0.75, 1, 0.7],
    crosshairWidthUnit: "mm",
    fontColor: new Float32Array([1, 1, 1, 1]),
    multiplanarPadPixels: 6,
    multiplanarForceRender: true, // the fourth place is for 3D
    invertScrollDirection: true, // down is to the feet, as Page down is
    show3Dcrosshair: false,
    viewModeHotKey: "",
    clipPlaneHotKey: "",
    cycleClipPlaneHotKey: "",
    isForceMouseClickToVoxelCenters: true,
  });
  nv.scene.renderAzimuth = 160; // nearly from the front
  nv.scene.renderElevation = 12;
  await nv.attachToCanvas(canvas);
  nv.setMultiplanarLayout(GRID);
  canvas.tabIndex = -1; // the stage takes the keys
  return { nv, holder };
}
