from pathlib import Path

import numpy as np
import pytest

from hilum.errors import ReadError, SettingsError
from hilum.evaluation.gallery import chosen, write_gallery
from hilum.evaluation.masks import Conditions, Judgement, group_of, judge, structures_of
from hilum.evaluation.predictions import Predictions, numbers_of
from hilum.evaluation.results import as_json, as_markdown, results_of, write_results
from hilum.measurement import NotMeasured

from .conftest import FILM, Cohort, lungs, opacity, save

KINDS = ("lungs", "lesions")
PLAIN = Conditions(has_surfaces=False)


def _by(judgements, prediction="ours"):
    return {(each.case, each.structure): each for each in judgements if each.prediction == prediction}


def test_every_structure_of_every_case_is_judged_in_the_space_of_the_patient(cohort: Cohort, predicted: Path):
    found = _by(judge(cohort.table, [Predictions("ours", predicted)], KINDS, Conditions()))
    assert found["made/a", "opacity"].values["dice"] == found["made/a", "consolidation"].values["dice"] == 1
    assert found["made/a", "right-lung"].values["dice"] == pytest.approx(21 / 22)
    assert isinstance(found["made/a", "both-lungs"].values["hd95"], NotMeasured)
    volume = found["made/v", "ground-glass"].values
    assert volume["dice"] == pytest.approx(0.8)
    assert volume["hd95"] == pytest.approx(0.7)
    assert volume["volume-error"] == 0
    assert ("made/v", "consolidation") not in found
    assert found["made/c", "both-lungs"].group == "healthy"


def test_a_spacing_may_be_assumed_where_a_film_states_none(cohort: Cohort, predicted: Path):
    conditions = Conditions(assumed_spacing_mm=0.5)
    found = _by(judge([cohort.case("a")], [Predictions("ours", predicted)], ["lungs"], conditions))
    assert found["made/a", "right-lung"].values["hd95"] == 0.5


def test_what_is_missing_counts_with_the_worst_and_is_listed(cohort: Cohort, predicted: Path):
    save(lungs()[:-1], predicted / "c/lungs.png")
    results = results_of(judge(cohort.table, [Predictions("ours", predicted)], KINDS, PLAIN))
    found = _by(results.judgements)
    assert found["made/b", "opacity"].values["dice"] == 0
    assert isinstance(found["made/b", "opacity"].values["size-error"], NotMeasured)
    assert {(each.case, each.structure) for each in results.missing} == {
        *(("made/b", name) for name in ("both-lungs", "right-lung", "left-lung")),
        *(("made/b", name) for name in ("opacity", "ground-glass", "consolidation")),
        *(("made/c", name) for name in ("both-lungs", "right-lung", "left-lung")),
    }
    reasons = {each.case: each.reason for each in results.missing}
    assert reasons["made/b"].startswith("there is no mask of")
    assert "does not lie on the image: it has the shape (36, 41), and the image (37, 41)" in reasons["made/c"]
    line = next(
        line for line in results.lines if (line.structure, line.group, line.measure) == ("opacity", "all", "dice")
    )
    assert (line.value.n_cases, line.n_failed, line.n_unmeasured) == (3, 1, 1)  # the healthy film has nothing in common
    assert line.value.estimate == pytest.approx((1 + 0 + 0.8) / 3)
    assert line.deviation == pytest.approx(np.std([1, 0, 0.8], ddof=1))


def test_a_volume_on_another_grid_is_not_scored(cohort: Cohort, predicted: Path, tmp_path: Path):
    from hilum.geometry import VolumeGrid
    from hilum.image import LESIONS, LabelMap
    from hilum.provenance import Source
    from hilum.writers.masks import write

    from .conftest import VOLUME, ball

    grid = VolumeGrid.of_spacing(VOLUME, (2.5, 0.8, 0.9))
    write(LabelMap(ball(), grid, dict(LESIONS), Source("x", "0" * 64, None)), predicted / "v/lesions.nii.gz")
    (judged, *_) = judge([cohort.case("v")], [Predictions("ours", predicted)], KINDS, PLAIN)
    assert judged.values["dice"] == 0
    assert "does not lie on the image: a corner of one lies" in judged.failure


def test_a_reader_who_did_not_draw_a_case_has_not_failed(cohort: Cohort, predicted: Path):
    results = results_of(judge(cohort.table, [Predictions("other", predicted, is_reader=True)], KINDS, PLAIN))
    assert not results.missing
    assert {each.case for each in results.problems if each.reason.startswith("there is no mask")} == {"made/b"}
    assert "Readers among themselves" in as_markdown(results)


def test_numbers_of_other_tools_are_translated(cohort: Cohort, tmp_path: Path):
    save(((lungs() > 0) * 255).astype(np.uint8), tmp_path / "theirs/a.png")
    kind, numbers = numbers_of("lungs:255=lungs")
    place = Predictions("theirs", tmp_path / "theirs", {kind: numbers})
    found = _by(judge([cohort.case("a")], [place], ["lungs"], PLAIN), "theirs")
    assert found["made/a", "both-lungs"].values["dice"] == 1
    strict = Predictions("theirs", tmp_path / "theirs")
    (judged, *_) = judge([cohort.case("a")], [strict], ["lungs"], PLAIN)
    assert "it holds the numbers 255, which mean nothing here" in judged.failure
    assert judged.failure.endswith("Say what they mean, as in --labels lungs:255=right-lung.")
    for text, words in (
        ("lung:1=lungs", "Did you mean 'lungs'"),
        ("lungs:x=lungs", "such as"),
        ("lungs:1=left", "left"),
    ):
        with pytest.raises(SettingsError, match=words):
            numbers_of(text)


def test_a_table_names_the_files(cohort: Cohort, tmp_path: Path):
    save(opacity(), tmp_path / "m/first.png")
    table = tmp_path / "theirs.csv"
    table.write_text("source,case,lesions\nmade,a,m/first.png\nmade,b,m/none.png\n", encoding="utf-8")
    found = _by(judge(cohort.table, [Predictions("ours", table)], ["lesions"], PLAIN))
    assert found["made/a", "opacity"].values["dice"] == 1
    assert "none.png" in found["made/b", "opacity"].failure
    assert found["made/c", "opacity"].failure == "there is no mask of lesions"
    table.write_text("case,file\na,m/first.png\n", encoding="utf-8")
    with pytest.raises(ReadError, match="has no column of masks; expected 'path'"):
        list(judge(cohort.table, [Predictions("ours", table)], ["lesions"], PLAIN))
    table.write_text("case,path\na,m/first.png\na,m/first.png\n", encoding="utf-8")
    with pytest.raises(ReadError, match="more than one row for 'a'"):
        list(judge(cohort.table, [Predictions("ours", table)], ["lesions"], PLAIN))


def test_two_files_for_one_mask_are_refused(cohort: Cohort, predicted: Path):
    save(lungs(), predicted / "a/lungs.tif")
    with pytest.raises(ReadError, match="There are 2 masks of lungs of the case 'made/a'"):
        list(judge(cohort.table, [Predictions("ours", predicted)], KINDS, PLAIN))


def test_parts_that_a_truth_does_not_tell_apart_are_not_judged(cohort: Cohort):
    from dataclasses import replace

    from hilum.datasets.schema import Mask

    case = cohort.case("a")
    merged = replace(case, masks={"lungs": Mask(case.masks["lungs"].path, {1: "lungs", 2: "lungs"})})
    assert list(structures_of(merged, "lungs")) == ["both-lungs"]
    assert list(structures_of(case, "lungs")) == ["both-lungs", "right-lung", "left-lung"]
    assert [group_of(replace(case, finding=text)) for text in ("", "todo", "Normal", "Pneumonia")] == [
        "",
        "",
        "healthy",
        "diseased",
    ]


def test_two_systems_are_compared_and_everything_is_written(cohort: Cohort, predicted: Path, tmp_path: Path):
    for name in ("a", "b", "c"):
        save(lungs(2), tmp_path / f"theirs/lungs/{name}.png")
    systems = [Predictions("ours", predicted), Predictions("theirs", tmp_path / "theirs")]
    results = results_of(judge(cohort.table, systems, ["lungs"], PLAIN))
    made = {(each.structure, each.measure): each.paired for each in results.comparisons}
    difference = made["both-lungs", "dice"].difference
    assert (difference.n_cases, made["both-lungs", "dice"].n_higher, made["both-lungs", "dice"].n_lower) == (3, 1, 2)
    write_results(results, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "cases.csv",
        "summary.csv",
        "problems.csv",
        "comparison.csv",
        "summary.json",
        "summary.md",
    }
    told = as_json(results)
    assert told["schema"] == "hilum-masks-1"
    assert told["cases"] == 3
    assert "theirs less ours" in (tmp_path / "out/summary.md").read_text(encoding="utf-8")


def test_pictures_are_drawn_of_films_and_a_flight_of_a_volume(cohort: Cohort, predicted: Path, tmp_path: Path):
    from PIL import Image as Picture

    systems = [Predictions("ours", predicted), Predictions("also", predicted)]
    cases = [case for case in cohort.table if "lesions" in case.masks]
    results = results_of(judge(cases, systems, ["lesions"], PLAIN))
    write_gallery(results, cases, systems, tmp_path / "out", count=1)
    names = {path.name for path in (tmp_path / "out/pictures").iterdir()}
    assert {"opacity.png", "opacity-ours.png", "opacity-also.png"} <= names
    flight = next(path for path in (tmp_path / "out/pictures").iterdir() if path.suffix == ".gif")
    with Picture.open(flight) as gif:
        assert gif.n_frames > 1  # equal neighbours may be put together
    with Picture.open(tmp_path / "out/pictures/opacity-ours.png") as sheet:
        assert sheet.width > 4 * FILM[1]


def test_best_middle_and_worst_are_different_cases():
    made = [
        Judgement("x", False, f"c{n}", f"p{n}", "", "lungs", "both-lungs", {"dice": n / 10 if n else NotMeasured("")})
        for n in range(8)
    ]
    assert chosen(made, 1) == {"best": [("c7", 0.7)], "middle": [("c4", 0.4)], "worst": [("c1", 0.1)]}
    assert chosen(made[:3], 2) == {"best": [("c2", 0.2), ("c1", 0.1)], "middle": [], "worst": []}
