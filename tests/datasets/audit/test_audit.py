from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.datasets.audit.audit import audit
from hilum.datasets.audit.defect import KINDS
from hilum.datasets.audit.report import as_csv, as_json, as_text, read_leaks, render_audit, write_audit
from hilum.datasets.explore.examine import examine_all
from hilum.datasets.schema import DatasetCase, Mask
from hilum.errors import ReadError
from hilum.measurement import Gravity

from .conftest import AFFINE, FILM, Tree, film, film_masks, nifti, save, volume


def codes(tree: Tree) -> list[tuple[str, tuple[str, ...]]]:
    return [(defect.code, defect.cases) for defect in audit(examine_all(tree.table, workers=1)).defects]


def test_nothing_is_found_where_nothing_is_wrong(tree: Tree) -> None:
    assert codes(tree) == []


def missing_image(tree: Tree) -> None:
    tree.image("film-0").unlink()


def broken_image(tree: Tree) -> None:
    tree.image("film-0").write_bytes(tree.image("film-0").read_bytes()[:200])


def broken_mask(tree: Tree) -> None:
    tree.mask("film-0", "lungs").write_bytes(b"no picture")


def blank(tree: Tree) -> None:
    save(tree.image("film-0"), np.full(FILM, 77, np.uint8))


def mask_of_another_size(tree: Tree) -> None:
    save(tree.mask("film-0", "lungs"), film_masks()[0][:-1])


def mask_of_another_spacing(tree: Tree) -> None:
    nifti(tree.mask("volume-0", "lungs"), volume(0)[1], AFFINE * [[1.1], [1], [1], [1]])


def mask_moved(tree: Tree) -> None:
    affine = AFFINE.copy()
    affine[2, 3] = 16.0
    nifti(tree.mask("volume-0", "lungs"), volume(0)[1], affine)


def unknown_label(tree: Tree) -> None:
    lesions = film_masks()[1]
    lesions[0, 0] = 9
    save(tree.mask("film-0", "lesions"), lesions)


def empty_lungs(tree: Tree) -> None:
    nifti(tree.mask("volume-0", "lungs"), np.zeros_like(volume(0)[1]))


def empty_lesions(tree: Tree) -> None:
    save(tree.mask("film-0", "lesions"), np.zeros(FILM, np.uint8))


def empty_lesions_of_a_healthy_case(tree: Tree) -> None:
    empty_lesions(tree)
    tree.change("film-0", finding="No finding")


def one_lung(tree: Tree) -> None:
    save(tree.mask("film-0", "lungs"), np.minimum(film_masks()[0], 1))


def sides_swapped(tree: Tree) -> None:
    tree.change("film-0", masks={"lungs": Mask(tree.mask("film-0", "lungs"), {1: "left-lung", 2: "right-lung"})})


def sides_swapped_by_a_flip(tree: Tree) -> None:
    array, lungs = volume(0)
    nifti(tree.image("volume-0"), array, np.diag([4.0, -4.0, 8.0, 1.0]))
    nifti(tree.mask("volume-0", "lungs"), lungs, np.diag([4.0, -4.0, 8.0, 1.0]))


def lesions_outside(tree: Tree) -> None:
    save(tree.mask("film-0", "lesions"), np.roll(film_masks()[1], 40, axis=0))


def healthy_with_lesions(tree: Tree) -> None:
    tree.change("film-0", finding="Normal")


def bytes_for_hounsfield(tree: Tree) -> None:
    array = volume(0)[0]
    nifti(tree.image("volume-0"), ((array + 1150) / 6).clip(0, 255).astype(np.uint8))


def shifted_by_1024(tree: Tree) -> None:
    nifti(tree.image("volume-0"), volume(0)[0] + np.int16(1024))


def shifted_by_400(tree: Tree) -> None:
    nifti(tree.image("volume-0"), volume(0)[0] + np.int16(400))


def metres(tree: Tree) -> None:
    for path, array in zip((tree.image("volume-0"), tree.mask("volume-0", "lungs")), volume(0), strict=True):
        nifti(path, array, np.diag([-0.004, -0.004, 0.008, 1.0]))


def film_in_metres(tree: Tree) -> None:
    tree.change("film-0", spacing_mm=(0.0002, 0.0002))


def unset_spacing(tree: Tree) -> None:
    for path, array in zip((tree.image("volume-0"), tree.mask("volume-0", "lungs")), volume(0), strict=True):
        wide = array.repeat(2, axis=0).repeat(2, axis=1)
        nifti(path, wide, np.diag([-1.0, -1.0, 1.0, 1.0]))


def copy_across_patients(tree: Tree) -> None:
    save(tree.image("film-3"), film(2))


def copy_within_a_patient(tree: Tree) -> None:
    save(tree.image("film-1"), film(0))


def copy_in_another_format(tree: Tree) -> None:
    path = tree.root / "film-3.jpg"
    Picture.fromarray(film(2)).resize((140, 120), Picture.Resampling.BICUBIC).save(path, quality=70)
    tree.change("film-3", image=path, masks={})


def mirrored_copy_in_the_other_split(tree: Tree) -> None:
    save(tree.image("film-3"), film(0)[:, ::-1])


def patient_in_two_splits(tree: Tree) -> None:
    tree.change("film-1", split="test")


PLANTED = [
    (missing_image, "unreadable-image", ["films/film-0"]),
    (broken_image, "unreadable-image", ["films/film-0"]),
    (broken_mask, "unreadable-mask", ["films/film-0"]),
    (blank, "blank-image", ["films/film-0"]),
    (mask_of_another_size, "mask-off-image", ["films/film-0"]),
    (mask_of_another_spacing, "mask-off-image", ["volumes/volume-0"]),
    (mask_moved, "mask-moved", ["volumes/volume-0"]),
    (unknown_label, "unknown-label", ["films/film-0"]),
    (empty_lungs, "empty-mask", ["volumes/volume-0"]),
    (empty_lesions, "empty-mask", ["films/film-0"]),
    (empty_lesions_of_a_healthy_case, "nothing-drawn", ["films/film-0"]),
    (one_lung, "missing-lung", ["films/film-0"]),
    (sides_swapped, "wrong-side", ["films/film-0"]),
    (sides_swapped_by_a_flip, "wrong-side", ["volumes/volume-0"]),
    (lesions_outside, "outside-lungs", ["films/film-0"]),
    (healthy_with_lesions, "healthy-with-lesions", ["films/film-0"]),
    (bytes_for_hounsfield, "not-hounsfield", ["volumes/volume-0"]),
    (shifted_by_1024, "shifted-hounsfield", ["volumes/volume-0"]),
    (shifted_by_400, "shifted-hounsfield", ["volumes/volume-0"]),
    (metres, "spacing-unit", ["volumes/volume-0"]),
    (film_in_metres, "spacing-unit", ["films/film-0"]),
    (unset_spacing, "spacing-default", ["volumes/volume-0"]),
    (copy_across_patients, "exact-duplicate-across", ["films/film-2", "films/film-3"]),
    (copy_within_a_patient, "exact-duplicate", ["films/film-0", "films/film-1"]),
    (copy_in_another_format, "near-duplicate-across", ["films/film-2", "films/film-3"]),
    (mirrored_copy_in_the_other_split, "near-duplicate-in-splits", ["films/film-0", "films/film-3"]),
    (patient_in_two_splits, "patient-in-splits", ["films/film-0", "films/film-1"]),
]


@pytest.mark.parametrize(("plant", "code", "cases"), PLANTED, ids=[plant.__name__ for plant, _, _ in PLANTED])
def test_each_planted_defect_is_found_and_nothing_else(tree: Tree, plant, code: str, cases: list[str]) -> None:
    plant(tree)
    assert codes(tree) == [(code, tuple(cases))]


def test_every_kind_of_defect_is_planted_once() -> None:
    assert {code for _, code, _ in PLANTED} == set(KINDS)


def test_messages_say_what_and_where(tree: Tree) -> None:
    metres(tree)
    unknown_label(tree)
    sides_swapped_by_a_flip(replace(tree, cases={"volume-0": tree.cases["volume-1"]}))
    found = {defect.code: defect.message for defect in audit(examine_all(tree.table, workers=1)).defects}
    assert found["spacing-unit"].startswith("The spacing is 0.008 x 0.004 x 0.004 mm: slices lie 0.2 to 20 mm apart")
    assert found["unknown-label"] == "Mask 'lesions' holds 9 (1 pixel); named are 1, 2."
    assert "the patient's right belongs at the image's left edge" in found["wrong-side"]


def test_severe_disease_is_no_shift_of_units(tree: Tree) -> None:
    array, lungs = volume(0)
    array[(lungs > 0)] += 400
    nifti(tree.image("volume-0"), array)
    assert codes(tree) == []


def test_a_slice_without_disease_is_only_noted(tree: Tree) -> None:
    tree.change("film-0", modality="CT", is_windowed=True)
    save(tree.mask("film-0", "lesions"), np.zeros(FILM, np.uint8))
    assert codes(tree) == [("nothing-drawn", ("films/film-0",))]


def test_slices_of_one_patient_in_one_split_may_be_alike(tree: Tree) -> None:
    save(tree.image("film-1"), np.clip(film(0).astype(np.int16) + 1, 0, 255).astype(np.uint8))
    assert codes(tree) == []


def test_lung_fields_leave_out_lung_behind_the_heart(tree: Tree) -> None:
    lesions = film_masks()[1]
    lesions[10:20, 40:50] = 1
    save(tree.mask("film-0", "lesions"), lesions)
    assert codes(tree) == [("outside-lungs", ("films/film-0",))]
    masks = tree.cases["film-0"].masks
    tree.change("film-0", masks={"lung-fields": masks["lungs"], "lesions": masks["lesions"]})
    assert codes(tree) == []


def test_pairs_of_two_patients_are_told_once(tree: Tree) -> None:
    for n, (patient, seed) in enumerate([("x", 50), ("x", 51), ("y", 50), ("y", 51)]):
        path = tree.root / f"more-{n}.png"
        save(path, film(seed) if patient == "x" else np.minimum(film(seed), 240))
        tree.cases[f"more-{n}"] = DatasetCase("more", f"more-{n}", patient, "CXR", path)
    found = audit(examine_all(tree.table, workers=1)).defects
    assert [defect.code for defect in found] == ["near-duplicate-across"]
    assert found[0].message.endswith("1 more pair of these patients.")


def test_a_finding_holds_all_cases_of_its_pairs_the_closest_first(tree: Tree) -> None:
    test_pairs_of_two_patients_are_told_once(tree)
    (found,) = audit(examine_all(tree.table, workers=1)).defects
    assert set(found.cases) == {f"more/more-{n}" for n in range(4)}
    assert all(found.message.index(key) for key in found.cases[:2])


@pytest.mark.parametrize(
    ("plant", "leaks"),
    [
        (mirrored_copy_in_the_other_split, {"films/film-0", "films/film-3"}),
        (patient_in_two_splits, {"films/film-0", "films/film-1"}),
        (copy_across_patients, set()),  # both in one split
        (copy_within_a_patient, set()),
        (metres, set()),
    ],
)
def test_leaks_are_what_is_in_two_parts_of_the_data(tree: Tree, tmp_path: Path, plant, leaks: set[str]) -> None:
    plant(tree)
    seen = tuple(examine_all(tree.table, workers=1))
    write_audit(audit(seen), seen, tmp_path / "audit")
    assert read_leaks(tmp_path / "audit" / "audit.json") == leaks


def test_a_patient_in_two_splits_is_shown_in_both(tree: Tree) -> None:
    for number in range(3):
        case = replace(tree.cases["film-0"], case=f"again-{number}", split="test" if number == 2 else "train")
        path = tree.root / f"again-{number}.png"
        save(path, film(60 + number))
        tree.cases[case.case] = replace(case, image=path)
    found = [
        defect for defect in audit(examine_all(tree.table, workers=1)).defects if defect.code == "patient-in-splits"
    ]
    assert len(set(found[0].splits[:2])) == 2
    assert len(found[0].splits) == len(found[0].cases)


def test_what_is_no_audit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cases.json").write_text('{"cases": 3}', encoding="utf-8")
    with pytest.raises(ReadError, match=r"Give the audit.json"):
        read_leaks(tmp_path / "cases.json")


def test_grave_findings_come_first_and_are_counted(tree: Tree) -> None:
    copy_within_a_patient(tree)
    empty_lungs(tree)
    unknown_label(tree)
    found = audit(examine_all(tree.table, workers=1))
    assert list(found.counts()) == ["unknown-label", "empty-mask", "exact-duplicate"]
    assert [found.worst(gravity) for gravity in (Gravity.ERROR, Gravity.WARNING, Gravity.NOTE)] == [1, 2, 3]


def test_reports(tree: Tree) -> None:
    copy_across_patients(tree)
    missing_image(tree)
    seen = tuple(examine_all(tree.table, workers=1))
    found = audit(seen)
    page = render_audit(found, seen)
    assert page.count("data:image/jpeg;base64,") == 2
    assert "http" not in page
    assert "films/film-2 (patient b, test); films/film-3 (patient c, test)" in page
    assert as_text(found).splitlines()[0] == "6 cases of 5 patients"
    assert "Equal pixels: films/film-2" in as_text(found)
    assert [line.split(",")[0] for line in as_csv(found).splitlines()] == [
        "code",
        "unreadable-image",
        "exact-duplicate-across",
    ]
    assert as_json(found)["counts"] == {"unreadable-image": 1, "exact-duplicate-across": 1}
