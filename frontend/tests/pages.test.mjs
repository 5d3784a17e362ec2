// How drops become uploads, and how figures are written: `npm test`.

import assert from "node:assert/strict";
import test from "node:test";

import { parcels } from "../src/dropped.ts";
import { bytes, count, figure } from "../src/format.ts";

const sorted = (...paths) => parcels(paths.map((path) => ({ file: {}, path })));
const named = (...paths) => sorted(...paths).map(({ name, files }) => [name, files.length]);

test("films stand for themselves, loose DICOM files belong together", () => {
  assert.deepEqual(named("a.png", "b.NII.GZ", "1.dcm", "2", "3.dcm"), [["a.png", 1], ["b.NII.GZ", 1], ["3 files", 3]]);
});

test("a folder is one upload with the paths inside it", () => {
  const [folder, film] = sorted("ct/1.dcm", "film.jpg", "ct/deep/2.png");
  assert.equal(folder.name, "ct");
  assert.deepEqual(folder.files.map(({ path }) => path), ["ct/1.dcm", "ct/deep/2.png"]);
  assert.deepEqual([film.name, film.files.length], ["film.jpg", 1]);
});

test("a single loose file keeps its name, and nothing is nothing", () => {
  assert.deepEqual(named("IM0001"), [["IM0001", 1]]);
  assert.deepEqual(named(), []);
});

test("what is not measured is never written as a number", () => {
  assert.deepEqual([figure(null, "%"), figure(0, "%"), figure(2.25)], ["–", "0 %", "2.3"]);
  assert.deepEqual([0, 1, 1.5, 2].map((value) => figure(value, "points")), ["0 points", "1 point", "1.5 points", "2 points"]);
  assert.deepEqual([count(1, "study", "studies"), count(0, "study", "studies")], ["1 study", "0 studies"]);
  assert.deepEqual([bytes(999), bytes(1000), bytes(2_500_000_000)], ["999 B", "1.0 kB", "2.5 GB"]);
});
