"""Masks in the layouts of other tools: numbers, names, folders, orders of axes; what is refused."""

from __future__ import annotations

import nibabel
import nrrd
import numpy as np
import pytest
import SimpleITK

from hilum.errors import GridMismatch, NotAnImage, ReadError, SettingsError
from hilum.geometry import PlaneGrid, SpacingAt, VolumeGrid
from hilum.image import LOBES, LUNGS
from hilum.readers.label_mapping import LABELS, label_mapping, shipped
from hilum.readers.structures import read_structures

SHAPE = (7, 11, 13)
SPACING = (2.5, 0.8, 0.7)
ORIGIN = (-60.0, 11.0, -7.5)
NAMES = [label.name for label in LOBES.values()]
RUL, RML, RLL, LUL, LLL = range(1, 6)

GRID = VolumeGrid.of_spacing(SHAPE, SPACING, ORIGIN)


def lobes():
    """Ours: right lobes in columns 2 to 5, left ones in 7 to 10; upper ones above."""
    made = np.zeros(SHAPE, np.uint8)
    made[4:6, 2:9, 2:6], made[4:6, 2:9, 7:11] = RUL, LUL
    made[1:4, 2:5, 2:6], made[1:4, 5:9, 2:6], made[1:4, 2:9, 7:11] = RML, RLL, LLL
    return made


def lungs():
    return np.array([0, 1, 1, 1, 2, 2], np.uint8)[lobes()]


def ras_affine():
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.array(
        [[SPACING[2], 0, 0, ORIGIN[0]], [0, SPACING[1], 0, ORIGIN[1]], [0, 0, SPACING[0], ORIGIN[2]], [0, 0, 0, 1]]
    )


def as_nifti(path, array, *, flips=()):
    """Like tools that write (x, y, z) arrays; flipped axes keep every voxel in its place."""
    data, affine = array.transpose(2, 1, 0), ras_affine()
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (data.shape[axis] - 1)
        affine[:3, axis] *= -1
        data = np.flip(data, axis)
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(data), affine), path)
    return path


def as_segments(path, segments, *, offset=(0, 0, 0)):
    """A segmentation of 3D Slicer; several layers where segments are on top of each other."""
    arrays = {name: np.asarray(array).astype(np.uint8) for name, array in segments.items()}
    overlaps = sum(array.astype(int) for array in arrays.values()).max() > 1
    data = (
        list(arrays.values()) if overlaps else [sum(n * a for n, a in enumerate(arrays.values(), 1)).astype(np.uint8)]
    )
    origin = [start + at * step for start, at, step in zip(ORIGIN, offset[::-1], SPACING[::-1], strict=True)]
    directions = np.diag(SPACING[::-1]).tolist()
    header = {"space": "left-posterior-superior", "space origin": origin, "kinds": ["domain"] * 3, "encoding": "gzip"}
    if overlaps:
        header |= {"kinds": ["list", *header["kinds"]], "space directions": [[np.nan] * 3, *directions]}
    else:
        header |= {"space directions": directions}
    for number, name in enumerate(arrays):
        header |= {
            f"Segment{number}_ID": f"Segment_{number + 1}",
            f"Segment{number}_Name": name,
            f"Segment{number}_LabelValue": "1" if overlaps else str(number + 1),
            f"Segment{number}_Layer": str(number) if overlaps else "0",
        }
    volume = np.stack(data).transpose(0, 3, 2, 1) if overlaps else data[0].transpose(2, 1, 0)
    nrrd.write(str(path), np.ascontiguousarray(volume), header, index_order="F")
    return path


V2 = np.array([0, 12, 13, 14, 10, 11], np.uint8)
V1 = np.array([0, 15, 16, 17, 13, 14], np.uint8)
LTRC = np.array([0, 3, 4, 5, 1, 2], np.uint8)


class TestTotalSegmentator:
    @pytest.mark.parametrize(("name", "table"), [("totalsegmentator", V2), ("totalsegmentator-v1", V1)])
    def test_one_file_with_all_organs(self, tmp_path, name, table):
        array = table[lobes()]
        array[0, 0, 0], array[6, 5, 6] = 5, 52
        file = as_nifti(tmp_path / "seg.nii.gz", array)
        mapping = label_mapping(name)
        assert np.array_equal(read_structures(file, "lobes", mapping, on=GRID).array, lobes())
        assert np.array_equal(read_structures(file, "lungs", mapping, on=GRID).array, lungs())

    def test_a_folder_with_a_file_a_structure(self, tmp_path):
        for number, name in LOBES.items():
            upper, _, rest = name.name.partition("-")
            which = rest.removesuffix("-lobe")
            as_nifti(tmp_path / f"lung_{which}_lobe_{upper}.nii.gz", (lobes() == number).astype(np.uint8))
        as_nifti(tmp_path / "heart.nii.gz", np.ones(SHAPE, np.uint8))
        made = read_structures(tmp_path, "lobes", label_mapping("totalsegmentator"), on=GRID)
        assert np.array_equal(made.array, lobes())
        made = read_structures(tmp_path, "lungs", label_mapping("totalsegmentator-v1"), on=GRID)
        assert np.array_equal(made.array, lungs())
        (tmp_path / "lung_middle_lobe_right.nii.gz").unlink()
        with pytest.raises(ReadError, match=r"the right lung .* made of 3 files, and lung_middle_lobe_right .* is not"):
            read_structures(tmp_path, "lungs", label_mapping("totalsegmentator"), on=GRID)
        assert RML not in read_structures(tmp_path, "lobes", label_mapping("totalsegmentator"), on=GRID).array

    def test_the_labels_of_another_version_are_noticed(self, tmp_path):
        array = V1[lobes()]
        array[0, 4, 5:8], array[0, 8, 4], array[0, 8, 9] = 10, 11, 12
        file = as_nifti(tmp_path / "all.nii.gz", array)
        with pytest.raises(ReadError, match="calls right lies on the patient's left"):
            read_structures(file, "lobes", label_mapping("totalsegmentator"))

    def test_files_of_a_folder_on_different_grids(self, tmp_path):
        as_nifti(tmp_path / "lung_upper_lobe_left.nii.gz", (lobes() == LUL).astype(np.uint8))
        as_nifti(tmp_path / "lung_lower_lobe_left.nii", (lobes() == LLL)[1:].astype(np.uint8))
        with pytest.raises(GridMismatch):
            read_structures(tmp_path, "lobes", label_mapping("totalsegmentator"))

    def test_files_of_a_folder_in_other_orders_of_axes(self, tmp_path):
        as_nifti(tmp_path / "lung_upper_lobe_left.nii.gz", (lobes() == LUL).astype(np.uint8))
        as_nifti(tmp_path / "lung_lower_lobe_left.nii.gz", (lobes() == LLL).astype(np.uint8), flips=(0, 2))
        made = read_structures(tmp_path, "lobes", label_mapping("totalsegmentator"))
        assert np.array_equal(made.array, lobes() * (lobes() >= LUL))

    def test_a_file_of_another_tool_holds_none_of_its_numbers(self, tmp_path):
        file = as_nifti(tmp_path / "lungs.nii.gz", lungs())
        with pytest.raises(ReadError, match=r"none of the numbers 12, 13, 14, 10, 11, which they have in .*tator'"):
            read_structures(file, "lungs", label_mapping("totalsegmentator"))
        empty = as_nifti(tmp_path / "empty.nii.gz", 0 * lungs())
        assert not read_structures(empty, "lungs", label_mapping("totalsegmentator")).array.any()

    def test_an_empty_folder(self, tmp_path):
        with pytest.raises(ReadError, match="none of the files lung_upper_lobe_right"):
            read_structures(tmp_path, "lobes", label_mapping("totalsegmentator"))


class TestLungmask:
    def test_lungs_and_lobes(self, tmp_path):
        mapping = label_mapping("lungmask")
        file = as_nifti(tmp_path / "r231.nii.gz", lungs())
        assert np.array_equal(read_structures(file, "lungs", mapping, on=GRID).array, lungs())
        file = tmp_path / "ltrc.mha"
        image = SimpleITK.GetImageFromArray(LTRC[lobes()])
        image.SetSpacing(SPACING[::-1])
        image.SetOrigin(ORIGIN)
        SimpleITK.WriteImage(image, str(file), True)
        assert np.array_equal(read_structures(file, "lobes", mapping, on=GRID).array, lobes())
        assert np.array_equal(read_structures(file, "lungs", label_mapping("lungmask-lobes"), on=GRID).array, lungs())

    def test_its_lobes_taken_for_ours_are_noticed(self, tmp_path):
        file = as_nifti(tmp_path / "ltrc.nii.gz", LTRC[lobes()])
        with pytest.raises(ReadError, match="calls right lies on the patient's left"):
            read_structures(file, "lobes")

    def test_lobes_are_no_lungs(self, tmp_path):
        file = as_nifti(tmp_path / "ltrc.nii.gz", LTRC[lobes()])
        with pytest.raises(ReadError, match="3, 4, 5, which mean nothing here"):
            read_structures(file, "lungs", label_mapping("lungmask"))


class TestSlicer:
    mapping = label_mapping("slicer-lcta")

    def test_segments_by_name(self, tmp_path):
        shown = {name.replace("-", " "): lobes() == number for number, name in enumerate(NAMES, 1)}
        file = as_segments(tmp_path / "lobes.seg.nrrd", {"airways": np.zeros(SHAPE), **shown})
        assert np.array_equal(read_structures(file, "lobes", self.mapping, on=GRID).array, lobes())
        assert np.array_equal(read_structures(file, "lungs", self.mapping, on=GRID).array, lungs())

    def test_segments_in_layers(self, tmp_path):
        segments = {"Right lung": lungs() == 1, "left lung": lungs() == 2, "lungs": lungs() > 0}
        file = as_segments(tmp_path / "lungs.seg.nrrd", segments)
        assert np.array_equal(read_structures(file, "lungs", self.mapping, on=GRID).array, lungs())

    def test_the_bands_of_the_analyzer(self, tmp_path):
        bands = {
            "Inflated right": lobes() == RUL,
            "Infiltration right": lobes() == RML,
            "Collapsed right": lobes() == RLL,
            "Inflated left": lobes() == LUL,
            "Infiltration left": lobes() == LLL,
        }
        file = as_segments(tmp_path / "analysis.seg.nrrd", bands)
        assert np.array_equal(read_structures(file, "lungs", self.mapping, on=GRID).array, lungs())
        expected = np.array([0, 0, 1, 2, 0, 1], np.uint8)[lobes()]
        lesions = read_structures(file, "lesions", self.mapping, on=GRID)
        assert np.array_equal(lesions.array, expected)
        assert {label.name for label in lesions.labels.values()} == {"ground-glass", "consolidation"}

    def test_a_segmentation_cut_to_its_content(self, tmp_path):
        part = (slice(1, 6), slice(2, 9), slice(2, 11))
        segments = {"right lung": (lungs() == 1)[part], "left lung": (lungs() == 2)[part]}
        file = as_segments(tmp_path / "cut.seg.nrrd", segments, offset=(1, 2, 2))
        made = read_structures(file, "lungs", self.mapping, on=GRID)
        assert made.grid.same_as(GRID)
        assert np.array_equal(made.array, lungs())

    def test_layers_in_the_other_space(self, tmp_path):
        file = as_segments(tmp_path / "lps.seg.nrrd", {"right lung": lungs() == 1, "lungs": lungs() > 0})
        data, header = nrrd.read(str(file), index_order="F")
        header["space"] = "right-anterior-superior"
        header["space directions"][1:] *= [-1, -1, 1]
        header["space origin"] = header["space origin"] * [-1, -1, 1]
        nrrd.write(str(tmp_path / "ras.seg.nrrd"), data, header, index_order="F")
        made = read_structures(tmp_path / "ras.seg.nrrd", "lungs", self.mapping, on=GRID)
        assert np.array_equal(made.array, lungs() == 1)

    def test_damaged_layers(self, tmp_path):
        file = as_segments(tmp_path / "a.seg.nrrd", {"right lung": lungs() == 1, "lungs": lungs() > 0})
        (tmp_path / "cut.seg.nrrd").write_bytes(file.read_bytes()[:-12])
        with pytest.raises(NotAnImage, match="it is cut short"):
            read_structures(tmp_path / "cut.seg.nrrd", "lungs", self.mapping)
        text = file.read_bytes().replace(b"space: left-posterior-superior", b"space: scanner-xyz")
        (tmp_path / "odd.seg.nrrd").write_bytes(text)
        with pytest.raises(NotAnImage, match="does not say how the patient lies in it"):
            read_structures(tmp_path / "odd.seg.nrrd", "lungs", self.mapping)

    @pytest.mark.parametrize(
        ("field", "other", "sentence"),
        [
            (b"Segment1_LabelValue:=1", b"Segment1_LabelValue:=x", "states 'x' for the LabelValue of the segment"),
            (b"Segment1_Layer:=1", b"Segment1_Layer:=7", "puts segments into layer 7, and it has 2"),
            (b"Segment1_Layer:=1", b"Segment1_Layer:=0", "gives two segments the number 1, 'left lung' one of them"),
            (b"sizes: 2 13 11 7", b"sizes: 2 13 99999 9999", "the limit is 700 megavoxels"),
            (b"sizes: 2 13 11 7", b"sizes: 1 26 11 7 1", "damaged|another number of axes"),
            (b"type: uint8", b"type: block", "of the type 'block'"),
        ],
    )
    def test_layers_that_contradict_themselves(self, tmp_path, field, other, sentence):
        file = as_segments(tmp_path / "a.seg.nrrd", {"right lung": lungs() == 1, "left lung": lungs() > 0})
        data = file.read_bytes()
        assert field in data
        file.write_bytes(data.replace(field, other))
        with pytest.raises(ReadError, match=sentence):
            read_structures(file, "lungs", self.mapping)

    def test_layers_of_fractions_are_no_mask(self, tmp_path):
        file = as_segments(tmp_path / "a.seg.nrrd", {"right lung": lungs() == 1, "left lung": lungs() > 0})
        data, header = nrrd.read(str(file), index_order="F")
        header["type"] = "float"
        nrrd.write(str(file), data.astype(np.float32) / 2, header, index_order="F")
        with pytest.raises(ReadError, match="it holds fractions"):
            read_structures(file, "lungs", self.mapping)

    def test_other_segments(self, tmp_path):
        file = as_segments(tmp_path / "other.seg.nrrd", {"liver": lungs() == 1})
        with pytest.raises(ReadError, match="has the segments 'liver', and none"):
            read_structures(file, "lungs", self.mapping)

    def test_a_file_without_names(self, tmp_path):
        with pytest.raises(ReadError, match="goes by names, and the file states none"):
            read_structures(as_nifti(tmp_path / "a.nii.gz", lungs()), "lungs", self.mapping)


class TestOntoTheImage:
    @pytest.mark.parametrize("flips", [(0,), (1,), (0, 1), (2,), (0, 1, 2)])
    def test_flipped_axes(self, tmp_path, flips):
        file = as_nifti(tmp_path / "a.nii.gz", lungs(), flips=flips)
        assert np.array_equal(read_structures(file, "lungs", on=GRID).array, lungs())

    def test_other_voxels(self, tmp_path):
        file = as_nifti(tmp_path / "a.nii.gz", lungs())
        for spacing, origin in (((2.5, 0.8, 0.71), ORIGIN), (SPACING, (-60.2, 11, -7.5)), (SPACING, (500, 11, -7.5))):
            with pytest.raises(GridMismatch, match="does not lie on the voxels of the image: "):
                read_structures(file, "lungs", on=VolumeGrid.of_spacing(SHAPE, spacing, origin))

    def test_a_film_takes_the_films_grid_and_no_volume(self, tmp_path):
        from PIL import Image

        Image.fromarray(lungs()[3]).save(tmp_path / "lungs.png")
        film = PlaneGrid(SHAPE[1:], (0.2, 0.2), SpacingAt.DETECTOR)
        made = read_structures(tmp_path / "lungs.png", "lungs", on=film)
        assert made.grid == film
        assert np.array_equal(made.array, lungs()[3])
        with pytest.raises(GridMismatch, match="is of a film, and the image is a volume"):
            read_structures(tmp_path / "lungs.png", "lungs", on=GRID)
        with pytest.raises(GridMismatch):
            read_structures(tmp_path / "lungs.png", "lungs", on=PlaneGrid((11, 12)))

    def test_one_lung_alone_has_no_wrong_side(self, tmp_path):
        file = as_nifti(tmp_path / "a.nii.gz", (lungs() == 2).astype(np.uint8))
        assert read_structures(file, "lungs").pixels("left-lung") == 0

    def test_mirrored_lungs_are_noticed(self, tmp_path):
        file = as_nifti(tmp_path / "a.nii.gz", np.array([0, 2, 1], np.uint8)[lungs()])
        with pytest.raises(ReadError, match="calls right lies on the patient's left"):
            read_structures(file, "lungs")


class TestMappings:
    @pytest.mark.parametrize("name", shipped())
    def test_shipped_ones_are_whole(self, name):
        mapping = label_mapping(name)
        assert mapping.title
        assert mapping.source
        lungs = {label.name for label in LUNGS.values()}
        assert set(mapping.of("lungs")) == ({"right-lung"} if mapping.is_one_mask else lungs)
        assert "lobes" not in mapping.roles or set(mapping.of("lobes")) == set(NAMES)
        for role in mapping.roles:
            numbers = [number for each in mapping.roles[role].values() for number in each.numbers]
            assert len(numbers) == len(set(numbers))
            assert set(mapping.roles[role]) <= {label.name for label in LABELS[role].values()}

    def test_ones_own(self, tmp_path):
        file = tmp_path / "mine.toml"
        file.write_text("[lungs]\nright-lung = { numbers = [7] }\nleft-lung = { numbers = [9] }\n")
        mask = as_nifti(tmp_path / "a.nii.gz", np.array([0, 7, 9], np.uint8)[lungs()])
        assert np.array_equal(read_structures(mask, "lungs", label_mapping(str(file))).array, lungs())
        with pytest.raises(SettingsError, match="says nothing of lobes, only of lungs"):
            read_structures(mask, "lobes", label_mapping(str(file)))

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("lungs = 3", "form"),
            ("[lungs\n", "form"),
            ("[lung]\n", "has the keys lung"),
            ("[lungs]\nright = { numbers = [1] }", "No structure named 'right'"),
            ("[lungs]\nright-lung = { number = [1] }", "right-lung has the keys number"),
            ("[lungs]\nright-lung = { numbers = [0] }", "numbers of right-lung are"),
        ],
    )
    def test_wrong_ones(self, tmp_path, text, reason):
        (tmp_path / "mine.toml").write_text(text)
        with pytest.raises(SettingsError, match=reason):
            label_mapping(str(tmp_path / "mine.toml"))

    def test_unknown_ones(self, tmp_path):
        with pytest.raises(SettingsError, match="Did you mean 'totalsegmentator'"):
            label_mapping("total-segmentator")
        with pytest.raises(SettingsError, match="Cannot read the label mapping"):
            label_mapping(str(tmp_path / "absent.toml"))


def test_marks_beyond_the_image_are_not_lost_in_silence(tmp_path):
    file = as_nifti(tmp_path / "wide.nii.gz", lungs())
    inner = GRID.cropped((0, 0, 0), (7, 11, 10))
    with pytest.raises(GridMismatch, match=r"marks \d+ voxels that lie beyond the image"):
        read_structures(file, "lungs", on=inner)
    assert read_structures(file, "lungs", on=GRID.cropped((1, 1, 1), (6, 9, 11))).array.any()


@pytest.mark.parametrize("number", [1, 2])
def test_one_mask_of_both_lungs_is_noticed(tmp_path, number):
    file = as_nifti(tmp_path / "both.nii.gz", (number * (lungs() > 0)).astype(np.uint8))
    with pytest.raises(
        ReadError,
        match=r"lies on both sides of the chest. If it is one mask of both lungs, its labels are 'one-mask'; else name",
    ):
        read_structures(file, "lungs")
    one = as_nifti(tmp_path / "one.nii.gz", (number * (lungs() == number)).astype(np.uint8))
    assert read_structures(one, "lungs").array.any()


def test_one_mask_is_read_where_it_is_named_so(tmp_path):
    file = as_nifti(tmp_path / "both.nii.gz", (255 * (lungs() > 0)).astype(np.uint8))
    made = read_structures(file, "lungs", label_mapping("one-mask"), on=GRID)
    assert np.array_equal(made.array, lungs() > 0)
