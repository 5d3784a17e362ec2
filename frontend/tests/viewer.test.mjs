// Drawing on label maps and writing them, without a browser: `npm test`.

import assert from "node:assert/strict";
import test from "node:test";

import { laidFlat, maskFile, toDisplay } from "../src/viewer/nifti.ts";
import { fill, joined, polygon, redo, rims, stroke, undo } from "../src/viewer/paint.ts";

const anywhere = () => true;
const sheet = (dims, spacing = [1, 1, 1]) => ({ dims, spacing, labels: new Uint8Array(dims[0] * dims[1] * dims[2]) });
const count = (labels, value = 1) => labels.reduce((sum, label) => sum + (label === value ? 1 : 0), 0);
const AXIAL = { axis: 2, index: 3 };

test("a brush of one voxel draws the voxel it stands on", () => {
  const canvas = sheet([7, 11, 13]);
  const change = stroke(canvas, AXIAL, [[2.3, 4.4], [2.3, 4.4]], 1, 1, anywhere);
  assert.deepEqual([...change.at], [2 + 7 * 4 + 77 * 3]);
  assert.equal(count(canvas.labels), 1);
});

test("a brush is round in millimetres", () => {
  const canvas = sheet([41, 41, 1], [1, 2, 1]);
  stroke(canvas, { axis: 2, index: 0 }, [[20, 20], [20, 20]], 21, 1, anywhere);
  const row = count(canvas.labels.subarray(20 * 41, 21 * 41));
  const column = count(canvas.labels.filter((_, i) => i % 41 === 20));
  assert.deepEqual([row, column], [21, 11]);
});

test("a line leaves no gap, in each of the planes", () => {
  for (const [axis, index, expected] of [[0, 6, 13], [1, 10, 13], [2, 12, 11]]) {
    const canvas = sheet([7, 11, 13]);
    const ends = axis === 2 ? [[0, 0], [0, 10]] : [[0, 0], [0, 12]];
    stroke(canvas, { axis, index }, ends, 1, 1, anywhere);
    assert.equal(count(canvas.labels), expected);
  }
});

test("what lies outside the picture is left out", () => {
  const canvas = sheet([7, 11, 13]);
  stroke(canvas, AXIAL, [[-3, -3], [9, 14]], 5, 1, anywhere);
  assert.equal(count(canvas.labels.subarray(0, 77 * 3)) + count(canvas.labels.subarray(77 * 4)), 0);
  assert.ok(count(canvas.labels) > 20);
});

test("a polygon fills what it encloses, and no more where it crosses itself", () => {
  const square = sheet([11, 11, 1]);
  const plane = { axis: 2, index: 0 };
  polygon(square, plane, [[0.5, 0.5], [5.5, 0.5], [5.5, 3.5], [0.5, 3.5]], 1, anywhere);
  assert.equal(count(square.labels), 15);
  const bow = sheet([11, 11, 1]);
  polygon(bow, plane, [[0.5, 0.5], [9.5, 9.5], [9.5, 0.5], [0.5, 9.5]], 1, anywhere);
  assert.equal(bow.labels[5 + 11 * 1], 0);
  assert.equal(bow.labels[1 + 11 * 5], 1);
});

test("only allowed voxels change", () => {
  const canvas = sheet([11, 11, 1]);
  polygon(canvas, { axis: 2, index: 0 }, [[0, 0], [10, 0], [10, 10], [0, 10]], 1, (voxel) => voxel % 2 === 0);
  assert.equal(count(canvas.labels.filter((_, i) => i % 2 === 1)), 0);
  assert.ok(count(canvas.labels) > 30);
});

test("fill closes an enclosed gap and refuses what is open", () => {
  const canvas = sheet([9, 9, 2]);
  const plane = { axis: 2, index: 0 };
  for (const [a, b] of [[[2, 2], [6, 2]], [[6, 2], [6, 6]], [[6, 6], [2, 6]], [[2, 6], [2, 2]]])
    stroke(canvas, plane, [a, b], 1, 1, anywhere);
  assert.equal(fill(canvas, plane, [0, 0], false, 1, anywhere), null);
  assert.equal(fill(canvas, plane, [4, 4], false, 1, anywhere)?.at.length, 9);
  assert.equal(count(canvas.labels), 25);
});

test("fill gives a part another label, in its plane or through the volume", () => {
  for (const [through, expected] of [[false, 4], [true, 12]]) {
    const canvas = sheet([7, 11, 13]);
    for (const z of [2, 3, 4]) for (const at of [0, 1, 7, 8]) canvas.labels[at + 77 * z] = 2;
    canvas.labels[40 + 77 * 3] = 2; // touches nothing
    const change = fill(canvas, AXIAL, [0, 0], through, 3, anywhere);
    assert.equal(change.at.length, expected);
    assert.equal(canvas.labels[40 + 77 * 3], 2);
  }
});

test("what was undone is as before, and done again as after", () => {
  const canvas = sheet([7, 11, 13]);
  const first = stroke(canvas, AXIAL, [[1, 1], [5, 9]], 4, 1, anywhere);
  const before = canvas.labels.slice();
  const pieces = [stroke(canvas, AXIAL, [[0, 5], [6, 5]], 3, 2, anywhere), stroke(canvas, AXIAL, [[3, 0], [3, 9]], 3, 0, anywhere)];
  const after = canvas.labels.slice();
  const change = joined(pieces);
  undo(canvas.labels, change);
  assert.deepEqual(canvas.labels, before);
  redo(canvas.labels, change);
  assert.deepEqual(canvas.labels, after);
  undo(canvas.labels, change);
  undo(canvas.labels, first);
  assert.equal(count(canvas.labels, 0), canvas.labels.length);
});

/** Every way in which a file's axes can run: 6 orders, 8 directions. */
function* orders(sizes) {
  const strides = [1, sizes[0], sizes[0] * sizes[1]];
  for (const axes of [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]) {
    for (let turned = 0; turned < 8; turned++) {
      const back = axes.map((_, i) => (turned >> i) & 1);
      yield {
        dims: axes.map((axis) => sizes[axis]),
        start: axes.map((axis, i) => (back[i] ? (sizes[axis] - 1) * strides[axis] : 0)),
        step: axes.map((axis, i) => (back[i] ? -strides[axis] : strides[axis])),
      };
    }
  }
}

test("a mask is written as it was read, whichever way its axes run, behind the image's own header", async () => {
  const sizes = [7, 11, 13];
  const stored = Uint8Array.from({ length: 7 * 11 * 13 }, (_, i) => (i * 37) % 4);
  const header = Uint8Array.from({ length: 352 }, (_, i) => i % 251);
  for (const order of orders(sizes)) {
    const shown = toDisplay(stored, order);
    const packed = await maskFile(shown, order, header.buffer);
    const bytes = new Uint8Array(await new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
    assert.deepEqual(bytes.subarray(352), stored);
    assert.deepEqual(bytes.subarray(252, 344), header.subarray(252, 344)); // qform and sform
    assert.equal(new DataView(bytes.buffer).getInt16(70, true), 2); // uint8
    assert.equal(new DataView(bytes.buffer).getFloat32(112, true), 1); // as they are
  }
});

test("a film laid flat has the head where the front was, and nothing else changes", () => {
  const film = new ArrayBuffer(400);
  const header = new DataView(film);
  const rows = [
    [-1, 0, 0, 5],
    [0, 0, -2, 6],
    [0, -3, 0, 7],
  ];
  rows.flat().forEach((value, i) => header.setFloat32(280 + 4 * i, value, true));
  const flat = laidFlat(film);
  const read = (buffer) => Array.from({ length: 12 }, (_, i) => new DataView(buffer).getFloat32(280 + 4 * i, true) + 0);
  assert.deepEqual(read(flat), [-1, 0, 0, 5, 0, -3, 0, 7, 0, 0, 2, -6]);
  assert.deepEqual(read(film), rows.flat());
  assert.deepEqual(new Uint8Array(flat, 348), new Uint8Array(film, 348));
});

test("rims are as thick as asked, within their parts, and open at no edge of the picture", () => {
  const [width, height] = [13, 11];
  const labels = new Uint8Array(width * height);
  for (let v = 2; v < 9; v++) for (let u = 3; u < 13; u++) labels[u + v * width] = u < 8 ? 1 : 2;
  const shown = rims(labels, [width, height], 2);
  const row = [...shown.subarray(5 * width, 6 * width)];
  assert.deepEqual(row, [0, 0, 0, 1, 1, 0, 1, 1, 2, 2, 0, 0, 0]); // label 2 goes on beyond the picture
  assert.ok(shown.every((label, i) => label === 0 || label === labels[i]));
  assert.equal(count(rims(new Uint8Array(width * height), [width, height], 1), 0), width * height);
});
