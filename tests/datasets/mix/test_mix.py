"""Mixing films of two origins: counts, masks, manner, parts, the same bytes again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hilum.cli.app import app
from hilum.datasets.mix import Mixed, MixSettings, mix
from hilum.datasets.mix.apart import features, told_apart
from hilum.datasets.mix.manner import in_manner, manner_of, noise_of
from hilum.datasets.open import open_case
from hilum.datasets.schema import CaseTable, DatasetCase, Mask
from hilum.datasets.tables import open_tables
from hilum.errors import SettingsError
from hilum.phantom import Lesion, default_grid, sample_film, thorax
from hilum.writers import write

LUNG_NAMES = {1: "right-lung", 2: "left-lung"}
LESION_NAMES = {1: "ground-glass", 2: "consolidation", 3: "effusion"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six films and two CTs with masks of lungs and lesions, as a table."""
    folder = tmp_path_factory.mktemp("sources")
    rows: list[DatasetCase] = []
    for number in range(6):
        made = sample_film(number, severity=0.4, shape=(96, 88 + number))
        write(made.image, folder / f"film{number}.png")
        write(made.lungs, folder / f"film{number}-lungs.png")
        rows.append(
            DatasetCase("films", f"f{number}", f"p{number}", "CXR", folder / f"film{number}.png",
                        {"lungs": Mask(folder / f"film{number}-lungs.png", LUNG_NAMES)},
                        split="train" if number < 4 else "test", licence="none needed")
        )  # fmt: skip
    for number in range(2):
        lesions = (Lesion("consolidation", "right-middle", 200, seed=1),)
        chest = thorax(number, grid=default_grid(number, spacing_mm=(7.0, 6.0, 6.0)), lesions=lesions)
        for name in ("ct", "lungs", "lesions"):
            write(getattr(chest, name), folder / f"ct{number}-{name}.nii.gz")
        rows.append(
            DatasetCase("scans", f"c{number}", f"q{number}", "CT", folder / f"ct{number}-ct.nii.gz",
                        {"lungs": Mask(folder / f"ct{number}-lungs.nii.gz", LUNG_NAMES),
                         "lesions": Mask(folder / f"ct{number}-lesions.nii.gz", LESION_NAMES)},
                        split="train" if number == 0 else "test")
        )  # fmt: skip
    CaseTable.of(rows).write_csv(folder / "cases.csv")
    return folder


SMALL = MixSettings(share=0.5, size_px=96, seed=3)


@pytest.fixture(scope="module")
def mixed(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Mixed, Path]:
    output = tmp_path_factory.mktemp("mix") / "out"
    return mix(open_tables([sources / "cases.csv"]), output, SMALL), output


def test_half_of_the_films_are_projected(mixed: tuple[Mixed, Path]) -> None:
    table = mixed[0].table
    assert table.counts(lambda case: case.facts["origin"]) == {"real": 3, "projected": 3}
    assert {case.modality for case in table} == {"CXR"}


def test_other_commands_read_the_table(mixed: tuple[Mixed, Path]) -> None:
    table = open_tables([mixed[1]])
    assert [case.key for case in table] == [case.key for case in mixed[0].table]
    for case in table:
        image, masks = open_case(case)
        assert max(image.array.shape) == 96
        assert image.array.dtype == np.uint8
        assert masks["lungs"].pixels("right-lung") > 100
        assert masks["lungs"].pixels("left-lung") > 100
        columns = [np.nonzero(masks["lungs"].mask(f"{side}-lung"))[1].mean() for side in ("right", "left")]
        assert columns[0] < columns[1]


def test_projected_films_carry_the_lesions_of_their_ct(mixed: tuple[Mixed, Path]) -> None:
    found = [case for case in mixed[0].table if case.facts["origin"] == "projected"]
    masks = [open_case(case)[1] for case in found]
    assert all("lesions" in each for each in masks)
    assert any(each["lesions"].pixels("consolidation") for each in masks)
    for each in masks:
        assert not (each["lesions"].mask() & ~each["lungs"].mask()).any()


def test_a_projected_film_stays_with_the_patient_and_the_part_of_its_ct(mixed: tuple[Mixed, Path]) -> None:
    for case in mixed[0].table:
        if case.facts["origin"] == "projected":
            assert (case.person, case.split) in {("scans/q0", "train"), ("scans/q1", "test")}


def test_manner_is_taken_from_films_of_the_same_part(mixed: tuple[Mixed, Path]) -> None:
    entries = json.loads((mixed[1] / "mix.json").read_text(encoding="utf-8"))["cases"]
    for entry in entries:
        if entry["origin"] == "projected":
            number = int(entry["manner_of"].removeprefix("films/f"))
            assert (number < 4) == (entry["of"] == "scans/c0")


def test_the_same_mix_gives_the_same_bytes_and_another_seed_does_not(
    sources: Path, mixed: tuple[Mixed, Path], tmp_path: Path
) -> None:
    table = open_tables([sources])
    for name, settings in (("same", SMALL), ("other", replace(SMALL, seed=4))):
        mix(table, tmp_path / name, settings)

    def files(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert files(tmp_path / "same") == files(mixed[1])
    assert files(tmp_path / "other") != files(mixed[1])


@pytest.mark.parametrize(("share", "count", "expected"), [(0, 4, {"real": 4}), (1, 3, {"projected": 3})])
def test_any_ratio(sources: Path, tmp_path: Path, share: float, count: int, expected: dict[str, int]) -> None:
    made = mix(open_tables([sources]), tmp_path / "out", MixSettings(share, count, 64))
    assert made.table.counts(lambda case: case.facts["origin"]) == expected
    assert made.told_apart is None


@pytest.mark.parametrize(
    ("keep", "settings", "words"),
    [
        ("CXR", MixSettings(0.5), "needs CT"),
        ("CT", MixSettings(1, 2), "at least one real film"),
        ("CXR", MixSettings(0, 99), "needs 99 real films"),
        ("CT", MixSettings(1), "nothing to mix"),
    ],
)
def test_what_cannot_be_mixed_is_told(
    sources: Path, tmp_path: Path, keep: str, settings: MixSettings, words: str
) -> None:
    table = open_tables([sources]).filter(lambda case: case.modality == keep)
    with pytest.raises(SettingsError, match=words):
        mix(table, tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrong", [{"share": 1.5}, {"count": -1}, {"size_px": 3}])
def test_settings_that_make_no_mix_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        MixSettings(**wrong)  # type: ignore[arg-type]


def noisy(seed: int, level: float, noise: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = level + 40 * np.sin(np.linspace(0, 3, 120))[:, None] * np.cos(np.linspace(0, 4, 100))[None]
    return (smooth + rng.normal(0, noise, smooth.shape)).astype(np.float32)


def test_noise_is_measured() -> None:
    for sigma in (2.0, 6.0):
        assert noise_of(noisy(0, 120, sigma)) == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("noise", [1.0, 8.0])
def test_a_film_takes_the_levels_and_the_noise_of_another(noise: float) -> None:
    model = noisy(1, 90, noise)
    made = in_manner(noisy(2, 160, 4.0), manner_of(model), np.random.default_rng(0))
    assert np.abs(np.quantile(made, (0.1, 0.5, 0.9)) - np.quantile(model, (0.1, 0.5, 0.9))).max() < 4
    assert noise_of(made.astype(np.float32)) == pytest.approx(noise, abs=1.2)


def test_a_film_takes_the_margins_of_another() -> None:
    model = noisy(3, 120, 5.0)
    model[:8], model[:, -6:] = 3, 3
    made = in_manner(noisy(4, 120, 5.0), manner_of(model), np.random.default_rng(0))
    assert (made[:8] == 3).all()
    assert (made[:, -6:] == 3).all()
    assert made[9:-9, 9:-9].std() > 5


def test_alike_films_cannot_be_told_apart_and_others_can() -> None:
    first = [features(noisy(seed, 120, 4)) for seed in range(20)]
    same = [features(noisy(seed, 120, 4)) for seed in range(20, 40)]
    other = [features(noisy(seed, 120, 9)) for seed in range(40, 60)]
    alike, apart = told_apart(first, same), told_apart(first, other)
    assert alike is not None
    assert apart is not None
    assert 0.2 < alike < 0.8
    assert apart > 0.95
    assert told_apart(first[:3], same) is None


def test_the_command(sources: Path, tmp_path: Path) -> None:
    words = ["datasets", "mix", str(sources), "-o", str(tmp_path / "out"), "--share", "0.25", "--count", "4", "--size",
             "64"]  # fmt: skip
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "3 real and 1 projected films" in done.stdout
    assert len(open_tables([tmp_path / "out"])) == 4
