"""Films and CT that were read from DICOM files, with the masks they were computed with, as cases."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from hilum.case import Case, Disease
from hilum.geometry import VolumeGrid
from hilum.image import LESIONS, LUNGS, Image, LabelMap
from hilum.measurement import Finding, Gravity, NotMeasured
from hilum.phantom import Lesion, PhantomFilm, Thorax, default_grid, sample_film, thorax, write_dicom, write_series
from hilum.provenance import ModelRef, Step
from hilum.readers import Entry, find
from hilum.readers.structures import laid_on
from hilum.scoring import measure_volumes, score

LUNG_MODEL = ModelRef("lung-network", "1.0", "cd" * 32)
LESION_MODEL = ModelRef("lesion-network", "2.1", "ef" * 32)
NOTICE = Finding("burned-in-annotation", Gravity.NOTE, "Text is burnt into the picture.")


@dataclass(frozen=True)
class Made:
    """A case, where it was read from, and the files it was read from."""

    case: Case
    entry: Entry
    files: tuple[Path, ...]


def case_of(image: Image, lungs: np.ndarray, lesions: np.ndarray, name: str = "case-1") -> Case:
    """A case of an image and masks on its grid."""
    found = Step("segment-lungs", {"engine": "none"}, (image.origin,), LUNG_MODEL)
    drawn = Step("segment-lesions", {}, (image.origin, found), LESION_MODEL)
    lung_map, lesion_map = LabelMap(lungs, image.grid, LUNGS, found), LabelMap(lesions, image.grid, LESIONS, drawn)
    is_volume = isinstance(image.grid, VolumeGrid)
    made = Case(
        name=name,
        image=image,
        lungs=lung_map,
        lesions=lesion_map,
        disease=NotMeasured("on CT no network judges it") if is_volume else Disease(0.93, 0.4),
        scores=score(lung_map, lesion_map, image=image if is_volume else None),
        findings=(NOTICE,),
        provenance=Step("analyse", {"gate": {"enabled": True}}, (found, drawn)),
    )
    if not is_volume:
        return made
    return replace(made, measures=measure_volumes(image, lung_map, lesion_map))


@pytest.fixture(scope="session")
def phantom_film() -> PhantomFilm:
    return sample_film(1, severity=0.6, shape=(131, 113))


@pytest.fixture(scope="session")
def phantom_ct() -> Thorax:
    lesions = (
        Lesion("ground-glass", "right-middle", 260, seed=2),
        Lesion("consolidation", "left-lower", 120, seed=5),
        Lesion("effusion", "right", 300, seed=7),
    )
    return thorax(3, grid=default_grid(3, spacing_mm=(14.0, 9.0, 8.0)), lesions=lesions)


@pytest.fixture(scope="session")
def make_film(phantom_film, tmp_path_factory) -> Callable[..., Made]:
    """A film as it was read from a file; options as of the phantom's writer, ``edit`` changes the file's elements."""

    def make(edit: Callable[..., None] | None = None, called: str = "film", **options) -> Made:
        path = tmp_path_factory.mktemp("film") / f"{called}.dcm"
        write_dicom(phantom_film, path, **options)
        if edit is not None:
            rewrite(path, edit)
        (entry,) = find([path])
        image = entry.open()
        turned = [
            image.plane.orientation.from_upright(each.array) for each in (phantom_film.lungs, phantom_film.lesions)
        ]
        return Made(case_of(image, *(np.ascontiguousarray(each) for each in turned)), entry, (path,))

    return make


@pytest.fixture(scope="session")
def make_ct(phantom_ct, tmp_path_factory) -> Callable[..., Made]:
    """A CT as it was read from a series.

    ``grid`` replaces the phantom's, ``drop`` leaves slices out by place, ``truth`` lays masks on a grid, ``edit``
    changes the elements of every file.
    """

    def make(
        grid: VolumeGrid | None = None,
        drop: tuple[int, ...] = (),
        edit: Callable[..., None] | None = None,
        truth: Callable[..., LabelMap] | None = None,
        called: str = "ct",
        **options,
    ) -> Made:
        folder = tmp_path_factory.mktemp(called)
        source = phantom_ct.ct
        if grid is not None:
            source = Image(source.array, grid, source.quantity, source.origin)
        paths = write_series(source, folder, **options)
        for place in drop:
            paths[place].unlink()
        for path in paths if edit is not None else ():
            rewrite(path, edit)
        (entry,) = find([folder])
        image = entry.open()
        place = laid_on if truth is None else truth
        lungs, lesions = (
            place(LabelMap(each.array, source.grid, each.labels, each.origin), image.grid, "truth").array
            for each in (phantom_ct.lungs, phantom_ct.lesions)
        )
        return Made(case_of(image, lungs, lesions), entry, tuple(path for path in paths if path.exists()))

    return make


def rewrite(path: Path, edit: Callable[..., None]) -> None:
    """Change the elements of a DICOM file."""
    import pydicom

    dataset = pydicom.dcmread(path)
    edit(dataset)
    dataset.save_as(path)


@pytest.fixture(scope="session")
def film(make_film) -> Made:
    return make_film()


@pytest.fixture(scope="session")
def ct(make_ct) -> Made:
    return make_ct()


@pytest.fixture(scope="session")
def errors_of() -> Callable[[Path], list[str]]:
    """What dciodvfy, the validator of dicom3tools, calls errors in a file."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed; Debian has it in the package dicom3tools")

    def errors(path: Path) -> list[str]:
        done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        lines = (done.stdout + done.stderr).splitlines()
        assert any(line in ("Segmentation", "Comprehensive3DSR", "SCImage", "EncapsulatedPDF") for line in lines)
        return [line for line in lines if line.startswith(("Error", "Abort"))]

    return errors
