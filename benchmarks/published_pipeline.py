"""The published two-stage pipeline against Hilum, on the same films, in the same run.

    python benchmarks/published_pipeline.py [--films 20] [--json FILE] [--check]

The published pipeline is rebuilt from its description, with random weights, in eager PyTorch as published: read the
file; DeepLabV3+ (efficientnet-b1, 512 pixels) for the lungs; drop blobs below 6000 pixels, open, close, box; MA-Net
(regnetx_064, 544 pixels) with a classification head for the lesions; both masks as PNG of 512 x 512 pixels; the
six-zone score. Random weights take as long as trained ones; as their masks would be empty or full, the lungs of the
film's middle stand in for what stage I found, after it has been computed.

Needs the extra "train". --check fails if Hilum is not at least RATIO times as fast.

References: Danilov et al., Scientific Reports 2022;12:12791.
"""

from __future__ import annotations

import csv
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from computed_films import write_films
from measure import parser, report, spend
from numpy.typing import NDArray

RATIO = 20.0
"""How many times as fast Hilum has to be, films a second over films a second."""

LUNGS_PX, LESIONS_PX, OUTPUT_PX = 512, 544, 512
SMALLEST_BLOB_PX = 6000
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Mask = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that a film takes, by the clock and of processor time."""

    wall_s: float
    cpu_s: float


class Published:
    """The two networks and what stands between them."""

    def __init__(self, threads: int) -> None:
        import segmentation_models_pytorch as smp
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.lungs = smp.DeepLabV3Plus("efficientnet-b1", encoder_weights=None, activation="sigmoid").eval()
        head = {"pooling": "avg", "dropout": 0.2, "activation": "sigmoid", "classes": 1}
        name = "tu-regnetx_064" if "tu-regnetx_064" in _encoders(smp) else "timm-regnetx_064"
        self.lesions = smp.MAnet(name, encoder_weights=None, activation="sigmoid", aux_params=head).eval()

    def analyse(self, path: Path, output: Path) -> int:
        """Masks and score of one film, 0 to 6."""
        import cv2

        stored: Any = cv2.imread(str(path))  # OpenCV's own types are wider than what it gives back here, and below
        film = cv2.cvtColor(stored, cv2.COLOR_BGR2RGB)
        found = self._infer(self.lungs, cv2.resize(film, (LUNGS_PX, LUNGS_PX), interpolation=cv2.INTER_CUBIC))[0]
        enlarged: Any = cv2.resize(_plausible(found), film.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        lungs = filtered(enlarged)
        rows, columns = box(lungs)
        crop = (film * (lungs[..., None] > 0))[rows, columns]
        seen = cv2.resize(crop, (LESIONS_PX, LESIONS_PX), interpolation=cv2.INTER_CUBIC)
        probability, disease = self._infer(self.lesions, seen)
        lesions = (probability > 0.5).astype(np.uint8) * (disease.item() >= 0)  # the head is run; its verdict is chance
        masks: list[Any] = [
            cv2.resize(mask, (OUTPUT_PX, OUTPUT_PX), interpolation=cv2.INTER_NEAREST)
            for mask in (lungs[rows, columns], lesions)
        ]
        for name, mask in zip(("lungs", "covid"), masks, strict=True):
            cv2.imwrite(str(output / f"{path.stem}-{name}.png"), mask * 255)
        return six_zone(masks[0], masks[1])

    def _infer(self, network: Any, film: Mask) -> list[NDArray[np.float32]]:
        """Every output of a network for one film, without the batch axis and axes of length one."""
        torch = self.torch
        scaled = ((film / 255.0 - MEAN) / STD).transpose(2, 0, 1)[None].astype(np.float32)
        with torch.no_grad():
            made = network(torch.from_numpy(scaled))
        return [each.numpy().squeeze() for each in (made if isinstance(made, tuple) else (made,))]


def _encoders(smp: Any) -> list[str]:
    """Names of the encoders; those of timm are behind the prefix ``tu-`` in current versions."""
    import timm

    return [*smp.encoders.get_encoder_names(), *(f"tu-{name}" for name in timm.list_models("regnetx_*"))]


def _plausible(found: NDArray[np.float32]) -> Mask:
    """Two ellipses where lungs are on most films, of the shape of what a network with random weights found."""
    rows, columns = np.ogrid[: found.shape[0], : found.shape[1]]
    y, x = rows / found.shape[0] - 0.45, columns / found.shape[1] - 0.5
    return ((y / 0.32) ** 2 + ((np.abs(x) - 0.2) / 0.14) ** 2 < 1).astype(np.uint8)


def filtered(mask: Mask) -> Mask:
    """A mask without small blobs, opened twice and closed."""
    import cv2

    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        if cv2.contourArea(contour) < SMALLEST_BLOB_PX:
            cv2.drawContours(mask, [contour], -1, 0, thickness=cv2.FILLED)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel, iterations=2)
    closed: Any = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, kernel)
    return closed


def box(mask: Mask) -> tuple[slice, slice]:
    """The rows and columns of a mask; of everything if it is empty."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return slice(None), slice(None)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def six_zone(lungs: Mask, lesions: Mask, threshold: float = 0.5) -> int:
    """Thirds of equal area, of each of the first two blobs, that lesions cover by more than the threshold."""
    import cv2

    count, labels = cv2.connectedComponents(lungs, connectivity=8)
    score = 0
    for label in range(1, min(count, 3)):
        lung = labels == label
        area = np.cumsum(lung.sum(axis=1))
        third = np.searchsorted((area[-1] / 3, 2 * area[-1] / 3), area)[:, None]
        score += sum(
            ((lesions > 0) & lung & (third == k)).sum() > threshold * (lung & (third == k)).sum() for k in range(3)
        )
    return score


def time_published(films: list[Path], output: Path, threads: int) -> Cost:
    """Of a film, after the first one; the start of PyTorch and the networks is not counted."""
    published = Published(threads)
    output.mkdir()
    published.analyse(films[0], output)
    wall, cpu = time.perf_counter(), time.process_time()
    scores = [(path.name, published.analyse(path, output)) for path in films]
    with (output / "scores.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(scores)
    return Cost((time.perf_counter() - wall) / len(films), (time.process_time() - cpu) / len(films))


def time_hilum(films: Path, output: Path, count: int) -> Cost:
    """Of a film in a batch; the command's start and end are counted."""
    spent = spend(
        [sys.executable, "-m", "hilum", "analyse", films, "-o", output, "--overlay", "--no-report", "--quiet"]
    )
    made = len(list(output.glob("*/overlay.png")))
    if made != count:
        sys.exit(f"{count} films went in, and {made} came out:\n{spent.output}")
    return Cost(spent.wall_s / count, spent.cpu_s / count)


def main() -> int:
    """Exit status 1 if --check finds the ratio too small."""
    from hilum.models.plan import cores

    options = parser(__doc__)
    options.add_argument("--films", type=int, default=20, help="films for the published pipeline")
    options.add_argument("--batch", type=int, default=100, help="films for Hilum")
    options.add_argument("--check", action="store_true", help=f"fail below {RATIO:g} times")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        films = write_films(folder / "films", max(given.batch, given.films))
        published = time_published(films[: given.films], folder / "published", cores())
        hilum = time_hilum(folder / "films", folder / "hilum", len(films))
    ratio = published.wall_s / hilum.wall_s
    rows = [
        {"pipeline": "published", "films/s": 1 / published.wall_s, "CPU s/film": published.cpu_s, "times": 1.0},
        {"pipeline": "hilum", "films/s": 1 / hilum.wall_s, "CPU s/film": hilum.cpu_s, "times": ratio},
    ]
    report(f"Films of 1024 x 1024 pixels, from files to files, {cores()} cores", rows, given.json)
    return 1 if given.check and ratio < RATIO else 0


if __name__ == "__main__":
    sys.exit(main())
