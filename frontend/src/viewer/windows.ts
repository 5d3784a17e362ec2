// What part of the grey scale is shown: presets of radiology for CT, and shares of the picture's own range for films.

export interface Range {
  low: number;
  high: number;
}

export interface Preset {
  id: string;
  title: string;
  /** What to show of an image; `auto` is its range without the outermost 2 %, `full` all of it */
  range: (auto: Range, full: Range) => Range;
}

const hounsfield = (id: string, title: string, level: number, width: number): Preset => ({
  id,
  title,
  range: () => ({ low: level - width / 2, high: level + width / 2 }),
});

const AUTO: Preset = { id: "auto", title: "Automatic", range: (auto) => auto };

const CT = [
  hounsfield("lung", "Lung", -600, 1500),
  hounsfield("mediastinum", "Mediastinum", 40, 400),
  hounsfield("bone", "Bone", 400, 1800),
  AUTO,
];

const FILM = [AUTO, { id: "full", title: "Full range", range: (_: Range, full: Range) => full }];

/** The presets of a kind of image, the one to begin with first. */
export const presets = (kind: "film" | "volume"): Preset[] => (kind === "film" ? FILM : CT);
