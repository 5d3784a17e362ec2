// The picture: what is looked at, and how. Positions are voxels of the display's order (x to the patient's right,
// y to the front, z to the head; a film lies flat, y to the head), and everything but loading happens in the browser.

import { type Niivue, type NVImage, NVImage as Volume, SLICE_TYPE } from "@niivue/niivue";

import type { Layer } from "../types";
import { discard, type Engine, take } from "./engine";
import { colours, FAINT, Layers, placed } from "./layers";
import { fetchNifti, type Order } from "./nifti";
import type { Axis, Canvas, Change, Plane } from "./paint";
import { presets, type Range } from "./windows";

export type Kind = "film" | "volume";
export type View = "planes" | "axial" | "coronal" | "sagittal" | "solid";
export type Voxel = [number, number, number];

const SLICES: Record<View, SLICE_TYPE> = {
  planes: SLICE_TYPE.MULTIPLANAR,
  axial: SLICE_TYPE.AXIAL,
  coronal: SLICE_TYPE.CORONAL,
  sagittal: SLICE_TYPE.SAGITTAL,
  solid: SLICE_TYPE.RENDER,
};

const STILL: Partial<Record<SLICE_TYPE, Axis>> = {
  [SLICE_TYPE.AXIAL]: 2,
  [SLICE_TYPE.CORONAL]: 1,
  [SLICE_TYPE.SAGITTAL]: 0,
};

const SLICE_OF: Record<Axis, SLICE_TYPE> = { 2: SLICE_TYPE.AXIAL, 1: SLICE_TYPE.CORONAL, 0: SLICE_TYPE.SAGITTAL };

/** Thickness of the crosshair */
const CROSS_MM = 1.6;

/** Cuts the body, not the layers, in front: lungs and lesions stand in the open chest. */
const CHEST_OPEN = [0.02, 180, 0];
const UNCUT = [2, 0, 0];

/** A voxel, and the plane in which it is looked at */
export interface Spot {
  plane: Plane;
  at: Voxel;
}

export interface Events {
  /** The crosshair has moved to this voxel; `value` is the image's there */
  moved: (at: Voxel, value: number) => void;
  /** The grey scale was changed by dragging */
  windowed: (range: Range) => void;
}

export class Scene {
  private constructor(
    private readonly engine: Engine,
    readonly kind: Kind,
    private readonly image: NVImage,
    /** The image's first bytes, which a mask on its grid begins with too */
    readonly header: ArrayBuffer,
  ) {
    this.layers = new Layers(kind, image);
  }

  readonly layers: Layers;

  /** Draws an image on a stage; `signal` ends the loading. */
  static async open(stage: HTMLElement, kind: Kind, url: string, events: Events, signal: AbortSignal): Promise<Scene> {
    const bytes = await fetchNifti(url, signal);
    const image = await Volume.loadFromUrl({ url: placed(kind, bytes), name: "image.nii", colormap: "gray" });
    const engine = await take(kind);
    if (signal.aborted) discard(engine);
    signal.throwIfAborted();
    const { nv, holder } = engine;
    stage.prepend(holder);
    nv.resizeListener();
    const scene = new Scene(engine, kind, image, bytes.slice(0, 352));
    nv.onLocationChange = () => {
      const at = scene.at();
      events.moved(at, scene.value(at));
    };
    nv.onIntensityChange = () => events.windowed(scene.window);
    const [first] = presets(kind);
    if (first) scene.grey(first.range(scene.auto, scene.full));
    scene.show(kind === "film" ? "axial" : "planes");
    scene.redraw();
    return scene;
  }

  close(): void {
    discard(this.engine);
  }

  private get nv(): Niivue {
    return this.engine.nv;
  }

  /** Display size along x, y, z. */
  get dims(): Voxel {
    const [, x = 1, y = 1, z = 1] = this.image.dimsRAS ?? [];
    return [x, y, z];
  }

  get spacing(): Voxel {
    const [, x = 1, y = 1, z = 1] = this.image.pixDimsRAS ?? [];
    return [x, y, z];
  }

  get order(): Order {
    return { dims: this.dims, start: this.image.img2RASstart ?? [0, 0, 0], step: this.image.img2RASstep ?? [1, 1, 1] };
  }

  // Grey scale

  get window(): Range {
    return { low: this.image.cal_min ?? 0, high: this.image.cal_max ?? 1 };
  }

  set window(range: Range) {
    this.grey(range);
    this.nv.refreshLayers(this.image, 0);
    this.nv.drawScene();
  }

  private grey({ low, high }: Range): void {
    this.image.cal_min = low;
    this.image.cal_max = high;
  }

  get auto(): Range {
    return { low: this.image.robust_min ?? 0, high: this.image.robust_max ?? 1 };
  }

  get full(): Range {
    return { low: this.image.global_min ?? 0, high: this.image.global_max ?? 1 };
  }

  invert(inverted: boolean): void {
    if (inverted === Boolean(this.image.colormapInvert)) return;
    this.image.colormapInvert = inverted;
    this.nv.updateGLVolume();
  }

  // Layers

  /** Shows these layers, in their order; the others are away. Outlined, structures are not filled. */
  compose(shown: { layer: Layer; opacity: number }[], outlined: boolean): void {
    this.nv.opts.atlasOutline = outlined && this.kind === "volume" ? 1 : 0;
    this.redraw(this.layers.volumes(shown, outlined));
  }

  private redraw(layers: NVImage[] = []): void {
    this.nv.volumes = [this.image, ...layers];
    this.nv.back = this.image;
    this.nv.overlays = layers;
    this.nv.updateGLVolume();
  }

  // Where one looks

  show(view: View): void {
    this.nv.opts.crosshairWidth = view === "planes" ? CROSS_MM : 0;
    if (this.kind === "volume") this.nv.setClipPlane(view === "planes" || view === "solid" ? CHEST_OPEN : UNCUT);
    this.nv.setSliceType(SLICES[view]);
  }

  at(): Voxel {
    const [x = 0, y = 0, z = 0] = this.nv.frac2vox(this.nv.scene.crosshairPos);
    return [x, y, z];
  }

  value(at: Voxel): number {
    return this.image.getValue(...at);
  }

  go(axis: Axis, index: number): void {
    const size = this.dims[axis];
    this.nv.scene.crosshairPos[axis] = (Math.min(size - 1, Math.max(0, index)) + 0.5) / size;
    this.nv.drawScene();
    this.nv.createOnLocationChange();
  }

  /** Nearer or farther, round the middle of what is shown; where several planes are, round the crosshair. */
  zoom(factor: number): void {
    const pan = this.nv.scene.pan2Dxyzmm;
    const now = pan[3];
    const next = Math.min(12, Math.max(1, now * factor));
    const centre = this.nv.frac2mm(this.middle());
    if (next === 1) this.nv.setPan2Dxyzmm([0, 0, 0, 1]);
    else {
      const shift = now - next;
      this.nv.setPan2Dxyzmm([pan[0] + shift * centre[0], pan[1] + shift * centre[1], pan[2] + shift * centre[2], next]);
    }
    if (this.kind === "volume") {
      this.nv.setScale(Math.min(4, Math.max(0.5, this.nv.scene.volScaleMultiplier * factor)));
    }
  }

  /** The middle of the plane that is shown, in shares of the volume; the crosshair where there are several. */
  private middle(): Voxel {
    const [x = 0.5, y = 0.5, z = 0.5] = this.nv.scene.crosshairPos;
    const [first, second] = this.nv.screenSlices;
    if (!first || second) return [x, y, z];
    const { width, height } = this.nv.gl.canvas;
    const share = this.nv.screenXY2TextureFrac(width / 2, height / 2, 0, false);
    return share[0] < 0 ? [x, y, z] : [share[0], share[1], share[2]];
  }

  fit(): void {
    this.nv.setPan2Dxyzmm([0, 0, 0, 1]);
    if (this.kind === "volume") this.nv.setScale(1);
  }

  turn(degrees: number): void {
    const { renderAzimuth, renderElevation } = this.nv.scene;
    this.nv.setRenderAzimuthElevation(renderAzimuth + degrees, renderElevation);
  }

  /** What lies under a point of the window: the plane, and where in the volume, in parts of voxels too. */
  under(clientX: number, clientY: number): Spot | null {
    const ratio = this.nv.uiData.dpr ?? 1;
    const box = this.nv.gl.canvas instanceof HTMLCanvasElement ? this.nv.gl.canvas.getBoundingClientRect() : null;
    if (!box) return null;
    const [x, y] = [(clientX - box.left) * ratio, (clientY - box.top) * ratio];
    const tile = this.nv.tileIndex(x, y);
    const axis = STILL[this.nv.screenSlices[tile]?.axCorSag ?? SLICE_TYPE.RENDER];
    if (axis === undefined) return null;
    const share = this.nv.screenXY2TextureFrac(x, y, tile, false);
    const dims = this.dims;
    const at: Voxel = [share[0] * dims[0] - 0.5, share[1] * dims[1] - 0.5, share[2] * dims[2] - 0.5];
    return { plane: { axis, index: this.at()[axis] }, at };
  }

  /** Where a voxel of a plane stands, in CSS pixels of the canvas; null where it is not shown. */
  over(at: Voxel, axis: Axis): { x: number; y: number } | null {
    const dims = this.dims;
    const share = [0, 1, 2].map((i) => ((at[i] ?? 0) + 0.5) / (dims[i] ?? 1)) as Voxel;
    const found = this.nv.frac2canvasPosWithTile(share, SLICE_OF[axis]);
    if (!found || this.nv.screenSlices[found.tileIndex]?.axCorSag !== SLICE_OF[axis]) return null;
    const ratio = this.nv.uiData.dpr ?? 1;
    return { x: (found.pos[0] ?? 0) / ratio, y: (found.pos[1] ?? 0) / ratio };
  }

  // Drawing

  /** Shows labels that are being drawn, above everything, in a layer's colours. */
  draw({ labels }: Canvas, layer: Layer): void {
    this.nv.createEmptyDrawing();
    this.nv.drawBitmap = labels;
    this.nv.setDrawColormap(colours(layer) as unknown as string); // takes a colour map too, says its documentation
    this.nv.refreshDrawing(true);
  }

  drawOpacity(opacity: number, outlined: boolean): void {
    this.nv.drawRimOpacity = outlined && opacity > 0 ? 1 : -1;
    this.nv.setDrawOpacity(outlined ? Math.min(opacity, FAINT) : opacity);
  }

  /** Brings what a stroke changed onto the screen: only the box round it. */
  refresh({ dims, labels }: Canvas, { at }: Change): void {
    if (at.length === 0) return;
    const low: Voxel = [...dims];
    const high: Voxel = [0, 0, 0];
    for (const voxel of at) {
      const place = [voxel % dims[0], Math.floor(voxel / dims[0]) % dims[1], Math.floor(voxel / (dims[0] * dims[1]))];
      for (const axis of [0, 1, 2] as const) {
        low[axis] = Math.min(low[axis], place[axis] ?? 0);
        high[axis] = Math.max(high[axis], place[axis] ?? 0);
      }
    }
    const gl = this.nv.gl;
    gl.activeTexture(gl.TEXTURE7); // where NiiVue keeps the drawing
    gl.bindTexture(gl.TEXTURE_3D, this.nv.drawTexture);
    const size = [0, 1, 2].map((axis) => (high[axis] ?? 0) - (low[axis] ?? 0) + 1) as Voxel;
    const skips = [gl.UNPACK_ROW_LENGTH, gl.UNPACK_IMAGE_HEIGHT, gl.UNPACK_SKIP_PIXELS, gl.UNPACK_SKIP_ROWS, gl.UNPACK_SKIP_IMAGES];
    [dims[0], dims[1], ...low].forEach((value, i) => gl.pixelStorei(skips[i] ?? 0, value));
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texSubImage3D(gl.TEXTURE_3D, 0, ...low, ...size, gl.RED, gl.UNSIGNED_BYTE, labels);
    skips.forEach((skip) => gl.pixelStorei(skip, 0));
    this.nv.drawScene();
  }

  endDrawing(): void {
    this.nv.closeDrawing();
  }
}
