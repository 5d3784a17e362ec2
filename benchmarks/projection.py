"""What a projection of a CT costs: a pixel loop, plain numpy, Hilum, and libraries of rendering on the processor.

    python benchmarks/projection.py [--shape 150,256,256] [--film 256] [--times 5] [--json FILE] [--check]

The volume is a computed thorax. Three tables come of one run:

* plain sums of 8-bit grey: the published pixel loop (each pixel of each slice added up in Python), numpy's ``sum``, and
  Hilum's column sums;
* attenuation by parallel rays: a table of attenuation and numpy's ``sum``, and Hilum's, from Hounsfield units to line
  integrals; both against the same pixel loop;
* a point source on a square film of --film pixels, at one geometry: Hilum, and as far as they are installed diffdrr
  (Siddon, trilinear) and nanodrr, each from a volume of attenuation that is ready to line integrals. The error is the
  root of the mean square difference, in per cent of the mean, to a fine reference: trilinear interpolation at 40
  points a voxel in float64 along the rays of 3,000 pixels. The libraries' numbers of points a ray are those given by
  --points; a library is as good as Hilum from the number on at which its error is no larger.

Seconds are those of the quickest run by the clock, with all cores; beside them the processor's time of that run.
--check fails if the plain sum is less than 300 times as fast as the loop, attenuation less than 100 times, or Hilum's
point source is slower than the fastest library run whose error is no larger than Hilum's.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from typing import Any

import measure
import numpy as np
from numpy.typing import NDArray

from hilum.geometry import VolumeGrid
from hilum.phantom import thorax
from hilum.projection.attenuation import mixture
from hilum.projection.beam import Beam, Layout, lay_out
from hilum.projection.rays import Rays, column_sums

SUM_TIMES, ATTENUATION_TIMES = 300, 100
"""How many times as fast as the pixel loop the plain sum and the attenuation must be."""

KEV = 60.0
REFERENCE_PIXELS, REFERENCE_POINTS = 3000, 40
EXTENT_MM = (300.0, 260.0, 380.0)
CHUNK = 8192
"""Rays at a time, so that the libraries' points fit into memory."""

Volume = NDArray[Any]
Row = dict[str, Any]


def main() -> None:
    """Measure, print and check."""
    options = _options()
    slices, rows, columns = (int(n) for n in options.shape.split(","))
    spacing = EXTENT_MM[0] / slices, EXTENT_MM[1] / rows, EXTENT_MM[2] / columns
    grid = VolumeGrid.of_spacing((slices, rows, columns), spacing, (-190.0, -130.0, -150.0))
    ct = thorax(3, grid=grid).ct.array
    beam = Beam("PA", "point", source_mm=1800, gap_mm=30, pitch_mm=440.0 / options.film)
    sums = _sums(ct, grid, options.times)
    measure.report(f"Plain sums of {options.shape} voxels of 8-bit grey", sums, None)
    attenuation = _attenuation(ct, grid, options.times, (sums[0]["seconds"], sums[0]["processor s"]))
    measure.report("Attenuation by parallel rays", attenuation, None)
    layout = lay_out(beam, grid, (options.film, options.film))
    points = [int(n) for n in options.points.split(",")]
    sources = _point_source(mixture(KEV)(ct), layout, options.times, points)
    title = f"Point source, {options.film} x {options.film} pixels"
    measure.report(title, sources, options.json, sums=sums, attenuation=attenuation)
    if options.check:
        _check(sums, attenuation, sources)


def _options() -> Any:
    parser = measure.parser(__doc__)
    parser.add_argument("--shape", default="150,256,256", help="slices, rows and columns of the volume")
    parser.add_argument("--film", type=int, default=256, help="side of the point source's film in pixels")
    parser.add_argument("--times", type=int, default=5, help="runs, of which the quickest counts")
    parser.add_argument("--points", default="64,128,256,512", help="points a ray, of the libraries that sample")
    parser.add_argument("--check", action="store_true", help="fail if a bound is missed")
    return parser.parse_args()


def timed(run: Callable[[], Any], times: int) -> tuple[float, float, Any]:
    """Seconds of the quickest run, its processor seconds, and what it gave."""
    best, spent, made = np.inf, 0.0, None
    for _ in range(times):
        wall, processor = time.perf_counter(), time.process_time()
        made = run()
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        if wall < best:
            best, spent = wall, processor
    return float(best), float(spent), made


def pixel_loop(grey: Volume) -> Volume:
    """The published projection: every pixel of every slice is added to its column's sum, the first slice lowest."""
    slices, rows, columns = grey.shape
    made = np.zeros((slices, columns), dtype=np.int64)
    for place in range(slices):
        picture = grey[place]
        line = [0] * columns
        for column in range(columns):
            total = 0
            for row in range(rows):
                total += int(picture[row, column])
            line[column] = total
        made[slices - 1 - place] = line
    return made


def _sums(ct: Volume, grid: VolumeGrid, times: int) -> list[Row]:
    grey = np.clip((ct.astype(np.float32) + 1000) * np.float32(255 / 2000), 0, 255).astype(np.uint8)
    straight = VolumeGrid.of_spacing(grid.shape, (1.0, 1.0, 1.0))
    layout = lay_out(Beam("PA", "parallel"), straight)
    runs: dict[str, tuple[Callable[[], Any], int]] = {
        "pixel loop": (lambda: pixel_loop(grey), 1),
        "numpy": (lambda: grey.sum(axis=1)[::-1], times),
        "hilum": (lambda: column_sums(grey, layout, lambda plane: plane.astype(np.float32)), times),
    }
    made = {name: timed(run, count) for name, (run, count) in runs.items()}
    for name, (_, _, sums) in made.items():
        if not np.array_equal(sums, made["pixel loop"][2]):
            sys.exit(f"the sums of {name} are not those of the pixel loop")
    return _rows(made, made["pixel loop"][:2])


def _attenuation(ct: Volume, grid: VolumeGrid, times: int, loop: tuple[float, float]) -> list[Row]:
    curve, layout = mixture(KEV), lay_out(Beam("PA", "parallel"), grid)
    table = curve(np.arange(-1100, 4000))
    step = np.float32(grid.spacing_mm[1])
    runs: dict[str, Callable[[], Any]] = {
        "numpy, by a table": lambda: (table[np.clip(ct, -1100, 3999).astype(np.int32) + 1100].sum(axis=1) * step)[::-1],
        "hilum": lambda: column_sums(ct, layout, curve),
    }
    made = {name: timed(run, times) for name, run in runs.items()}
    first, second = (values for _, _, values in made.values())
    if not np.allclose(first, second, rtol=1e-4):
        sys.exit("the two ways to attenuation do not agree")
    return _rows(made, loop)


def _rows(made: dict[str, tuple[float, float, Any]], loop: tuple[float, float]) -> list[Row]:
    return [
        {
            "what": name,
            "seconds": wall,
            "processor s": spent,
            "times as fast as the loop": loop[0] / wall,
            "by the processor's time": loop[1] / spent,
        }
        for name, (wall, spent, _) in made.items()
    ]


def _point_source(mu: Volume, layout: Layout, times: int, points: list[int]) -> list[Row]:
    chosen = np.random.default_rng(0).integers(0, len(layout.down_mm) * len(layout.across_mm), REFERENCE_PIXELS)
    reference = _reference(mu, layout, chosen)
    turned = np.ascontiguousarray(layout.turned(mu))

    def ours() -> Volume:
        return Rays(layout, "point").integrals(mu, lambda voxels: voxels)

    runs: dict[str, tuple[Callable[[], Volume], int]] = {"hilum": (ours, times)}
    for library, make in (("diffdrr", _diffdrr), ("nanodrr", _nanodrr)):
        if importlib.util.find_spec(library):
            runs |= make(turned, layout, points, times)
    rows: list[Row] = []
    for name, (run, count) in runs.items():
        wall, spent, film = timed(run, count)
        error = 100 * np.sqrt(np.mean((np.asarray(film).ravel()[chosen] - reference) ** 2)) / reference.mean()
        rows.append({"what": name, "seconds": wall, "processor s": spent, "error in %": float(error)})
        print(f"  {name}: {wall:.3f} s, error {error:.3f} %", file=sys.stderr)
    return rows


def _ends(layout: Layout) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Source, shape (3,), and pixels, (pixels, 3), in voxels along (rays, down, across)."""
    spacing, shape = np.array(layout.spacing_mm), np.array(layout.shape)
    nearest = layout.source_mm / layout.magnification[0]
    source = np.array([-nearest, 0.0, 0.0])
    down, across = np.meshgrid(layout.down_mm, layout.across_mm, indexing="ij")
    pixels = np.stack([np.full(down.shape, layout.source_mm - nearest), down, across], axis=-1).reshape(-1, 3)
    middle = np.array([0, *(shape[1:] - 1) / 2])
    return source / spacing + middle, pixels / spacing + middle


def _reference(mu: Volume, layout: Layout, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Line integrals by very many points a ray, in float64; outside the voxels' centres values fall to 0 in a voxel."""
    volume = np.pad(np.asarray(layout.turned(mu), dtype=np.float64), 1)
    source, pixels = _ends(layout)
    count = layout.shape[0]
    places = (np.arange((count + 1) * REFERENCE_POINTS) + 0.5) / REFERENCE_POINTS - 1
    made = np.empty(len(chosen))
    for number, pixel in enumerate(pixels[chosen]):
        way = pixel - source
        share = (places - source[0]) / way[0]
        position = source + share[:, None] * way + 1
        made[number] = _trilinear(volume, position).mean() * (count + 1)
        made[number] *= np.linalg.norm(way * layout.spacing_mm) / way[0]
    return made


def _trilinear(volume: NDArray[np.float64], position: NDArray[np.float64]) -> NDArray[np.float64]:
    base = np.floor(position).astype(np.intp)
    part = position - base
    last = np.array(volume.shape) - 2
    inside = np.all((base >= 0) & (base <= last), axis=1)
    base = np.clip(base, 0, last)
    made = np.zeros(len(position))
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, part, 1 - part), axis=1)
        made += weight * volume[tuple((base + corner).T)]
    return np.where(inside, made, 0)


def _diffdrr(turned: Volume, layout: Layout, points: list[int], times: int) -> dict[str, Any]:
    import torch
    from diffdrr.renderers import Siddon, Trilinear  # pyright: ignore[reportMissingImports]

    volume = torch.from_numpy(turned)
    source, pixels = (torch.from_numpy(end.astype(np.float32)) for end in _ends(layout))
    length = torch.linalg.vector_norm((pixels - source) * torch.tensor(layout.spacing_mm), dim=1)

    def run(renderer: Any, **more: Any) -> Volume:
        made: list[Any] = []
        with torch.no_grad():
            for first in range(0, len(pixels), CHUNK):
                part = pixels[first : first + CHUNK]
                way = length[first : first + CHUNK]
                start = source.expand(len(part), 3)
                drawn = renderer(volume, start[None], part[None], way[None, None], **more)
                made.append(drawn.reshape(-1))
        return torch.cat(made).numpy()

    runs: dict[str, Any] = {"diffdrr, Siddon": (lambda: run(Siddon()), min(times, 2))}
    for count in points:
        runs[f"diffdrr, trilinear, {count} points"] = (lambda count=count: run(Trilinear(), n_points=count), times)
    return runs


def _nanodrr(turned: Volume, layout: Layout, points: list[int], times: int) -> dict[str, Any]:
    import torch
    from nanodrr.data import Subject  # pyright: ignore[reportMissingImports]
    from nanodrr.drr import render  # pyright: ignore[reportMissingImports]

    spacing = torch.tensor(layout.spacing_mm)
    source, pixels = (torch.from_numpy(end.astype(np.float32)) for end in _ends(layout))
    # its images are (1, 1, D, H, W), with voxels in the order (W, H, D), and grid coordinates of align_corners=False
    image = torch.from_numpy(turned)[None, None]
    shape = torch.tensor(layout.shape, dtype=torch.float32)
    world_to_voxel = torch.diag(torch.tensor([1 / spacing[2], 1 / spacing[1], 1 / spacing[0], 1.0]))
    voxel_to_grid = torch.diag(torch.tensor([2 / shape[2], 2 / shape[1], 2 / shape[0], 1.0]))
    voxel_to_grid[:3, 3] = 1 / shape.flip(0) - 1
    subject = Subject(image, torch.zeros_like(image), torch.inverse(world_to_voxel), world_to_voxel, voxel_to_grid,
                      torch.zeros(3), max_label=0, convert_to_mu=False)  # fmt: skip
    src = (source * spacing).flip(0)[None, None]
    tgt = (pixels * spacing).flip(1)[None]
    side = len(layout.down_mm), len(layout.across_mm)

    def run(count: int) -> Volume:
        made: list[Any] = []
        rows = max(1, CHUNK // side[1])
        with torch.no_grad():
            for first in range(0, side[0], rows):
                part = tgt[:, first * side[1] : (first + rows) * side[1]]
                high = part.shape[1] // side[1]
                made.append(render(subject, torch.eye(3)[None], torch.eye(4)[None], torch.ones(1), high, side[1],
                                   n_samples=count, src=src.expand(1, part.shape[1], 3), tgt=part)[0, 0])  # fmt: skip
        return torch.cat(made).numpy()

    return {f"nanodrr, {count} points": (lambda count=count: run(count), times) for count in points}


def _check(sums: list[Row], attenuation: list[Row], sources: list[Row]) -> None:
    missed = [
        f"{name} is {row['times as fast as the loop']:.0f} times as fast as the loop, and {bound} were wanted"
        for name, row, bound in (("the sum", sums[-1], SUM_TIMES), ("attenuation", attenuation[-1], ATTENUATION_TIMES))
        if row["times as fast as the loop"] < bound
    ]
    ours = sources[0]
    rivals = [row for row in sources[1:] if row["error in %"] <= 1.05 * ours["error in %"]]
    fastest = min(rivals, key=lambda row: row["seconds"], default=None)
    if fastest is not None and fastest["seconds"] < ours["seconds"]:
        missed.append(f"the point source takes {ours['seconds']:.3f} s, and {fastest['what']} {fastest['seconds']:.3f}")
    if missed:
        sys.exit("\n".join(missed))


if __name__ == "__main__":
    main()
