"""Images and masks of cases on one grid: turned, named, and refused when they do not belong together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from hilum.datasets.open import MASK_LABELS, SPACING_ASSUMED, open_case, open_image, open_mask, turned
from hilum.datasets.schema import MASK_KINDS, STRUCTURES, TURNS, DatasetCase, Mask
from hilum.errors import GridMismatch, ReadError
from hilum.image import LESIONS, LOBES, LUNGS, Quantity
from hilum.provenance import sources

from .conftest import grey, mask, nifti


@pytest.fixture
def film(tmp_path):
    """A film with two lungs in numbers of its own."""
    Picture.fromarray(grey()).save(tmp_path / "film.png")
    Picture.fromarray(mask() * 7).save(tmp_path / "lungs.png")
    lungs = Mask(tmp_path / "lungs.png", {7: "left-lung", 14: "right-lung"})
    return DatasetCase("test", "a", "a", "CXR", tmp_path / "film.png", {"lungs": lungs})


@pytest.fixture
def slice_(film):
    """The same picture as a slice of CT."""
    return replace(film, modality="CT", is_windowed=True)


def test_labels_begin_with_those_of_the_package_and_know_every_structure():
    for kind, known in (("lungs", LUNGS), ("lung-fields", LUNGS), ("lesions", LESIONS), ("lobes", LOBES)):
        assert all(MASK_LABELS[kind][number] == label for number, label in known.items())
    assert set(MASK_LABELS) == set(MASK_KINDS)
    assert {label.name for table in MASK_LABELS.values() for label in table.values()} == STRUCTURES


def test_numbers_of_the_file_become_ours(film):
    image, masks = open_case(film)
    assert np.array_equal(image.array, grey())
    assert np.array_equal(masks["lungs"].mask("left-lung"), mask() == 1)
    assert np.array_equal(masks["lungs"].mask("right-lung"), mask() == 2)
    assert masks["lungs"].grid is image.grid


def test_what_has_no_name_is_background(film):
    only_one = {"lungs": replace(film.masks["lungs"], labels={14: "right-lung"})}
    assert open_mask(replace(film, masks=only_one), "lungs").pixels("left-lung") == 0


def test_a_mask_remembers_its_files(film):
    assert [source.name for source in sources(open_mask(film, "lungs").origin)] == ["lungs.png"]


@pytest.mark.parametrize("turn", TURNS)
def test_image_and_mask_turn_together(film, turn):
    case = replace(film, turn=turn, masks={"lungs": replace(film.masks["lungs"], turn=turn)})
    image, masks = open_case(case)
    assert np.array_equal(image.array, turned(grey(), turn))
    assert np.array_equal(masks["lungs"].mask("left-lung"), turned(mask() == 1, turn))


@given(st.sampled_from([turn for turn in TURNS if turn != "transpose-flip-rows"]))
def test_most_turns_undo_themselves(turn):
    assert np.array_equal(turned(turned(grey(), turn), turn), grey())


def test_the_words_of_a_turn_follow_one_another():
    assert np.array_equal(turned(grey(), "transpose-flip-rows"), grey().T[::-1])
    assert np.array_equal(turned(grey(), "turn-180"), grey()[::-1, ::-1])
    assert np.array_equal(turned(grey(), "flip-columns"), grey()[:, ::-1])


def test_a_slice_is_a_volume_of_one_slice(slice_):
    image, masks = open_case(slice_)
    assert image.quantity is Quantity.WINDOWED_CT
    assert image.volume.shape == (1, *grey().shape)
    assert image.findings == (SPACING_ASSUMED,)
    assert masks["lungs"].array.shape == image.array.shape


def test_a_spacing_that_is_known_is_not_assumed(slice_):
    image = open_image(replace(slice_, spacing_mm=(5.0, 0.7, 0.8)))
    assert image.volume.spacing_mm == pytest.approx((5.0, 0.7, 0.8))
    assert image.findings == ()


def test_layers_lie_over_one_another(film, tmp_path):
    Picture.fromarray(np.full(grey().shape, 200, np.uint8)).save(tmp_path / "all.png")
    layers = Mask(tmp_path / "all.png", {1: "lungs"}, above=127, beside=(film.masks["lungs"],))
    opened = open_mask(replace(film, masks={"lungs": layers}), "lungs")
    assert np.array_equal(opened.mask("lungs"), mask() == 0)
    assert np.array_equal(opened.mask("right-lung"), mask() == 2)


class TestRefusals:
    def test_a_mask_of_another_size(self, film):
        Picture.fromarray(mask((11, 12))).save(film.masks["lungs"].path)
        with pytest.raises(GridMismatch, match=r"lungs\.png' does not lie on its image \(film\.png\): .*\(11, 12\)"):
            open_mask(film, "lungs")

    def test_a_mask_that_the_case_has_not(self, film):
        with pytest.raises(ReadError, match="'test/a' has no mask of lobes, only lungs"):
            open_mask(film, "lobes")

    def test_a_mask_in_colours(self, film):
        Picture.fromarray(np.dstack([grey(), grey() * 0, grey()])).save(film.masks["lungs"].path)
        with pytest.raises(ReadError, match=r"lungs\.png': its pixels are RGB, not one number"):
            open_mask(film, "lungs")

    def test_a_mask_of_fractions(self, film, tmp_path):
        np.save(tmp_path / "p.npy", grey() / 255)
        case = replace(film, masks={"lungs": Mask(tmp_path / "p.npy", {1: "lungs"})})
        with pytest.raises(ReadError, match=r"p\.npy' holds fractions"):
            open_mask(case, "lungs")

    def test_a_structure_that_cannot_stand_there(self, film):
        case = replace(film, masks={"lungs": replace(film.masks["lungs"], labels={7: "effusion"})})
        with pytest.raises(ReadError, match=r"lungs\.png' is said to hold 'effusion', and only right-lung, left-lung"):
            open_mask(case, "lungs")

    def test_a_volume_where_a_film_should_be(self, film, tmp_path):
        nifti(tmp_path / "ct.nii.gz", np.zeros((3, 4, 5), np.int16), np.eye(4))
        with pytest.raises(ReadError, match=r"ct\.nii\.gz' is a volume, and the case 'test/a' is a film"):
            open_image(replace(film, image=tmp_path / "ct.nii.gz"))

    def test_a_film_where_a_volume_should_be(self, slice_, tmp_path):
        (tmp_path / "film.png").rename(tmp_path / "film.mha")
        with pytest.raises(ReadError, match=r"film\.mha' is a film, and the case 'test/a' is a CT"):
            open_image(replace(slice_, image=tmp_path / "film.mha"))

    def test_a_picture_as_the_mask_of_a_volume(self, film, tmp_path):
        nifti(tmp_path / "ct.nii.gz", np.zeros((3, 4, 5), np.int16), np.eye(4))
        (tmp_path / "lungs.png").rename(tmp_path / "lungs.nii")
        named = {"lungs": replace(film.masks["lungs"], path=tmp_path / "lungs.nii")}
        case = replace(film, modality="CT", image=tmp_path / "ct.nii.gz", masks=named)
        with pytest.raises(
            GridMismatch, match=r"lungs\.nii' does not lie on its image \(ct\.nii\.gz\): it is a picture"
        ):
            open_mask(case, "lungs")

    def test_an_array_of_more_planes(self, slice_, tmp_path):
        np.save(tmp_path / "many.npy", np.zeros((2, 3, 4)))
        with pytest.raises(ReadError, match=r"many\.npy' holds float64 of shape \(2, 3, 4\), not one plane"):
            open_image(replace(slice_, image=tmp_path / "many.npy"))

    def test_a_plane_that_a_stack_has_not(self, slice_, tmp_path):
        nifti(tmp_path / "stack.nii.gz", np.zeros((3, 4, 5), np.int16), np.eye(4))
        case = replace(slice_, image=tmp_path / "stack.nii.gz", form="slice:5")
        with pytest.raises(ReadError, match=r"stack\.nii\.gz' has 5 slices, and number 5"):
            open_image(case)

    def test_a_film_where_a_stack_should_be(self, slice_):
        with pytest.raises(ReadError, match=r"film\.png' is a film; a volume was expected"):
            open_image(replace(slice_, form="slice:0"))

    def test_files_that_make_several_images(self, film, tmp_path):
        Picture.fromarray(grey()).save(tmp_path / "other.png")
        case = replace(film, modality="CT", image=(film.image, tmp_path / "other.png"))
        with pytest.raises(ReadError, match=r"The 2 files of the case 'test/a', such as .*film\.png', make 2 images"):
            open_image(case)

    @pytest.mark.parametrize("what", ["image", "mask"])
    def test_files_that_are_not_there(self, film, what):
        (film.image if what == "image" else film.masks["lungs"].path).unlink()
        with pytest.raises(ReadError, match=r"film\.png'" if what == "image" else r"lungs\.png'"):
            open_case(film)


def test_a_stack_that_is_written_anew_is_read_anew(slice_, tmp_path):
    case = replace(slice_, image=tmp_path / "stack.nii.gz", form="slice:1")
    for value in (3, 9):
        nifti(tmp_path / "stack.nii.gz", np.full((3, 4, 5), value, np.int16), np.eye(4))
        assert open_image(case).array.max() == value
