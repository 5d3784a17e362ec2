"""Which series there are, which of a study is taken, and what becomes an entry."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hilum.errors import IncompleteSeries, ReadError
from hilum.geometry import VolumeGrid
from hilum.image import Image, Quantity
from hilum.phantom import write_series
from hilum.provenance import Source
from hilum.readers import find, read
from hilum.readers.dicom_header import Header, Slice
from hilum.readers.entries import survey
from hilum.readers.kernels import SHARP_KERNELS, SOFT_KERNELS
from hilum.readers.lattice import Plane
from hilum.readers.series import group
from hilum.readers.spots import Spot

CT, MR, PET, SC, SR = (f"1.2.840.10008.5.1.4.1.1.{number}" for number in ("2", "4", "128", "7", "88.22"))
AXES = {"axial": (1, 0, 0, 0, 1, 0), "coronal": (1, 0, 0, 0, 0, -1), "sagittal": (0, 1, 0, 0, 0, -1)}


def spot(name):
    return Spot(Path("/data") / name, None, "data", tuple(name.split("/")))


def headers(
    uid,
    count=60,
    step=5.0,
    *,
    plane="axial",
    kernel="STANDARD",
    types=("ORIGINAL", "PRIMARY", "AXIAL"),
    sop_class=CT,
    modality="CT",
    pixel=0.7,
    **facts,
):
    """The headers of a series, a file a slice."""
    axes = AXES[plane]
    normal = np.cross(axes[:3], axes[3:])
    known = {"study": "1.1", "number": None, "description": "", "body_part": "CHEST", "contrast": "", **facts}
    for index in range(count):
        where = spot(f"{uid}/{index}.dcm")
        lies = Plane((512, 512), (pixel, pixel), axes, None, "1.9")
        position = tuple((normal * step * index).tolist())
        piece = Slice(where, 0, f"{uid}.{index}", (1, 0), index, lies.shape, lies, position, types, "HU", kernel)
        yield Header(where, sop_class, "DICOM object", modality, series=uid, slices=(piece,), **known)


def chosen(*series, wanted=""):
    (study,) = group([each for one in series for each in one], wanted)
    return study


@pytest.mark.parametrize(
    ("better", "worse", "why"),
    [
        ({}, {"modality": "MR", "sop_class": MR}, "it is magnetic resonance (modality MR)"),
        ({}, {"modality": "PT", "sop_class": PET}, "it is positron emission tomography (modality PT)"),
        ({}, {"types": ("ORIGINAL", "PRIMARY", "LOCALIZER")}, "it is a localizer, by which the scan was planned"),
        ({}, {"count": 1}, "it has one slice, and a volume has several"),
        ({}, {"step": 0.0}, "it has one slice, and a volume has several"),
        ({}, {"body_part": "HEAD"}, "it shows another part of the body (HEAD)"),
        ({}, {"count": 30, "step": 1.0}, "it covers 30 mm of the patient only"),
        ({}, {"plane": "coronal", "step": 1.0}, "its slices are coronal"),
        ({}, {"plane": "sagittal", "step": 1.0}, "its slices are sagittal"),
        (
            {},
            {"step": 1.0, "count": 300, "types": ("DERIVED", "SECONDARY", "MIP")},
            r"it was computed from another one (DERIVED\SECONDARY\MIP)",
        ),
        ({"step": 1.0, "count": 300, "kernel": "B70f"}, {}, "its slices stand 5 mm apart"),
        ({"step": 2.0, "count": 150}, {"step": 5.0, "count": 900}, "its slices stand 5 mm apart"),
        ({}, {"kernel": "B70f"}, "its kernel (B70f) is not one for soft tissue"),
        ({}, {"kernel": "", "count": 61}, "its kernel (not stated) is not one for soft tissue"),
        ({"kernel": ""}, {"kernel": "LUNG"}, "its kernel (LUNG) is not one for soft tissue"),
        ({"count": 61}, {}, "it has fewer slices (60)"),
        ({"number": 2}, {"number": 3}, "it is as good as the one taken, which has the lower number"),
    ],
)
def test_the_better_series_is_taken_and_the_other_told_why_not(better, worse, why):
    for order in (1, -1):
        two = [headers("1.2.1", **worse), headers("1.2.2", **better)][::order]
        study = chosen(*two)
        assert [each.uid for each in study.series] == ["1.2.2", "1.2.1"]
        assert study.reasons[1] == why
        assert study.taken.refusal == ""


def test_a_long_scan_is_no_better_than_a_thorax():
    study = chosen(headers("1.2.1", 140, 5.0), headers("1.2.2", 300, 1.0))
    assert study.taken.uid == "1.2.2"
    assert study.reasons == ("the best of 2: axial, slices 1 mm apart", "its slices stand 5 mm apart")


def test_the_only_series_needs_no_comparison():
    assert chosen(headers("1.2.1")).reasons == ("it is the only one that can be analysed",)


def test_another_series_can_be_asked_for():
    study = chosen(headers("1.2.1", 300, 1.0), headers("1.2.2"), wanted="1.2.2")
    assert [each.uid for each in study.series] == ["1.2.2", "1.2.1"]
    assert study.reasons == ("it was asked for", "another one was asked for")
    assert group(headers("1.2.1"), "1.2.3") == ()


def test_the_others_are_named_in_a_finding():
    study = chosen(headers("1.2.1", 300, 1.0), headers("1.2.2", number=4, description="Lung"), headers("1.2.3", 1))
    (finding,) = study.findings()
    assert finding.code == "other-series"
    assert "holds 1 other CT series" in finding.message
    assert "series 4 (60 slices): its slices stand 5 mm apart" in finding.message
    assert "Lung" not in finding.message  # free text


def test_contrast_and_another_part_of_the_body_are_found():
    study = chosen(headers("1.2.1", contrast="IOMERON", body_part="ABDOMEN"))
    assert [finding.code for finding in study.findings()] == ["other-body-part", "contrast-given"]
    assert list(chosen(headers("1.2.1", body_part="", description="Abdomen")).findings()) == []
    assert list(chosen(headers("1.2.1", body_part="ABDOMEN", description="Thorax routine")).findings()) == []


@pytest.mark.parametrize(
    ("kernel", "softness"),
    [
        *((name, 1) for name in ("STANDARD", "SOFT", "B31f", "Br40d", "I26f", "D40s", "FC08", "B", "A", "DETAIL")),
        *((name, -1) for name in ("LUNG", "BONEPLUS", "B70f", "Bl57d", "Br64d", "FC51", "YA", "L", "D", "HD LUNG")),
        *((name, 0) for name in ("", "X", "UNKNOWN", "B1", "FC25")),
    ],
)
def test_kernels(kernel, softness):
    name = kernel.upper()
    assert bool(SOFT_KERNELS.fullmatch(name)) - bool(SHARP_KERNELS.fullmatch(name)) == softness


def test_a_series_of_two_directions_gives_the_larger_part():
    mixed = [*headers("1.2.1", 60), *headers("1.2.1", 9, plane="coronal")]
    (study,) = group(reversed(mixed))
    assert study.taken.stack.plane == "axial"
    assert len(study.taken.stack.slices) == 60
    (finding,) = study.findings()
    assert finding.code == "mixed-series"
    assert finding.message.startswith("9 slices of the series were left out")


@pytest.mark.parametrize("change", [{"pixel": 0.8}, {"pixel": 0.7005}])
def test_slices_of_another_pixel_size_are_another_volume(change):
    (study,) = group([*headers("1.2.1", 60), *headers("1.2.1", 5, **change)])
    assert len(study.taken.stack.slices) == (65 if change["pixel"] < 0.701 else 60)


def test_slices_of_another_frame_of_reference_are_another_volume():
    pieces = list(headers("1.2.1"))
    elsewhere = replace(pieces[5].slices[0].plane, frame="1.8")
    pieces[5] = replace(pieces[5], slices=(replace(pieces[5].slices[0], plane=elsewhere),))
    (study,) = group(pieces)
    assert len(study.taken.stack.slices) == 59


def test_a_slice_of_no_place_is_left_out():
    pieces = list(headers("1.2.1"))
    pieces[5] = replace(pieces[5], slices=(replace(pieces[5].slices[0], plane=None),))
    (study,) = group(pieces)
    assert len(study.taken.stack.slices) == 59
    assert [finding.code for finding in study.findings()] == ["mixed-series"]


def test_localizers_within_a_series_are_passed_over_in_silence():
    (study,) = group([*headers("1.2.1", 2, plane="coronal", types=("LOCALIZER",)), *headers("1.2.1")])
    assert len(study.taken.stack.slices) == 60
    assert list(study.findings()) == []


def test_of_several_scans_of_one_place_the_first_is_taken():
    def at_time(time):
        for header in headers("1.2.1", 20):
            yield replace(header, slices=(replace(header.slices[0], times=(time, 0)),))

    (study,) = group([*at_time(3), *at_time(2), *at_time(4)])
    assert {each.times for each in study.taken.stack.slices} == {(2, 0)}
    assert [finding.code for finding in study.findings()] == ["several-scans"]


def changed(pieces, *, thickness_mm=None, **facts):
    for piece in pieces:
        each = piece.slices[0]
        plane = replace(each.plane, thickness_mm=thickness_mm)
        yield replace(piece, slices=(replace(each, plane=plane, instance=f"{each.instance}.{facts}", **facts),))


def test_of_two_reconstructions_in_one_series_the_softer_is_taken_whole():
    sharp = changed(headers("1.2.1", 20), kernel="B70f")
    (study,) = group([*sharp, *headers("1.2.1", 20, kernel="B30f")])
    assert {each.kernel for each in study.taken.stack.slices} == {"B30f"}
    (finding,) = study.findings()
    assert finding.code == "several-reconstructions"
    assert "one (kernel B30f) was taken, and 20 slices of others were left out" in finding.message


def test_of_an_original_and_what_was_computed_from_it_the_original_is_taken():
    made = changed(headers("1.2.1", 39, 2.5), image_type=("DERIVED", "SECONDARY", "MIP"))
    (study,) = group([*made, *headers("1.2.1", 20)])
    assert {each.image_type[0] for each in study.taken.stack.slices} == {"ORIGINAL"}
    assert study.taken.stack.lattice.grid.shape[0] == 20


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_thick_slices_among_thin_ones_are_left_out(shift):
    pieces = list(changed(headers("1.2.1", 20), thickness_mm=5.0))
    thick = [
        replace(
            piece, slices=(replace(piece.slices[0], plane=replace(plane, thickness_mm=10.0), position_mm=(0, 0, z)),)
        )
        for piece in pieces[::4]
        for plane, z in [(piece.slices[0].plane, piece.slices[0].position_mm[2] + shift)]
    ]
    (study,) = group([*thick, *pieces])
    assert {each.plane.thickness_mm for each in study.taken.stack.slices} == {5.0}
    assert study.taken.stack.lattice.grid.shape[0] == 20
    assert [finding.code for finding in study.findings()] == ["several-reconstructions"]


def test_a_scan_whose_kernel_changes_on_the_way_is_one_volume():
    pieces = list(headers("1.2.1", 20))
    for part in (slice(12, 20), slice(19, 20), slice(5, 6)):
        mixed = [*pieces]
        mixed[part] = changed(pieces[part], kernel="B70f")
        (study,) = group(mixed)
        assert study.taken.stack.lattice.grid.shape[0] == 20
        assert list(study.findings()) == []


def test_slices_that_share_no_frame_of_reference_are_told_so():
    pieces = [
        replace(piece, slices=(replace(piece.slices[0], plane=replace(piece.slices[0].plane, frame=f"1.{n}")),))
        for n, piece in enumerate(headers("1.2.1", 9))
    ]
    (study,) = group(pieces)
    assert "it has one slice, and a volume has several; 8 more of its slices have another" in study.taken.refusal


def test_a_scan_in_several_acquisitions_is_one_volume():
    pieces = [
        replace(header, slices=(replace(header.slices[0], times=(index // 20, 0)),))
        for index, header in enumerate(headers("1.2.1"))
    ]
    (study,) = group(pieces)
    assert study.taken.stack.lattice is not None
    assert study.taken.stack.lattice.grid.shape[0] == 60
    assert list(study.findings()) == []


def test_studies_are_told_apart():
    one, other = group([*headers("1.2.1"), *headers("1.2.2", study="1.5")])
    assert (one.uid, other.uid) == ("1.1", "1.5")


def test_reports_and_captures_are_passed_over_and_films_are_not():
    report = [replace(header, slices=()) for header in headers("1.2.2", 1, sop_class=SR, modality="SR")]
    capture = [replace(header, slices=()) for header in headers("1.2.3", 1, sop_class=SC, modality="CT")]
    film = [
        replace(header, slices=())
        for header in headers("1.2.4", 1, sop_class="1.2.840.10008.5.1.4.1.1.1.1", modality="DX")
    ]
    study = chosen(headers("1.2.1"), report, capture, film)
    assert [each.modality for each in study.passed_over] == ["SR", "CT"]
    assert group([*report, *capture]) == ()


# Entries


def ct(step=2.5, seed=0):
    array = np.random.default_rng(seed).integers(-1000, 500, (5, 7, 6)).astype(np.int16)
    return Image(
        array, VolumeGrid.of_spacing(array.shape, (step, 0.7, 0.8)), Quantity.HOUNSFIELD, Source("ct", f"{seed:064}")
    )


def names(*paths, **options):
    return [entry.name for entry in find(paths, **options)]


def test_a_study_is_one_entry_and_films_are_entries(put, made, tmp_path):
    put("all/a.png", made.saved(made.ramp(), "PNG"))
    put("all/film.dcm", made.dicom(made.ramp()))
    write_series(ct(), tmp_path / "all" / "patient" / "ct")
    write_series(ct(), tmp_path / "all" / "patient" / "lung", elements={"ConvolutionKernel": "LUNG"})
    assert names(tmp_path / "all") == ["a", "film", "patient"]
    entry = list(find([tmp_path / "all"]))[-1]
    assert entry.path == tmp_path / "all" / "patient"
    assert entry.study.taken.kernel == "STANDARD"
    image = entry.open()
    assert np.array_equal(image.array, ct().array)
    assert [finding.code for finding in image.findings] == ["other-series"]
    found = survey([tmp_path / "all"])
    assert (len(found.studies), len(found.films)) == (1, 2)


def test_a_folder_of_slices_has_the_folders_name(tmp_path):
    paths = write_series(ct(), tmp_path / "case")
    assert names(tmp_path / "case") == ["case"]
    assert names(*paths) == ["case"]
    assert np.array_equal(next(find(paths)).open().array, ct().array)


def test_an_enhanced_file_has_its_own_name(tmp_path):
    (path,) = write_series(ct(), tmp_path, is_enhanced=True)
    path = path.rename(tmp_path / "chest.dcm")
    assert names(path) == names(tmp_path) == ["chest"]


def test_two_studies_in_one_folder_have_two_names(tmp_path):
    for seed in (1, 2):
        write_series(ct(seed=seed), tmp_path / "all")
    first, second = names(tmp_path / "all")
    assert first != second
    assert first.startswith("all-")
    assert {entry.name: entry.open().array.sum() for entry in find([tmp_path / "all"])}.keys() == {first, second}
    with pytest.raises(ReadError, match=r"holds 2 films or scans, and one is wanted"):
        read(tmp_path / "all")


def test_a_zip_file_of_a_study(tmp_path):
    paths = write_series(ct(), tmp_path / "ct")
    with zipfile.ZipFile(tmp_path / "case.zip", "w") as file:
        for path in paths:
            file.write(path, f"a/{path.name}")
        file.writestr("a/report.txt", "text")
    assert names(tmp_path / "case.zip") == ["a"]
    assert np.array_equal(read(tmp_path / "case.zip").array, ct().array)


def test_a_series_asked_for_is_the_only_entry(put, made, tmp_path):
    put("all/a.png", made.saved(made.ramp(), "PNG"))
    write_series(ct(), tmp_path / "all" / "x")
    write_series(ct(), tmp_path / "all" / "y", elements={"ConvolutionKernel": "LUNG"})
    (study,) = survey([tmp_path / "all"]).studies
    lung = study.series[1].uid
    (entry,) = find([tmp_path / "all"], series=lung)
    assert entry.study.taken.kernel == "LUNG"
    assert read(tmp_path / "all", series=lung).origin.uids.series == lung
    with pytest.raises(ReadError, match=rf"No series named '{lung}0'. Did you mean '{lung}'\?"):
        find([tmp_path / "all"], series=f"{lung}0")


def test_a_damaged_file_among_the_slices_is_an_entry_that_says_so(tmp_path):
    paths = write_series(ct(), tmp_path / "case")
    (tmp_path / "case" / "broken.dcm").write_bytes(paths[0].read_bytes()[:140])
    entries = list(find([tmp_path / "case"]))
    assert sorted(entry.name for entry in entries) == ["broken", "case"]
    with pytest.raises(ReadError, match=r"broken.dcm"):
        next(entry for entry in entries if entry.name == "broken").open()


def test_a_localizer_alone(tmp_path):
    write_series(ct(), tmp_path, elements={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]})
    with pytest.raises(IncompleteSeries, match=r"it is a localizer"):
        read(tmp_path)


def test_the_files_of_a_series_without_identifiers_belong_together(tmp_path):
    write_series(ct(), tmp_path / "case", elements={"StudyInstanceUID": None, "SeriesInstanceUID": None})
    assert np.array_equal(read(tmp_path / "case").array, ct().array)
