"""Numbers as files of data sets store them, and masks that are drawn in JSON."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from hilum.datasets.drawn import darwin_mask, read_json, supervisely_mask
from hilum.datasets.stored import h5_array, is_volume, jsrt_film, picture, stack
from hilum.errors import ReadError

from .conftest import grey

SIZE = {"width": 13, "height": 11}


def written(folder, data):
    path = folder / "a.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def polygons(*shapes):
    return {"image": SIZE, "annotations": [{"name": "Lung", "polygon": shape} for shape in shapes]}


def points(*corners):
    return [{"x": x, "y": y} for x, y in corners]


class TestPicture:
    def test_a_palette_is_seen_or_counted(self, tmp_path):
        made = Picture.fromarray(np.array([[0, 1, 2]], np.uint8))
        made.putpalette([0, 0, 0, 255, 255, 255, 90, 90, 90])
        made.save(tmp_path / "p.png")
        assert picture(tmp_path / "p.png", as_grey=False).tolist() == [[0, 1, 2]]
        assert picture(tmp_path / "p.png", as_grey=True).tolist() == [[0, 255, 90]]

    @pytest.mark.parametrize("channels", [3, 4])
    def test_equal_channels_are_one(self, tmp_path, channels):
        layers = np.dstack([grey()] * 3 + [np.full_like(grey(), 255)] * (channels - 3))
        Picture.fromarray(layers).save(tmp_path / "rgb.png")
        assert np.array_equal(picture(tmp_path / "rgb.png", as_grey=False), grey())

    @pytest.mark.parametrize("ending", ["png", "bmp", "tif", "gif"])
    @pytest.mark.filterwarnings("ignore")  # Pillow warns of what it finds in damaged files
    def test_whatever_is_damaged_it_is_one_error(self, tmp_path, ending):
        path = tmp_path / f"x.{ending}"
        Picture.fromarray(grey()).save(path)
        whole, chance = path.read_bytes(), np.random.default_rng(7)
        refused: list[str] = []
        for _ in range(150):
            damaged = bytearray(whole)
            for place in chance.integers(len(whole), size=3):
                damaged[place] = chance.integers(256)
            path.write_bytes(damaged[: chance.integers(1, len(whole))] if chance.random() < 0.2 else damaged)
            try:
                picture(path, as_grey=False)
            except ReadError as error:
                refused.append(str(error))
        assert refused
        assert all(path.name in message for message in refused)

    def test_broken_files_are_named(self, tmp_path):
        for name in ("x.png", "x.npy"):
            (tmp_path / name).write_bytes(b"nothing of the kind")
            with pytest.raises(ReadError, match=rf"Cannot read the \w+ '.*{name}'"):
                picture(tmp_path / name, as_grey=False)


@pytest.mark.parametrize(
    ("name", "answer"), [("a.nii.gz", True), ("b.NRRD", True), ("c.mha", True), ("d.png", False), ("nii.txt", False)]
)
def test_volumes_are_told_by_name(tmp_path, name, answer):
    assert is_volume(tmp_path / name) is answer


def test_files_that_are_not_there(tmp_path):
    for read in (stack, jsrt_film, read_json):
        with pytest.raises(ReadError, match=r"Cannot open '.*absent'"):
            read(tmp_path / "absent")


def test_a_plane_that_hdf5_has_not(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = np.zeros((2, 3, 4))
    with pytest.raises(ReadError, match=r"'image' in '.*a\.h5' has 2 planes, not a plane 2"):
        h5_array(tmp_path / "a.h5", "image", 2)


class TestDrawn:
    def test_additional_paths_and_complex_polygons_are_paths_too(self, tmp_path):
        ring = [points((0, 0), (8, 0), (8, 8), (0, 8)), points((3, 3), (5, 3), (5, 5), (3, 5))]
        ways = (
            polygons({"paths": ring}),
            polygons({"path": ring[0], "additional_paths": ring[1:]}),
            polygons({"path": ring}),
        )
        made = [darwin_mask(written(tmp_path, way), ["Lung"]) for way in ways]
        assert all(np.array_equal(made[0], other) for other in made[1:])
        assert made[0].sum() == 81 - 9

    def test_later_classes_lie_over_earlier_ones(self, tmp_path):
        data = polygons({"path": points((0, 0), (4, 0), (4, 4), (0, 4))})
        data["annotations"].append({"name": "Ignore", "polygon": {"path": points((2, 2), (6, 2), (6, 6), (2, 6))}})
        mask = darwin_mask(written(tmp_path, data), ["Lung", "Ignore"])
        assert np.bincount(mask.ravel()).tolist() == [143 - 25 - 25 + 9, 25 - 9, 25]

    def test_a_path_of_one_point_is_nothing(self, tmp_path):
        assert not darwin_mask(written(tmp_path, polygons({"path": points((1, 1))})), ["Lung"]).any()

    @given(corner=st.tuples(st.integers(0, 5), st.integers(0, 4)), side=st.integers(1, 6))
    def test_rectangles_have_their_area(self, tmp_path_factory, corner, side):
        (x, y), folder = corner, tmp_path_factory.mktemp("drawn")
        data = polygons({"path": points((x, y), (x + side, y), (x + side, y + side), (x, y + side))})
        mask = darwin_mask(written(folder, data), ["Lung"])
        assert mask.sum() == (side + 1) ** 2
        assert mask[y : y + side + 1, x : x + side + 1].all()

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ({"image": {"width": 0, "height": 3}, "annotations": []}, "it states a picture of 0x3 pixels"),
            (
                {"image": {"width": 70000, "height": 70000}, "annotations": []},
                "it states a picture of 70000x70000 pixels",
            ),
            ({"image": SIZE}, "it lacks 'annotations'"),
            ({"image": SIZE, "annotations": [{"name": "Lung", "polygon": {"path": [{"x": 1}]}}]}, "it lacks 'y'"),
        ],
    )
    def test_what_is_not_of_the_form_is_named(self, tmp_path, data, message):
        with pytest.raises(ReadError, match=rf"Cannot read the mask '.*a\.json' as JSON of Darwin: {message}"):
            darwin_mask(written(tmp_path, data), ["Lung"])

    def test_holes_of_polygons_of_supervisely(self, tmp_path):
        shape = {"exterior": [[0, 0], [8, 0], [8, 8], [0, 8]], "interior": [[[3, 3], [5, 3], [5, 5], [3, 5]]]}
        data = {"size": SIZE, "tags": [], "objects": [{"classTitle": "Lungs", "points": shape}]}
        assert supervisely_mask(written(tmp_path, data), ["Lungs"]).sum() == 81 - 9
        assert not supervisely_mask(written(tmp_path, data), ["COVID-19"]).any()
