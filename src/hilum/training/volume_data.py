"""Blocks of labelled CT volumes, cut from the lattice on which the network will see them.

Data are folders of computed volumes (:mod:`hilum.training.phantom_volumes`); folders with a folder a case with
``imaging.nii.gz`` and ``segmentation.nii.gz`` as published with covid19.MIScnn, whose ``radiopaedia`` volumes are grey
levels and whose others are Hounsfield units (:mod:`hilum.datasets.sources.zenodo_3757476`); or tables of cases, such as
databases that Hilum made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hilum.datasets.open import open_image, open_mask
from hilum.datasets.schema import DatasetCase
from hilum.datasets.sources.zenodo_3757476 import cases as published_cases
from hilum.datasets.tables import TABLE
from hilum.errors import ReadError, SettingsError
from hilum.geometry import VolumeGrid
from hilum.image import Quantity
from hilum.preprocessing.ct import lung_slice_window
from hilum.segmentation.lattice import lattice_of, scale_of, window_hu_of
from hilum.segmentation.patches import starts

from .lab.cases import parts_of
from .losses_volume import INFECTION
from .phantom_volumes import ENDING, SPACING_MM, read_phantom_volumes
from .volume_augment import Change
from .volume_recipe import VolumeRecipe

IMAGING, SEGMENTATION = "imaging.nii.gz", "segmentation.nii.gz"
"""Files of a case in the published layout."""

EVERY = 5
"""The volumes of every so-manieth patient are for validation; of fewer, those of the last."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledVolume:
    """A CT with what each voxel is.

    Attributes
    ----------
    array : (slices, rows, columns), axial
    classes : of its shape, numbers of :data:`~hilum.training.losses_volume.OF_VOXELS`
    grid : axial
    is_hounsfield : False for 8-bit pictures
    person : whose it is; empty where every volume is of somebody else
    """

    array: NDArray[Any]
    classes: NDArray[np.uint8]
    grid: VolumeGrid
    is_hounsfield: bool = True
    person: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A volume on a network's lattice, no smaller than a block: scaled densities, and what each voxel is."""

    density: NDArray[np.float32]
    classes: NDArray[np.uint8]


def read_labelled(folder: Path) -> Iterator[LabelledVolume]:
    """All volumes of a folder, in the order of their names.

    Raises
    ------
    SettingsError
        It holds none.
    ReadError
        A volume cannot be read, or has no segmentation beside it.
    """
    phantoms = read_phantom_volumes(folder)
    cases = [case for case in published_cases(folder) if Path(str(case.image)).name == IMAGING]
    if not phantoms and not cases:
        raise SettingsError(
            f"{str(folder)!r} holds neither computed volumes nor folders with {IMAGING} and {SEGMENTATION}."
        )
    for phantom in phantoms:
        classes = np.array([0, 2, 1], dtype=np.uint8)[phantom.lungs]
        classes[(phantom.lesions == 1) | (phantom.lesions == 2)] = INFECTION
        yield LabelledVolume(phantom.ct, classes, VolumeGrid.of_spacing(phantom.ct.shape, SPACING_MM))
    for case in cases:
        if not teaches(case):
            missing = folder / case.case / SEGMENTATION
            raise ReadError(f"There is no {str(missing)!r}: a network learns from volumes that have one.", path=missing)
        yield labelled(case)


def labelled_parts(
    data: Sequence[Path], *, fold: int | None = None, fold_file: Path | None = None
) -> tuple[list[LabelledVolume], list[LabelledVolume]]:
    """All volumes for training and for validation.

    Parameters
    ----------
    data : folders of volumes, of which every fifth patient's are for validation, or tables of cases; not some of either
    fold, fold_file : of tables, see :func:`hilum.training.lab.cases.parts_of`

    Raises
    ------
    SettingsError
        There are fewer than two volumes, or a table has no split.
    ReadError
        A volume cannot be read.
    """
    if not all(_is_folder_of_volumes(path) for path in data):
        parts = parts_of(data, fold=fold, fold_file=fold_file)
        return [labelled(c) for c in parts.train if teaches(c)], [labelled(c) for c in parts.val if teaches(c)]
    if fold_file is not None or fold is not None:
        raise SettingsError("--fold and --fold-file go with tables of cases; 'hilum datasets harmonise' makes one.")
    return split([volume for folder in data for volume in read_labelled(folder)])


def _is_folder_of_volumes(path: Path) -> bool:
    if (path / TABLE).exists() or not path.is_dir():
        return False
    return any(path.glob(f"*/{IMAGING}")) or any(path.glob(f"*{ENDING}"))


def teaches(case: DatasetCase) -> bool:
    """Whether a case is a CT with the masks of lungs and lesions."""
    return case.modality == "CT" and {"lungs", "lesions"} <= set(case.masks)


def labelled(case: DatasetCase) -> LabelledVolume:
    """A case of a table as a labelled volume: lesions of any kind but effusions are infection."""
    image = open_image(case)
    lungs, lesions = (open_mask(case, kind, image).array for kind in ("lungs", "lesions"))
    classes = np.array([0, 2, 1, 1, 0], dtype=np.uint8)[lungs]
    classes[np.isin(lesions, (1, 2, 4))] = INFECTION
    is_hounsfield = image.quantity is Quantity.HOUNSFIELD
    return LabelledVolume(image.array, classes, image.volume, is_hounsfield, case.person)


def split(volumes: Sequence[LabelledVolume]) -> tuple[list[LabelledVolume], list[LabelledVolume]]:
    """Volumes for training and for validation, by patient; SettingsError if there are fewer than two patients."""
    people = [volume.person or str(number) for number, volume in enumerate(volumes)]
    order = list(dict.fromkeys(people))
    if len(order) < 2:
        raise SettingsError(
            "Training on volumes needs those of two patients at least: those of one of them are for validation."
        )
    watched = set(order[EVERY - 1 :: EVERY] or order[-1:])
    parts = [[v for v, person in zip(volumes, people, strict=True) if (person in watched) is w] for w in (False, True)]
    return parts[0], parts[1]


def prepare(volume: LabelledVolume, recipe: VolumeRecipe) -> Prepared:
    """A volume as the recipe's network sees it; the lungs that it looks about are the labelled ones."""
    entry, patches = recipe.input, recipe.patches
    window = lung_slice_window(volume.classes, volume.grid, recipe.margin) if recipe.region == "lungs" else None
    lattice = lattice_of(volume.grid, patches, window)
    hu = window_hu_of(entry, is_hounsfield=volume.is_hounsfield)
    scale = scale_of(volume.array, volume.grid, entry, is_hounsfield=volume.is_hounsfield)
    density = np.stack([scale(lattice.density(volume.array, n, hu)) for n in range(lattice.shape[0])])
    classes = np.stack([lattice.labels(volume.classes, n) for n in range(lattice.shape[0])])
    more = [(0, max(0, patches.size[0] - len(density))), (0, 0), (0, 0)]
    return Prepared(np.pad(density, more, constant_values=density.min()), np.pad(classes, more))


class Blocks(Dataset[dict[str, Tensor]]):
    """Blocks for training, changed at random: any number of them, each drawn from its number alone.

    Parameters
    ----------
    volumes : to draw from
    recipe : size and number of the blocks, and their changes
    """

    def __init__(self, volumes: Sequence[Prepared], recipe: VolumeRecipe) -> None:
        self._volumes, self._recipe = list(volumes), recipe
        self._lesions = [np.argwhere(volume.classes == INFECTION) for volume in volumes]
        self._change = Change(recipe.augment, recipe.block_shape)
        self._grid = [
            (number, corner)
            for number, volume in enumerate(volumes)
            for corner in _corners(volume, recipe)
            if not recipe.skip_blank or cut(volume, corner, recipe)[1].any()
        ]

    @property
    def round_length(self) -> int:
        """Blocks that lie side by side on all volumes: what a round through the data is."""
        return len(self._volumes) if self._recipe.sampling == "full-image" else len(self._grid)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        recipe = self._recipe
        rng = np.random.default_rng([recipe.seed, index])
        if recipe.sampling != "patch-crop":
            volume, corner = self._in_turn(index)
            return sample(*self._change(*cut(volume, corner, recipe), rng))
        number = int(rng.integers(len(self._volumes)))
        volume, lesions, size = self._volumes[number], self._lesions[number], np.array(recipe.patches.size)
        room = np.array(volume.classes.shape) - size
        corner = rng.integers(0, room + 1)
        if len(lesions) and rng.random() < recipe.with_lesions:
            corner = np.clip(lesions[rng.integers(len(lesions))] - rng.integers(0, size), 0, room)
        return sample(*self._change(*cut(volume, tuple(corner.tolist()), recipe), rng))

    def _in_turn(self, index: int) -> tuple[Prepared, tuple[int, ...]]:
        """A block of the grid, or the middle of a volume, in an order that each round has of its own."""
        lap, place = divmod(index, self.round_length)
        order = np.random.default_rng([self._recipe.seed, 1, lap]).permutation(self.round_length)
        if self._recipe.sampling == "patch-grid":
            number, corner = self._grid[order[place]]
            return self._volumes[number], corner
        volume = self._volumes[order[place]]
        room = np.array(volume.classes.shape) - np.array(self._recipe.patches.size)
        return volume, tuple((room // 2).tolist())


class Watched(Dataset[dict[str, Tensor]]):
    """Every block of the validation volumes that holds lung, unchanged, laid as they will be in use."""

    def __init__(self, volumes: Sequence[Prepared], recipe: VolumeRecipe) -> None:
        self._recipe = recipe
        self._blocks = [(v, c) for v in volumes for c in _corners(v, recipe) if cut(v, c, recipe)[1].any()]

    def __len__(self) -> int:
        return len(self._blocks)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return sample(*cut(*self._blocks[index], self._recipe))


def cut(
    volume: Prepared, corner: tuple[int, ...], recipe: VolumeRecipe
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The block at a corner, as the network sees it: its densities and its classes."""
    here = tuple(slice(start, start + size) for start, size in zip(corner, recipe.patches.size, strict=True))
    shape = recipe.block_shape
    return volume.density[here].reshape(shape), volume.classes[here].reshape(shape)


def sample(density: NDArray[np.float32], classes: NDArray[np.uint8]) -> dict[str, Tensor]:
    """A block for a batch: ``volume`` (1, ...) float32 and ``classes`` (...) uint8."""
    return {
        "volume": torch.from_numpy(np.ascontiguousarray(density)[None]),
        "classes": torch.from_numpy(np.ascontiguousarray(classes)),
    }


def _corners(volume: Prepared, recipe: VolumeRecipe) -> Iterator[tuple[int, ...]]:
    patches = recipe.patches
    axes = zip(volume.classes.shape, patches.size, patches.overlap, strict=True)
    yield from product(*(starts(length, size, overlap) for length, size, overlap in axes))
