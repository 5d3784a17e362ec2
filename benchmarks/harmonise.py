"""What it costs to harmonise volumes, against SimpleITK's bare resampling of the same volumes.

    python benchmarks/harmonise.py [--volumes 200] [--shape 120,256,256] [--workers 2] [--json FILE] [--check]

The volumes are computed, each with a mask of the lungs and one of the lesions, in ``.nii.gz`` files. Hilum's side is
``hilum datasets harmonise`` with the defaults, a process of its own from its start to its end: reading, hashing,
cropping about the lungs, resampling to 4.5 x 0.9 x 0.9 mm with antialiasing, writing, table and manifest. SimpleITK's
side is the resampling of each volume and its two masks to that spacing and nothing else, once the files have been read
(linear, masks by the nearest neighbour, over the whole field of view), with as many threads; what reading and writing
with SimpleITK costs is told beside it. --whole has Hilum keep the whole field of view too.

--check fails if Hilum takes more than 1.5 times as long as the bare resampling.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from computed_volumes import COARSE, EXTENT_MM, enlarged
from measure import Row, Spent, parser, report, spend

from hilum.datasets.schema import CaseTable, DatasetCase, Mask, MaskKind
from hilum.geometry import VolumeGrid
from hilum.phantom import random_lesions, thorax

SPACING_MM = (4.5, 0.9, 0.9)
"""Between slices, rows and columns: the default of ``hilum datasets harmonise``."""

RATIO = 1.5
"""How many times the bare resampling Hilum may take."""

BODIES = 4
"""Different bodies among the volumes; each volume has noise of its own."""

Shape = tuple[int, int, int]


def write_source(folder: Path, count: int, shape: Shape, *, coarse: Shape = COARSE) -> Path:
    """Write volumes with their masks, and their table; gives back the table's path.

    Parameters
    ----------
    folder : where to
    count : volumes
    shape : (slices, rows, columns) of each
    coarse : voxels of the phantom that is enlarged
    """
    cases: list[DatasetCase] = []
    for number in range(count):
        place = folder / f"v{number:03d}"
        place.mkdir(parents=True)
        small = _small(number % BODIES, coarse)
        _write(place / "ct.nii.gz", enlarged(small.ct.array, shape, number))
        for name in ("lungs", "lesions"):
            _write(place / f"{name}.nii.gz", _repeated(getattr(small, name).array, shape))
        masks: dict[MaskKind, Mask] = {
            "lungs": Mask(place / "lungs.nii.gz", {1: "right-lung", 2: "left-lung"}),
            "lesions": Mask(place / "lesions.nii.gz", {1: "ground-glass", 2: "consolidation", 3: "effusion"}),
        }
        cases.append(DatasetCase("phantom", place.name, place.name, "CT", place / "ct.nii.gz", masks))
    CaseTable.of(cases).write_csv(folder / "cases.csv")
    return folder / "cases.csv"


def _small(seed: int, coarse: Shape) -> Any:
    spacing = [size / count for size, count in zip(EXTENT_MM, coarse, strict=True)]
    grid = VolumeGrid.of_spacing(coarse, (spacing[0], spacing[1], spacing[2]), (-190.0, -190.0, -170.0))
    return thorax(seed, grid=grid, lesions=random_lesions(seed, 0.5))


def _repeated(labels: np.ndarray, shape: Shape) -> np.ndarray:
    places = [np.arange(count) * old // count for old, count in zip(labels.shape, shape, strict=True)]
    return labels[np.ix_(*places)]


def _write(path: Path, array: np.ndarray) -> None:
    size = [extent / count for extent, count in zip(EXTENT_MM, array.shape, strict=True)]
    affine = np.diag([-size[2], -size[1], size[0], 1.0])
    affine[:3, 3] = [190.0, 190.0, -170.0]
    nibabel.save(nibabel.Nifti1Image(array.T, affine), path)


def resample(table: Path, output: Path, threads: int) -> dict[str, float]:
    """SimpleITK's seconds for reading, resampling and writing every volume of a table, each by itself.

    ``cpu`` is the processor time of the resampling, all threads.
    """
    import SimpleITK as sitk  # noqa: N813 - its usual name

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    took = {"read": 0.0, "resample": 0.0, "write": 0.0, "cpu": 0.0}
    output.mkdir()
    for case in CaseTable.read_csv(table):
        for path in case.files:
            start = time.perf_counter()
            image = sitk.ReadImage(str(path))
            read, busy = time.perf_counter(), time.process_time()
            is_mask = path.name != "ct.nii.gz"
            made = sitk.Resample(
                image,
                _size(image),
                sitk.Transform(),
                sitk.sitkNearestNeighbor if is_mask else sitk.sitkLinear,
                image.GetOrigin(),
                SPACING_MM[::-1],
                image.GetDirection(),
                0 if is_mask else -1000,
                image.GetPixelID(),
            )
            resampled, worked = time.perf_counter(), time.process_time() - busy
            sitk.WriteImage(made, str(output / f"{case.case}-{path.name}"), useCompression=True)
            written = time.perf_counter()
            for name, seconds in zip(took, (read - start, resampled - read, written - resampled, worked), strict=True):
                took[name] += seconds
    return took


def _size(image: Any) -> list[int]:
    pairs = zip(image.GetSize(), image.GetSpacing(), SPACING_MM[::-1], strict=True)
    return [int(np.ceil(count * size / wanted - 0.01)) for count, size, wanted in pairs]


def rows(count: int, hilum: Spent, theirs: dict[str, float]) -> list[Row]:
    """The lines of the table, with the ratio to the bare resampling."""
    bare = theirs["resample"]
    spent = {
        "hilum datasets harmonise": (hilum.wall_s, hilum.cpu_s),
        "SimpleITK, bare resampling": (bare, theirs["cpu"]),
        "SimpleITK, with reading and writing": (bare + theirs["read"] + theirs["write"], None),
    }
    return [
        {"what": what, "s": wall, "CPU s": cpu, "s a volume": wall / count, "times the bare resampling": wall / bare}
        for what, (wall, cpu) in spent.items()
    ]


def verdict(ratio: float) -> str:
    """Whether a ratio is as low as it is to be, in a word."""
    return "reached" if ratio <= RATIO else "MISSED"


def main() -> int:
    """Exit status 1 if --check finds the ratio missed."""
    options = parser(__doc__)
    options.add_argument("--volumes", type=int, default=200)
    options.add_argument("--shape", default="120,256,256", help="slices, rows, columns")
    options.add_argument("--workers", type=int, default=2, help="cases at once, and SimpleITK's threads")
    options.add_argument("--whole", action="store_true", help="Hilum keeps the whole field of view, too")
    options.add_argument("--check", action="store_true", help="fail if the ratio is missed")
    options.add_argument("--bare", nargs=2, type=Path, help="resample a table with SimpleITK and print the seconds")
    given = options.parse_args()
    if given.bare:
        table, folder = given.bare
        print(json.dumps(resample(table, folder, given.workers)))
        return 0
    slices, height, width = (int(number) for number in given.shape.split(","))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        table = write_source(folder / "source", given.volumes, (slices, height, width))
        command: list[str | Path] = [sys.executable, "-m", "hilum", "datasets", "harmonise", table, "-o", folder / "db"]
        command += ["-q", "--workers", str(given.workers), *(["--about", "centre"] if given.whole else [])]
        hilum = spend(command)
        shutil.rmtree(folder / "db")
        bare = [sys.executable, __file__, "--bare", table, folder / "itk", "--workers", str(given.workers)]
        theirs = json.loads(spend(bare).output.splitlines()[-1])
    made = rows(given.volumes, hilum, theirs)
    title = f"{given.volumes} volumes of {width}x{height}x{slices}, {given.workers} at once"
    report(title, made, given.json, hilum_peak_mb=hilum.peak_mb)
    ratio = made[0]["times the bare resampling"]
    print(f"\nHilum had at most {hilum.peak_mb:.0f} MB in memory.")
    print(f"Hilum took {ratio:.2f} times the bare resampling; goal: at most {RATIO:g}, {verdict(ratio)}.")
    return 1 if given.check and ratio > RATIO else 0


if __name__ == "__main__":
    sys.exit(main())
