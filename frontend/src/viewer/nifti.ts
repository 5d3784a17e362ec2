// NIfTI files as bytes: what the scene needs to give a corrected mask back on exactly the grid that was served.
// The mask's header is the image's own, byte by byte, but for the type of its numbers: nothing is computed anew.

const HEADER = 352; // of NIfTI-1: 348 bytes, and four that say that no extensions follow
const AT = { datatype: 70, bits: 72, offset: 108, slope: 112, intercept: 116, max: 124, min: 128, qform: 252, rows: 280 };
const UINT8 = 2;
const ROW = 16; // bytes of a row of the affine

/** How the display's voxels (x to the right, y to the front, z to the head) lie in the file's order. */
export interface Order {
  /** Display size along x, y, z */
  dims: [number, number, number];
  /** Index in the file of the display's first voxel, by axis */
  start: number[];
  /** Steps in the file along x, y, z */
  step: number[];
}

/** Fetches a NIfTI file and gives its bytes, unpacked. */
export async function fetchNifti(url: string, signal: AbortSignal): Promise<ArrayBuffer> {
  const response = await fetch(url, { credentials: "same-origin", signal });
  if (!response.ok || !response.body) throw new Error(`The server answered ${response.status} when asked for an image.`);
  const bytes = await response.arrayBuffer();
  const head = new Uint8Array(bytes, 0, Math.min(2, bytes.byteLength));
  if (head[0] !== 0x1f || head[1] !== 0x8b) return bytes;
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/**
 * A film lies in its file as if it stood in the patient, one slice thick from front to back. Laid flat, head to the
 * front, it is drawn in one piece; standing, a graphics card draws it row by row. For the display only.
 */
export function laidFlat(film: ArrayBuffer): ArrayBuffer {
  const bytes = new Uint8Array(film.slice(0));
  const header = new DataView(bytes.buffer);
  const [frontward, headward] = [AT.rows + ROW, AT.rows + 2 * ROW];
  for (let column = 0; column < ROW; column += 4) {
    const front = header.getFloat32(frontward + column, true);
    header.setFloat32(frontward + column, header.getFloat32(headward + column, true), true);
    header.setFloat32(headward + column, -front, true);
  }
  header.setInt16(AT.qform, 0, true);
  return bytes.buffer;
}

/** The numbers of a label map, in the display's order. */
export function toDisplay(voxels: ArrayLike<number>, order: Order): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(size(order));
  walk(order, (shown, stored) => {
    made[shown] = voxels[stored] ?? 0;
  });
  return made;
}

/** A label map in the display's order as a gzipped NIfTI file on the image's grid. */
export async function maskFile(labels: Uint8Array, order: Order, imageHeader: ArrayBuffer): Promise<Blob> {
  const file = new Uint8Array(HEADER + size(order));
  file.set(new Uint8Array(imageHeader, 0, HEADER - 4));
  const header = new DataView(file.buffer);
  header.setInt16(AT.datatype, UINT8, true);
  header.setInt16(AT.bits, 8, true);
  header.setFloat32(AT.offset, HEADER, true);
  header.setFloat32(AT.slope, 1, true);
  for (const zero of [AT.intercept, AT.max, AT.min]) header.setFloat32(zero, 0, true);
  walk(order, (shown, stored) => {
    file[HEADER + stored] = labels[shown] ?? 0;
  });
  const packed = new Blob([file]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(packed, { headers: { "Content-Type": "application/gzip" } }).blob();
}

const size = ({ dims }: Order) => dims[0] * dims[1] * dims[2];

function walk({ dims, start, step }: Order, visit: (shown: number, stored: number) => void): void {
  const [sx = 0, sy = 0, sz = 0] = start;
  const [dx = 1, dy = 1, dz = 1] = step;
  let shown = 0;
  for (let z = 0; z < dims[2]; z++) {
    for (let y = 0; y < dims[1]; y++) {
      let stored = sx + sy + y * dy + sz + z * dz;
      for (let x = 0; x < dims[0]; x++, stored += dx) visit(shown++, stored);
    }
  }
}
