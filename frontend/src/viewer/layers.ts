// The layers of an image as NiiVue's volumes: fetched once, shown filled or outlined.

import { type NVImage, NVImage as Volume } from "@niivue/niivue";

import type { Layer } from "../types";
import { fetchNifti, laidFlat } from "./nifti";
import { rims } from "./paint";

type Numbers = NonNullable<NVImage["img"]>;

interface Loaded {
  volume: NVImage;
  /** As the file has them */
  numbers: Numbers;
  /** Of structures on a film, once they were outlined: as wide as the eye needs, where a voxel may be less */
  rims?: Uint8Array<ArrayBuffer>;
}

/** NIfTI's code of numbers that name structures; NiiVue outlines those only. */
const LABELS = 1002;

/** The filling of what is only outlined */
export const FAINT = 0.01;

/** Pixels of a film to a pixel of its outlines' width */
const FINE = 600;

/** An image's bytes as they are displayed. */
export const placed = (kind: "film" | "volume", bytes: ArrayBuffer) => (kind === "film" ? laidFlat(bytes) : bytes);

export class Layers {
  /** By address: a layer of another version is another layer */
  private readonly loaded = new Map<string, Loaded>();

  constructor(
    private readonly kind: "film" | "volume",
    private readonly image: NVImage,
  ) {}

  /** Fetches a layer, not shown yet; false if it does not lie on the image's grid. */
  async load(layer: Layer, signal: AbortSignal): Promise<boolean> {
    const url = placed(this.kind, await fetchNifti(layer.url, signal));
    const volume = await Volume.loadFromUrl({ url, name: `${layer.name}.nii`, opacity: 0 });
    signal.throwIfAborted();
    const { img: numbers, hdr } = volume;
    if (!numbers || hdr?.dims.slice(1, 4).join() !== this.image.hdr?.dims.slice(1, 4).join()) return false;
    if (layer.kind === "labels") {
      volume.setColormapLabel(colours(layer));
      if (hdr) hdr.intent_code = LABELS;
    } else {
      const top = volume.global_max !== undefined && volume.global_max > 1 ? 255 : 1;
      volume.colormap = "warm";
      volume.cal_min = top / 10;
      volume.cal_max = top;
    }
    this.loaded.set(layer.url, { volume, numbers });
    return true;
  }

  has({ url }: Layer): boolean {
    return this.loaded.has(url);
  }

  /** Forgets all layers but these. */
  keep(layers: Layer[]): void {
    const urls = new Set(layers.map(({ url }) => url));
    for (const url of this.loaded.keys()) if (!urls.has(url)) this.loaded.delete(url);
  }

  /** The numbers of a loaded layer, as the file has them. */
  numbers({ url }: Layer): ArrayLike<number> | null {
    return this.loaded.get(url)?.numbers ?? null;
  }

  /** What NiiVue shows of these layers, in their order. */
  volumes(shown: { layer: Layer; opacity: number }[], outlined: boolean): NVImage[] {
    return shown.flatMap(({ layer, opacity }) => {
      const loaded = this.loaded.get(layer.url);
      if (!loaded) return [];
      const { volume, numbers } = loaded;
      volume.img = numbers;
      volume.opacity = opacity;
      if (outlined && layer.kind === "labels") {
        if (this.kind === "film") volume.img = loaded.rims ??= this.rims(numbers);
        volume.opacity = this.kind === "film" ? 1 : FAINT;
      }
      return [volume];
    });
  }

  private rims(numbers: Numbers): Uint8Array<ArrayBuffer> {
    const [, width = 1, height = 1] = this.image.hdr?.dims ?? [];
    return rims(numbers, [width, height], Math.max(1, Math.round(Math.max(width, height) / FINE)));
  }
}

/** A layer's colours as NiiVue takes them: nothing at 0, then each label in its own. */
export function colours({ labels }: Layer) {
  const part = (at: number) => labels.map(({ colour }) => Number.parseInt(colour.slice(at, at + 2), 16));
  return {
    R: [0, ...part(1)],
    G: [0, ...part(3)],
    B: [0, ...part(5)],
    A: [0, ...labels.map(() => 255)],
    I: [0, ...labels.map(({ number }) => number)],
    labels: ["", ...labels.map(({ title }) => title)],
  };
}
