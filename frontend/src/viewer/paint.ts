// Drawing on a label map: brush, polygon and fill as functions of voxels, and what undoes them. No pixels of the
// screen, no viewer: positions are in voxels of the display's order, (u, v) within the plane that is drawn on.

export type Axis = 0 | 1 | 2;
export type Point = [number, number];

export interface Canvas {
  labels: Uint8Array<ArrayBuffer>;
  dims: [number, number, number];
  /** Millimetres, or anything in proportion */
  spacing: [number, number, number];
}

/** One plane of a volume: the axis that stands still, and where. */
export interface Plane {
  axis: Axis;
  index: number;
}

/** What a stroke changed, so that it can be undone and done again. */
export interface Change {
  at: Uint32Array;
  before: Uint8Array;
  after: Uint8Array;
}

/** Whether a voxel may be given another label; `label` is what it has. */
export type Allowed = (voxel: number, label: number) => boolean;

const ACROSS: Record<Axis, [Axis, Axis]> = { 0: [1, 2], 1: [0, 2], 2: [0, 1] };

/** The axes along which u and v run in a plane that stands still along `axis`. */
export const across = (axis: Axis): [Axis, Axis] => ACROSS[axis];

class Recorder {
  private readonly at: number[] = [];
  private readonly before: number[] = [];

  constructor(
    private readonly canvas: Canvas,
    private readonly value: number,
    private readonly allowed: Allowed,
  ) {}

  set(voxel: number): void {
    const label = this.canvas.labels[voxel];
    if (label === undefined || label === this.value || !this.allowed(voxel, label)) return;
    this.at.push(voxel);
    this.before.push(label);
    this.canvas.labels[voxel] = this.value;
  }

  done(): Change {
    const after = new Uint8Array(this.at.length).fill(this.value);
    return { at: Uint32Array.from(this.at), before: Uint8Array.from(this.before), after };
  }
}

interface Frame {
  width: number;
  height: number;
  spacing: Point;
  voxel: (u: number, v: number) => number;
}

function frame({ dims, spacing }: Canvas, { axis, index }: Plane): Frame {
  const [u, v] = across(axis);
  const stride: [number, number, number] = [1, dims[0], dims[0] * dims[1]];
  return {
    width: dims[u],
    height: dims[v],
    spacing: [spacing[u], spacing[v]],
    voxel: (a, b) => index * stride[axis] + a * stride[u] + b * stride[v],
  };
}

/** Draws a line with a round brush; `diameter` in voxels of the finest spacing of the plane. */
export function stroke(canvas: Canvas, plane: Plane, ends: [Point, Point], diameter: number, value: number, allowed: Allowed): Change {
  const { width, height, spacing, voxel } = frame(canvas, plane);
  const fine = Math.min(...spacing);
  const [scaleU, scaleV] = [spacing[0] / fine, spacing[1] / fine];
  const radius = diameter / 2;
  const [[u0, v0], [u1, v1]] = ends;
  const [du, dv] = [(u1 - u0) * scaleU, (v1 - v0) * scaleV];
  const length = du * du + dv * dv;
  const made = new Recorder(canvas, value, allowed);
  // the brush covers a voxel when it covers its centre, and always the one it stands on
  for (const [u, v] of ends) {
    const [nearU, nearV] = [Math.round(u), Math.round(v)];
    if (nearU >= 0 && nearU < width && nearV >= 0 && nearV < height) made.set(voxel(nearU, nearV));
  }
  const [lowU, highU] = bounds([u0, u1], radius / scaleU, width);
  const [lowV, highV] = bounds([v0, v1], radius / scaleV, height);
  for (let v = lowV; v <= highV; v++) {
    for (let u = lowU; u <= highU; u++) {
      const [pu, pv] = [(u - u0) * scaleU, (v - v0) * scaleV];
      const along = length > 0 ? Math.min(1, Math.max(0, (pu * du + pv * dv) / length)) : 0;
      if ((pu - along * du) ** 2 + (pv - along * dv) ** 2 <= radius * radius) made.set(voxel(u, v));
    }
  }
  return made.done();
}

function bounds(ends: Point, margin: number, size: number): Point {
  return [Math.max(0, Math.ceil(Math.min(...ends) - margin)), Math.min(size - 1, Math.floor(Math.max(...ends) + margin))];
}

/** Fills a polygon: every voxel whose centre lies within it (even-odd). */
export function polygon(canvas: Canvas, plane: Plane, corners: Point[], value: number, allowed: Allowed): Change {
  const { width, height, voxel } = frame(canvas, plane);
  const made = new Recorder(canvas, value, allowed);
  const rows = corners.map(([, v]) => v);
  const last = Math.min(height - 1, Math.floor(Math.max(...rows)));
  for (let v = Math.max(0, Math.ceil(Math.min(...rows))); v <= last; v++) {
    const crossings = corners.flatMap(([u0, v0], i) => {
      const [u1, v1] = corners[(i + 1) % corners.length] ?? [u0, v0];
      return v0 <= v !== v1 <= v ? [u0 + ((v - v0) / (v1 - v0)) * (u1 - u0)] : [];
    });
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const [from, to] = [crossings[i] ?? 0, crossings[i + 1] ?? -1];
      for (let u = Math.max(0, Math.ceil(from)); u <= Math.min(width - 1, Math.floor(to)); u++) made.set(voxel(u, v));
    }
  }
  return made.done();
}

/**
 * Gives the connected part round a voxel another label: in its plane, or through the whole volume. A part without a
 * label must be enclosed; null where it reaches the edge of the picture.
 */
export function fill(canvas: Canvas, plane: Plane, [u, v]: Point, through: boolean, value: number, allowed: Allowed): Change | null {
  const { dims, labels } = canvas;
  const seed = frame(canvas, plane).voxel(u, v);
  const label = labels[seed];
  if (label === undefined || label === value) return null;
  const axes: Axis[] = through ? [0, 1, 2] : across(plane.axis);
  const stride: [number, number, number] = [1, dims[0], dims[0] * dims[1]];
  const seen = new Uint8Array(labels.length);
  const part = [seed];
  seen[seed] = 1;
  for (let next = 0; next < part.length; next++) {
    const voxel = part[next] ?? 0;
    for (const axis of axes) {
      const along = Math.floor(voxel / stride[axis]) % dims[axis];
      for (const [at, edge] of [[voxel - stride[axis], along === 0], [voxel + stride[axis], along === dims[axis] - 1]] as const) {
        if (edge) {
          if (label === 0) return null;
        } else if (!seen[at] && labels[at] === label) {
          seen[at] = 1;
          part.push(at);
        }
      }
    }
  }
  const made = new Recorder(canvas, value, allowed);
  for (const voxel of part) made.set(voxel);
  return made.done();
}

/** The rims of the parts of a picture, `thick` pixels wide and within the parts; nothing else. */
export function rims(labels: ArrayLike<number>, [width, height]: Point, thick: number): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(width * height);
  for (let v = 0; v < height; v++) {
    const [up, down] = [Math.max(0, v - thick) * width, Math.min(height - 1, v + thick) * width];
    for (let u = 0; u < width; u++) {
      const label = labels[u + v * width] ?? 0;
      if (label === 0) continue;
      const [left, right] = [Math.max(0, u - thick), Math.min(width - 1, u + thick)];
      const round = [left + v * width, right + v * width, u + up, u + down];
      if (round.some((at) => labels[at] !== label)) made[u + v * width] = label;
    }
  }
  return made;
}

/** Several changes as one, in their order. */
export function joined(changes: Change[]): Change {
  const total = changes.reduce((sum, { at }) => sum + at.length, 0);
  const all: Change = { at: new Uint32Array(total), before: new Uint8Array(total), after: new Uint8Array(total) };
  let offset = 0;
  for (const { at, before, after } of changes) {
    all.at.set(at, offset);
    all.before.set(before, offset);
    all.after.set(after, offset);
    offset += at.length;
  }
  return all;
}

export function undo(labels: Uint8Array, { at, before }: Change): void {
  for (let i = at.length - 1; i >= 0; i--) labels[at[i] ?? 0] = before[i] ?? 0;
}

export function redo(labels: Uint8Array, { at, after }: Change): void {
  at.forEach((voxel, i) => (labels[voxel] = after[i] ?? 0));
}
