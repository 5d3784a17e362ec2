"""Carries out a mix: which films are real and which are projected, in what manner, and the files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum import __version__
from hilum.datasets.open import MASK_LABELS, open_case
from hilum.datasets.schema import CaseTable, DatasetCase, Mask, MaskKind
from hilum.errors import SettingsError
from hilum.image import Image, LabelMap
from hilum.provenance import Json, hash_file
from hilum.settings import as_json
from hilum.writers.png import encode_png
from hilum.writers.result_json import encode_json
from hilum.writers.whole import whole_file, whole_folder

from .apart import features, told_apart
from .draw import INFECTION, DrawnFilm, draw_film, draw_settings, projectable
from .manner import Manner, in_manner, manner_of

TABLE, MANIFEST, SCHEMA = "cases.csv", "mix.json", "1.0"

REAL, PROJECTED = "real", "projected"
"""What the fact ``origin`` of a case says."""

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class MixSettings:
    """How films of two origins are mixed.

    Attributes
    ----------
    share : of projected films among all, 0 to 1
    count : of all films; 0 for as many as there are real ones
    size_px : longer side of every film
    match : projected films are brought to the manner of real ones: grey levels, noise, margins, shape
    seed : of every choice
    """

    share: float = 0.5
    count: int = 0
    size_px: int = 512
    match: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1 or self.count < 0 or self.size_px < 32:
            raise SettingsError(
                f"A share of {self.share:g}, {self.count} films and {self.size_px} pixels make no mix; expected a "
                "share of 0 to 1, a count of 0 or more, and at least 32 pixels."
            )


@dataclass(frozen=True, slots=True)
class Mixed:
    """What came of a mix.

    Attributes
    ----------
    table : a row a film, its fact ``origin`` saying what it is
    told_apart : area under the ROC curve of a linear judge of grey levels, noise, margins and shape; None if there are
        too few films of an origin
    told_apart_unmatched : the same before the manner was matched
    """

    table: CaseTable
    told_apart: float | None
    told_apart_unmatched: float | None


def mix(
    table: CaseTable, output: Path, settings: MixSettings, *, on_done: Callable[[DatasetCase], None] | None = None
) -> Mixed:
    """Make a set of real films and films projected from CT, with masks of one convention.

    The real ones are drawn from the films of the table, the CTs are taken in turn, each film of them with another
    geometry and exposure. A projected film takes the manner of a real film of the same part of the data (train, val,
    test), and belongs to the part and the patient of its CT. Masks of lungs are outlined as on films; a CT without any
    has its lungs found by the network. Films are written upright as 8-bit PNG, their masks by kind, with ``cases.csv``
    and ``mix.json``. The same table, files and settings give the same bytes.

    Parameters
    ----------
    table : of films, and of CT in Hounsfield units
    output : folder that is made, or was made by an earlier mix
    settings : of the mix
    on_done : told of each film that is written

    Raises
    ------
    SettingsError
        There are not enough films, or no CT, for the share that is wanted.
    ReadError
        A case cannot be read.
    WriteError
        The folder cannot be written.
    """
    films = [case for case in table if case.modality == "CXR"]
    scans = [case for case in table if case.modality == "CT" and not case.is_windowed]
    count = settings.count or len(films)
    projected = round(settings.share * count)
    _require_enough(films, scans, count - projected, projected)
    with whole_folder(output, marker=MANIFEST) as folder:
        maker = _Maker(folder, settings, on_done)
        order = np.random.default_rng([settings.seed, 1]).permutation(len(films))
        for number in sorted(order[: count - projected].tolist()):
            maker.keep(films[number])
        maker.project_all(scans, films, projected)
        return maker.finish(output)


def _require_enough(films: list[DatasetCase], scans: list[DatasetCase], real: int, projected: int) -> None:
    if not real + projected:
        raise SettingsError("The tables hold no films, so there is nothing to mix: name a source of films, or --count.")
    if real > len(films):
        raise SettingsError(f"The mix needs {real} real films, and there are {len(films)}: lower --count.")
    if projected and not scans:
        raise SettingsError("The mix needs CT in Hounsfield units to project, and the tables hold none.")
    if projected and not films:
        raise SettingsError("The mix needs at least one real film, whose manner projected ones can take.")


class _Maker:
    """Writes the films of a mix into a folder that is not whole yet."""

    def __init__(self, folder: Path, settings: MixSettings, on_done: Callable[[DatasetCase], None] | None) -> None:
        self._folder, self._settings, self._on_done = folder, settings, on_done
        self._rows: list[DatasetCase] = []
        self._entries: list[Json] = []
        self._seen: dict[str, list[NDArray[np.float64]]] = {REAL: [], PROJECTED: [], "unmatched": []}
        self._manners: dict[str, tuple[Manner, float]] = {}

    def keep(self, case: DatasetCase) -> None:
        """Write a real film."""
        image, masks = open_case(case)
        grey = eight_bits(image)
        whole: dict[MaskKind, Grey] = {kind: mask.array for kind, mask in masks.items()}
        grey, arrays = resized(grey.astype(np.float32), whole, self._settings.size_px)
        self._write(case, case.case, np.rint(np.clip(grey, 0, 255)).astype(np.uint8), arrays, {"origin": REAL})

    def project_all(self, scans: list[DatasetCase], films: list[DatasetCase], count: int) -> None:
        """Write so many projected films, of the CTs in turn; each CT is opened once."""
        for place, case in enumerate(scans):
            numbers = range(place, count, len(scans))
            if not numbers:
                continue
            image, masks = open_case(case)
            has_infection = "lesions" in masks and bool((masks["lesions"].array == INFECTION).any())
            ready = projectable(image, masks)
            for turn, number in enumerate(numbers):
                self._project(case, image, ready, films, (turn, number), is_infection=has_infection)

    def _project(
        self,
        case: DatasetCase,
        image: Image,
        masks: Mapping[MaskKind, LabelMap],
        films: list[DatasetCase],
        numbers: tuple[int, int],
        *,
        is_infection: bool,
    ) -> None:
        rng = np.random.default_rng([self._settings.seed, 2, numbers[1]])
        alike = [film for film in films if film.split == case.split] or films
        model = alike[int(rng.integers(len(alike)))]
        manner, aspect = self._manner(model)
        drawn = draw_film(
            image, masks, draw_settings(rng, int(rng.integers(1 << 31))),
            aspect=aspect if self._settings.match else 1.0, is_infection=is_infection,
        )  # fmt: skip
        grey, arrays = resized(drawn.grey, drawn.masks, self._settings.size_px)
        plain = np.rint(np.clip(grey, 0, 255)).astype(np.uint8)
        self._seen["unmatched"].append(features(plain))
        made = in_manner(grey, manner, rng) if self._settings.match else plain
        how: dict[str, Json] = {"projection": as_json(drawn.settings)}
        if self._settings.match:
            how["manner_of"] = model.key
        name = f"{case.case}-film-{numbers[0]:03d}"
        self._write(replace(case, view=drawn.view), name, made, arrays, {"origin": PROJECTED, **_facts(drawn)}, how)

    def _manner(self, case: DatasetCase) -> tuple[Manner, float]:
        if case.key not in self._manners:
            image, _ = open_case(replace(case, masks={}))
            grey, _ = resized(eight_bits(image).astype(np.float32), {}, self._settings.size_px)
            self._manners[case.key] = manner_of(grey), grey.shape[1] / grey.shape[0]
        return self._manners[case.key]

    def _write(
        self,
        case: DatasetCase,
        name: str,
        grey: Grey,
        masks: Mapping[MaskKind, Grey],
        facts: dict[str, str],
        how: dict[str, Json] | None = None,
    ) -> None:
        stem = f"{case.source}-{name}".replace("/", "_")
        self._save(Path("images") / f"{stem}.png", grey, is_picture=True)
        rows: dict[MaskKind, Mask] = {}
        for kind, array in masks.items():
            path = Path(kind) / f"{stem}.png"
            self._save(path, array, is_picture=False)
            names = {number: label.name for number, label in MASK_LABELS[kind].items()}
            rows[kind] = Mask(self._folder / path, names)
        row = replace(
            case, case=name, modality="CXR", image=self._folder / "images" / f"{stem}.png", masks=rows,
            facts={**case.facts, **facts}, turn="none", form="", is_windowed=False, spacing_mm=None,
        )  # fmt: skip
        self._rows.append(row)
        inputs: dict[str, Json] = {path.name: hash_file(path) for path in case.files}
        self._entries.append({"case": row.key, "of": case.key, "inputs": inputs, **facts, **(how or {})})
        self._seen[facts["origin"]].append(features(grey))
        if self._on_done is not None:
            self._on_done(row)

    def _save(self, path: Path, array: Grey, *, is_picture: bool) -> None:
        (self._folder / path.parent).mkdir(exist_ok=True)
        (self._folder / path).write_bytes(encode_png(array, is_picture=is_picture))

    def finish(self, output: Path) -> Mixed:
        """Write the table and the manifest; the table that is given back names the final folder."""
        table = CaseTable.of(self._rows)
        table.write_csv(self._folder / TABLE)
        apart = told_apart(self._seen[REAL], self._seen[PROJECTED])
        before = told_apart(self._seen[REAL], self._seen["unmatched"])
        made: dict[str, Json] = {
            "schema": SCHEMA,
            "hilum": __version__,
            "settings": asdict(self._settings),
            "told_apart": None if apart is None else round(apart, 4),
            "told_apart_unmatched": None if before is None else round(before, 4),
            "cases": self._entries,
        }
        with whole_file(self._folder / MANIFEST) as unfinished:
            unfinished.write_bytes(encode_json(made))
        return Mixed(_moved(table, self._folder, output), apart, before)


def _facts(drawn: DrawnFilm) -> dict[str, str]:
    return {"source_mm": f"{drawn.settings.source_mm:.0f}", "energy_kev": f"{drawn.settings.energy_kev:.1f}"}


def _moved(table: CaseTable, here: Path, there: Path) -> CaseTable:
    def moved(case: DatasetCase) -> DatasetCase:
        masks = {kind: replace(mask, path=there / mask.path.relative_to(here)) for kind, mask in case.masks.items()}
        image = case.image[0] if isinstance(case.image, tuple) else case.image
        return replace(case, image=there / image.relative_to(here), masks=masks)

    return CaseTable.of(map(moved, table))


def eight_bits(image: Image) -> Grey:
    """The grey levels of a film, 0 to 255 between its darkest and its brightest thousandth."""
    array = image.array
    if array.dtype == np.uint8:
        return np.asarray(array)
    low, high = (float(level) for level in np.quantile(array[::4, ::4], (0.001, 0.999)))
    scaled = (array.astype(np.float32) - np.float32(low)) * np.float32(255 / max(high - low, 1e-6))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def resized(
    grey: NDArray[np.floating[Any]], masks: Mapping[MaskKind, Grey], size: int
) -> tuple[NDArray[np.float32], dict[MaskKind, Grey]]:
    """A film and its masks with a longer side of so many pixels: grey averaged, masks by the nearest pixel."""
    rows, columns = grey.shape
    scale = size / max(rows, columns)
    shape = max(1, round(columns * scale)), max(1, round(rows * scale))
    picture = Picture.fromarray(np.ascontiguousarray(grey, dtype=np.float32))
    made = np.array(picture.resize(shape, Picture.Resampling.BICUBIC if scale > 1 else Picture.Resampling.HAMMING))
    small: dict[MaskKind, Grey] = {
        kind: np.array(Picture.fromarray(np.ascontiguousarray(mask)).resize(shape, Picture.Resampling.NEAREST))
        for kind, mask in masks.items()
    }
    return made, small
