"""The network of covid19.MIScnn on one volume, in eager PyTorch: ``python ct_published.py VOLUME --threads N``.

Rebuilt from its description, with random weights, which take as long as trained ones: densities clipped to -1250 to
250 HU and brought to 0 to 255, resampled to 1.58 x 1.58 x 2.70 mm, z-scores; a standard 3D U-Net of depth 4 with 32
to 512 filters and batch normalisation; windows of 160 x 160 x 80 voxels that overlap by 80 x 80 x 30, run one by one
by MONAI's ``sliding_window_inference``. Prints a line of JSON: windows, and seconds of the inference alone.

References: Mueller, Soto-Rey, Kramer, Informatics in Medicine Unlocked 2021;25:100681,
doi:10.1016/j.imu.2021.100681.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

SPACING_MM = (1.58, 1.58, 2.70)
WINDOW, OVERLAP = (160, 160, 80), (80, 80, 30)
FILTERS, CLASSES = 32, 4
CLIP_HU = (-1250.0, 250.0)


def prepared(path: Path) -> Any:
    """The volume as the network gets it: a tensor (1, 1, x, y, z)."""
    import torch

    file: Any = nibabel.load(path)
    low, high = CLIP_HU
    array = np.clip(np.asarray(file.dataobj), low, high).astype(np.float32)
    grey = torch.from_numpy(np.rint((array - low) * np.float32(255 / (high - low))))
    ratios = [mm / wanted for mm, wanted in zip(file.header.get_zooms()[:3], SPACING_MM, strict=True)]
    size = [max(1, math.floor(count * ratio)) for count, ratio in zip(grey.shape, ratios, strict=True)]
    small = torch.nn.functional.interpolate(grey[None, None], size, mode="trilinear", align_corners=False)
    return (small - small.mean()) / small.std()


def network(filters: int = FILTERS, depth: int = 4, classes: int = CLASSES) -> Any:
    """A standard 3D U-Net, in evaluation mode: two convolutions a level, each with ReLU and batch normalisation."""
    from torch import cat, nn

    def level(before: int, after: int) -> Any:
        parts = [nn.Conv3d(before, after, 3, padding=1), nn.ReLU(inplace=True), nn.BatchNorm3d(after)]
        more = [nn.Conv3d(after, after, 3, padding=1), nn.ReLU(inplace=True), nn.BatchNorm3d(after)]
        return nn.Sequential(*parts, *more)

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            widths = [filters * 2**n for n in range(depth + 1)]
            self.down = nn.ModuleList(level(before, after) for before, after in zip([1, *widths], widths, strict=False))
            self.up = nn.ModuleList(nn.ConvTranspose3d(2 * w, w, 2, stride=2) for w in reversed(widths[:-1]))
            self.join = nn.ModuleList(level(2 * w, w) for w in reversed(widths[:-1]))
            self.head = nn.Conv3d(widths[0], classes, 1)

        def forward(self, image: Any) -> Any:
            kept = []
            for number, block in enumerate(self.down):
                image = block(image if number == 0 else nn.functional.max_pool3d(image, 2))
                kept.append(image)
            for up, join, skip in zip(self.up, self.join, reversed(kept[:-1]), strict=True):
                image = join(cat([skip, up(image)], dim=1))
            return self.head(image).softmax(dim=1)

    return UNet().eval()


def infer(
    image: Any,
    model: Any,
    *,
    window: tuple[int, int, int] = WINDOW,
    overlap: tuple[int, int, int] = OVERLAP,
) -> dict[str, float]:
    """How many windows there were, and how many seconds they took; the labels' shape is that of the image."""
    import torch
    from monai.inferers.utils import sliding_window_inference

    windows = 0

    def counted(patch: Any) -> Any:
        nonlocal windows
        windows += len(patch)
        return model(patch)

    shares = [part / whole for part, whole in zip(overlap, window, strict=True)]
    started = time.perf_counter()
    with torch.no_grad():
        outputs: Any = sliding_window_inference(image, window, 1, counted, overlap=shares)
        labels = outputs.argmax(dim=1)
    seconds = time.perf_counter() - started
    return {"windows": windows, "inference_s": seconds, "voxels": labels.numel()}


def main() -> None:
    """Run it on a file."""
    import torch

    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("volume", type=Path)
    options.add_argument("--threads", type=int, default=2)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    print(json.dumps(infer(prepared(given.volume), network())))


if __name__ == "__main__":
    main()
