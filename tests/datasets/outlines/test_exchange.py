"""COCO and VIA: there and back, and what other tools write."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from hilum.cli.datasets import command
from hilum.datasets.open import open_mask
from hilum.datasets.outlines.exchange import Reading, export_annotations, import_annotations
from hilum.datasets.schema import CaseTable, DatasetCase, Mask
from hilum.errors import ReadError, UnsupportedFormat

SHAPE = (31, 37)


def lesions() -> np.ndarray:
    made = np.zeros(SHAPE, np.uint8)
    made[3:14, 4:13] = 1
    made[6:9, 7:9] = 0  # a hole
    made[20:25, 5:9] = 2
    made[25, 9] = 2  # touches at a corner
    made[20:22, 30:33] = 1
    return made


def lungs() -> np.ndarray:
    made = np.zeros(SHAPE, np.uint8)
    made[2:28, 2:15], made[2:12, 20:34], made[14:28, 20:34] = 1, 2, 2
    return made


@pytest.fixture
def films(tmp_path) -> CaseTable:
    """Two films with masks, one of which shows nothing."""
    folder = tmp_path / "films"
    folder.mkdir()
    cases = []
    for name, drawn in (("p1-a", lesions()), ("p2-a", np.zeros(SHAPE, np.uint8))):
        Image.fromarray(np.arange(31 * 37, dtype=np.uint16).reshape(SHAPE).astype(np.uint8)).save(
            folder / f"{name}.png"
        )
        for kind, array in (("lesions", drawn), ("lungs", lungs())):
            Image.fromarray(array).save(folder / f"{name}-{kind}.png")
        masks = {
            "lesions": Mask(folder / f"{name}-lesions.png", {1: "ground-glass", 2: "consolidation"}),
            "lungs": Mask(folder / f"{name}-lungs.png", {1: "right-lung", 2: "left-lung"}),
        }
        cases.append(DatasetCase("films", name, name[:2], "CXR", folder / f"{name}.png", masks))
    return CaseTable.of(cases)


@pytest.mark.parametrize("form", ["coco-polygons", "coco-runs", "via"])
@pytest.mark.parametrize(("kind", "count"), [("lesions", 3), ("lungs", 4)])
def test_there_and_back_gives_the_same_masks(films, tmp_path, form, kind, count):
    assert export_annotations(films, tmp_path / "out" / "made.json", kind, form) == count
    reading = Reading(patient="(p[0-9])")
    back = import_annotations(tmp_path / "out" / "made.json", tmp_path / "back", reading)
    assert [(case.case, case.patient) for case in back] == [("p1-a", "p1"), ("p2-a", "p2")]
    stored = CaseTable.read_csv(tmp_path / "back" / "cases.csv")
    for old, new in zip(films, stored, strict=True):
        assert new.image.samefile(old.image)
        assert np.array_equal(open_mask(old, kind).array, open_mask(new, kind).array)
        assert list(new.masks) == [kind]
        assert new.masks[kind].structures == old.masks[kind].structures


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_is_as_the_coco_api_wants_it(films, tmp_path):
    pytest.importorskip("pycocotools", reason="needs pycocotools")
    from pycocotools.coco import COCO

    for form in ("coco-polygons", "coco-runs"):
        export_annotations(films, tmp_path / "made.json", "lesions", form)
        read = COCO(str(tmp_path / "made.json"))
        found = read.loadAnns(read.getAnnIds(imgIds=[1]))
        names = {each["id"]: each["name"] for each in read.loadCats(read.getCatIds())}
        assert [names[each["category_id"]] for each in found] == ["ground-glass", "ground-glass", "consolidation"]
        assert [each["bbox"] for each in found] == [[4, 3, 9, 11], [30, 20, 3, 2], [5, 20, 5, 6]]
        union = sum(read.annToMask(each) for each in found) > 0
        wanted = lesions() > 0
        assert [each["area"] for each in found] == [11 * 9 - 6, 6, 21]
        if form == "coco-runs":
            assert np.array_equal(union, wanted)
        else:  # the API's own rule for polygons takes in a part of the border
            assert np.count_nonzero(union & wanted) / np.count_nonzero(union | wanted) > 0.85
            assert isinstance(found[0]["segmentation"], dict)  # a hole
            assert isinstance(found[1]["segmentation"], list)


def test_what_via_draws(films, tmp_path):
    shapes = [
        {"name": "rect", "x": 2, "y": 3, "width": 5, "height": 4},
        {"name": "circle", "cx": 20, "cy": 10, "r": 4},
        {"name": "ellipse", "cx": 20, "cy": 22, "rx": 6, "ry": 3, "theta": 0},
        {"name": "polyline", "all_points_x": [30, 34, 30], "all_points_y": [2, 2, 8]},
    ]
    regions = {
        str(number): {"shape_attributes": shape, "region_attributes": {"name": "consolidation"}}
        for number, shape in enumerate(shapes)
    }
    project = {"_via_img_metadata": {"p1-a.png123": {"filename": "p1-a.png", "size": 1, "regions": regions}}}
    (tmp_path / "via.json").write_text(json.dumps(project))
    (case,) = import_annotations(tmp_path / "via.json", tmp_path / "back", Reading(images=tmp_path / "films"))
    found = open_mask(case, "lesions")
    array = np.asarray(found.array) == found.number("consolidation")
    assert np.count_nonzero(array[:8, :10]) == 20
    assert np.count_nonzero(array[5:16, 14:26]) == pytest.approx(np.pi * 16, rel=0.1)
    assert np.count_nonzero(array[18:27, 12:28]) == pytest.approx(np.pi * 18, rel=0.1)
    assert array[3, 31]
    assert not array[7, 33]


def test_classes_are_named_left_out_and_never_guessed(films, tmp_path):
    export_annotations(films, tmp_path / "made.json", "lesions", "via")
    text = (tmp_path / "made.json").read_text()
    (tmp_path / "made.json").write_text(
        text.replace('"consolidation"', '"Blob"').replace("ground-glass", "Ground Glass")
    )

    def read(**classes):
        return import_annotations(tmp_path / "made.json", tmp_path / "back", Reading(classes=classes))

    with pytest.raises(ReadError, match=r"'Blob' .* nothing known.*--class 'Blob=STRUCTURE'"):
        read()
    mask = open_mask(read(Blob="-").cases[0], "lesions")
    assert (mask.pixels("ground-glass"), mask.pixels("infection")) == (np.count_nonzero(lesions() == 1), 0)
    mask = open_mask(read(Blob="infection").cases[0], "lesions")
    assert mask.pixels("infection") == np.count_nonzero(lesions() == 2)
    with pytest.raises(ReadError, match="no class 'blob'"):
        read(blob="infection")


def coco(**changed):
    """A COCO file of one triangle on the first film."""
    annotation = {"id": 7, "image_id": 1, "category_id": 3, "segmentation": [[1, 1, 9, 1, 1, 9]], "iscrowd": 0}
    image = {"id": 1, "file_name": "p1-a.png", "width": 37, "height": 31}
    return {
        "images": [image | changed.pop("image", {})],
        "annotations": [annotation | changed],
        "categories": [{"id": 3, "name": "consolidation"}],
    }


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"category_id": 4}, "category of annotation 7 is not there"),
        ({"image_id": 4}, "picture of annotation 7 is not there"),
        ({"segmentation": []}, "annotation 7 has no outline, only a box"),
        ({"segmentation": [[1, 2, 3]]}, "polygon of 3 numbers"),
        ({"segmentation": {"size": [31, 38], "counts": "1"}}, "another size"),
        ({"segmentation": {"size": [31, 37], "counts": [5, 6]}}, "do not fill"),
        ({"image": {"width": 40}}, "rows and columns, and it has"),
        ({"image": {"file_name": "gone.png"}}, "--images"),
    ],
)
def test_what_does_not_fit_is_told(films, tmp_path, changed, message):
    (tmp_path / "films" / "coco.json").write_text(json.dumps(coco(**changed)))
    with pytest.raises(ReadError, match=message):
        import_annotations(tmp_path / "films" / "coco.json", tmp_path / "back", Reading())


def test_runs_that_are_not_packed_are_read(films, tmp_path):
    runs = [31, 5, 31 * 37 - 36]
    (tmp_path / "films" / "coco.json").write_text(json.dumps(coco(segmentation={"size": [31, 37], "counts": runs})))
    (case,) = import_annotations(tmp_path / "films" / "coco.json", tmp_path / "back", Reading())
    assert np.argwhere(np.asarray(open_mask(case, "lesions").array)).tolist() == [[row, 1] for row in range(5)]


def test_what_is_of_no_tool_and_what_has_no_place(films, tmp_path):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(UnsupportedFormat, match="neither of COCO"):
        import_annotations(tmp_path / "x.json", tmp_path / "back", Reading())
    with pytest.raises(ReadError, match="No case has a mask of lobes"):
        export_annotations(films, tmp_path / "y.json", "lobes", "via")
    turned = CaseTable.of(replace(case, turn="flip-rows") for case in films)
    with pytest.raises(UnsupportedFormat, match="hilum datasets harmonise DB -o pictures"):
        export_annotations(turned, tmp_path / "y.json", "lesions", "via")
    volumes = CaseTable.of(replace(case, modality="CT", image=tmp_path / "ct.nii.gz") for case in films)
    with pytest.raises(UnsupportedFormat, match="hilum datasets harmonise DB --form slices -o pictures"):
        export_annotations(volumes, tmp_path / "y.json", "lesions", "via")


def test_slices_of_ct_that_are_pictures_are_written_as_films_are(films, tmp_path):
    slices = CaseTable.of(replace(case, modality="CT", is_windowed=True) for case in films)
    for name, table in (("films", films), ("slices", slices)):
        assert export_annotations(table, tmp_path / f"{name}.json", "lesions", "coco-runs") == 3
    assert (tmp_path / "slices.json").read_bytes() == (tmp_path / "films.json").read_bytes()


def test_the_commands(films, tmp_path):
    films.write_csv(tmp_path / "cases.csv")
    run = CliRunner().invoke
    done = run(command, ["export", str(tmp_path), "-o", str(tmp_path / "made.json"), "--as", "via"])
    assert (done.exit_code, done.stdout) == (0, f"3 objects: {tmp_path / 'made.json'}\n"), done.stderr
    back = tmp_path / "back"
    done = run(command, ["import", str(tmp_path / "made.json"), "-o", str(back), "--class", "consolidation=-"])
    assert (done.exit_code, done.stdout) == (0, f"2 films with masks of lesions: {back / 'cases.csv'}\n"), done.stderr
    assert Path(back / "masks" / "p1-a-lesions.png").is_file()
    assert run(command, ["import", str(tmp_path / "made.json"), "-o", str(back), "--class", "x"]).exit_code == 2
