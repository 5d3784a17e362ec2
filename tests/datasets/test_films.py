"""Tables of films: both layouts, every field, and tables that are wrong."""

import csv

import numpy as np
import pytest
from PIL import Image

from hilum.datasets.films import BrixiaReading, in_split, read_cases, read_labels
from hilum.errors import ReadError, SettingsError

LETTERS = "ABCDEF"
SCORED = {
    "case": "one",
    "source": "made",
    "patient": "p1",
    "finding": "COVID-19",
    "view": "AP",
    "split": "train",
    "lungs_lr": "False",
    "lungs_v7": "False",
    "lesions": "False",
    **{f"brixia_{reader}_{letter}": "" for reader in ("senior", "junior") for letter in LETTERS},
    "brixia_senior": "",
    "brixia_junior": "",
    "geographic_extent": "",
    "opacity": "",
    "six_zone_score_R": "",
    "six_zone_score_D": "",
    "poor_quality": "",
}
FIELDS = {
    "case": "one",
    "source": "made",
    "patient": "p1",
    "finding": "No finding",
    "view": "",
    "split": "test",
    "lungs": "True",
    "lesions": "False",
    "aspect_w_over_h": "",
}


def write_folder(folder, *rows):
    """A folder with a table and every file that it promises."""
    folder.mkdir(exist_ok=True)
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        kinds = [kind for kind in ("lungs", "lungs_lr", "lungs_v7", "lesions") if row.get(kind) == "True"]
        for kind in ["images", *kinds]:
            (folder / kind).mkdir(exist_ok=True)
            (folder / kind / f"{row['case']}{'.jpg' if kind == 'images' else '.png'}").touch()
    return folder


def read_one(folder, row):
    (film,) = read_cases(write_folder(folder, row))
    return film


class TestScored:
    def test_a_bare_row_knows_nothing_more(self, tmp_path):
        film = read_one(tmp_path, SCORED)
        assert (film.case, film.patient, film.split, film.layout) == ("one", "p1", "train", "scored")
        assert (film.source, film.finding, film.view) == ("made", "COVID-19", "AP")
        assert film.image == tmp_path / "images" / "one.jpg"
        absent = (film.lungs, film.lungs_union, film.lung_fields, film.lesions, film.infection, film.six_zone)
        assert absent == (None,) * 6
        assert (film.brixia_senior, film.brixia_junior, film.geographic_extent, film.opacity) == (None,) * 4
        assert film.is_poor_quality is None

    def test_masks_by_convention(self, tmp_path):
        film = read_one(tmp_path, SCORED | {"lungs_lr": "True", "lungs_v7": "True", "lesions": "True"})
        assert film.lungs == tmp_path / "lungs_lr" / "one.png"
        assert film.lungs_union == tmp_path / "lungs_v7" / "one.png"
        assert film.lesions == tmp_path / "lesions" / "one.png"
        assert (film.lung_fields, film.infection) == (None, None)

    @pytest.mark.parametrize(("r", "d", "mean"), [("3.0", "4.0", 3.5), ("3.0", "", 3), ("", "0.0", 0), ("", "", None)])
    def test_the_six_zone_score_is_the_mean_of_those_who_scored(self, tmp_path, r, d, mean):
        assert read_one(tmp_path, SCORED | {"six_zone_score_R": r, "six_zone_score_D": d}).six_zone == mean

    def test_brixia_scores_are_in_the_order_of_the_letters(self, tmp_path):
        zones = {f"brixia_senior_{letter}": f"{n % 4}.0" for n, letter in enumerate(LETTERS)}
        film = read_one(tmp_path, SCORED | zones | {"brixia_senior": "7.0"})
        assert film.brixia_senior == BrixiaReading((0, 1, 2, 3, 0, 1), 7)
        assert film.brixia_junior is None

    def test_other_scores(self, tmp_path):
        film = read_one(tmp_path, SCORED | {"geographic_extent": "4.7", "opacity": "0.0", "poor_quality": "True"})
        assert (film.geographic_extent, film.opacity, film.is_poor_quality) == (4.7, 0, True)
        assert read_one(tmp_path, SCORED | {"poor_quality": "False"}).is_poor_quality is False

    @pytest.mark.parametrize("finding", ["No finding", "No Finding", "no finding "])
    def test_healthy_is_what_says_so(self, tmp_path, finding):
        assert read_one(tmp_path, SCORED | {"finding": finding}).is_healthy

    @pytest.mark.parametrize("finding", ["", "todo", "No", "normal", "COVID-19", "No finding of note"])
    def test_nothing_else_is_healthy(self, tmp_path, finding):
        assert not read_one(tmp_path, SCORED | {"finding": finding}).is_healthy


class TestFields:
    def test_masks_are_of_another_kind(self, tmp_path):
        film = read_one(tmp_path, FIELDS | {"lesions": "True", "aspect_w_over_h": "1.217"})
        assert film.layout == "fields"
        assert film.lung_fields == tmp_path / "lungs" / "one.png"
        assert film.infection == tmp_path / "lesions" / "one.png"
        assert (film.lungs, film.lungs_union, film.lesions) == (None, None, None)
        assert film.aspect == 1.217
        assert film.is_healthy


class TestSplit:
    def test_a_split_and_all(self, tmp_path):
        rows = [SCORED | {"case": name, "split": split} for name, split in (("a", "train"), ("b", "test"))]
        films = read_cases(write_folder(tmp_path, *rows))
        assert [film.case for film in in_split(films, "test")] == ["b"]
        assert in_split(films, "all") == films

    def test_an_unknown_split_names_the_nearest(self, tmp_path):
        films = read_cases(write_folder(tmp_path, SCORED))
        with pytest.raises(SettingsError, match="Did you mean 'train'"):
            in_split(films, "trian")


class TestWrong:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"six_zone_score_R": "7"}, r"line 2: six_zone_score_R is 7; expected 0 to 6"),
            ({"six_zone_score_R": "nan"}, "six_zone_score_R is nan"),
            ({"six_zone_score_D": "many"}, "six_zone_score_D is 'many'; expected a number"),
            ({"geographic_extent": "-1"}, "geographic_extent is -1"),
            ({"lesions": "yes"}, "lesions is 'yes'; expected True, False or nothing"),
            ({"brixia_senior": "7"}, "senior reader .* is not the sum of six zones"),
            ({"brixia_junior_A": "1"}, "junior reader"),
            ({"case": ""}, "case cannot be ''"),
            ({"case": "../one"}, "case cannot be '../one'"),
            ({"patient": ""}, "patient cannot be ''"),
        ],
    )
    def test_cells(self, tmp_path, change, message):
        write_folder(tmp_path, SCORED)
        with (tmp_path / "cases.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(SCORED))
            writer.writeheader()
            writer.writerow(SCORED | change)
        with pytest.raises(ReadError, match=message):
            read_cases(tmp_path)

    def test_missing_columns_are_those_of_the_nearest_layout(self, tmp_path):
        row = {name: cell for name, cell in SCORED.items() if name not in {"opacity", "split"}}
        with pytest.raises(
            ReadError, match="'scored', which is the nearest, it lacks the columns split, opacity"
        ) as caught:
            read_cases(write_folder(tmp_path, row))
        assert caught.value.path == tmp_path / "cases.csv"
        with pytest.raises(ReadError, match="'fields', which is the nearest, it lacks the columns aspect_w_over_h"):
            read_cases(write_folder(tmp_path, {k: v for k, v in FIELDS.items() if k != "aspect_w_over_h"}))

    def test_files_that_are_not_there(self, tmp_path):
        write_folder(tmp_path, SCORED | {"lesions": "True"})
        (tmp_path / "lesions" / "one.png").unlink()
        with pytest.raises(ReadError, match=r"line 2: .*lesions.one.png' is not there"):
            read_cases(tmp_path)
        (tmp_path / "images" / "one.jpg").unlink()
        (tmp_path / "images").rmdir()
        with pytest.raises(ReadError, match=r"images.one.jpg' is not there"):
            read_cases(tmp_path)

    def test_a_case_twice(self, tmp_path):
        with pytest.raises(ReadError, match="more than one row for one"):
            read_cases(write_folder(tmp_path, SCORED, SCORED))

    def test_no_table(self, tmp_path):
        with pytest.raises(ReadError, match=r"Cannot read .*cases.csv.*holds a cases.csv"):
            read_cases(tmp_path)

    @pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"case,patient\n"])
    def test_no_table_of_films(self, tmp_path, content):
        (tmp_path / "cases.csv").write_bytes(content)
        with pytest.raises(ReadError, match=r"cases\.csv"):
            read_cases(tmp_path)

    def test_a_short_line(self, tmp_path):
        write_folder(tmp_path, FIELDS)
        (tmp_path / "cases.csv").write_text(",".join(FIELDS) + "\none,made\n", encoding="utf-8")
        with pytest.raises(ReadError, match="patient cannot be ''"):
            read_cases(tmp_path)


class TestLabels:
    def test_numbers_come_back(self, tmp_path):
        labels = np.arange(77, dtype=np.uint8).reshape(7, 11) % 5
        Image.fromarray(labels).save(tmp_path / "mask.png")
        assert np.array_equal(read_labels(tmp_path / "mask.png"), labels)

    def test_colours_are_refused(self, tmp_path):
        Image.new("RGB", (7, 11)).save(tmp_path / "mask.png")
        with pytest.raises(ReadError, match="its pixels are RGB"):
            read_labels(tmp_path / "mask.png")

    def test_a_truncated_mask_and_no_mask(self, tmp_path):
        Image.fromarray(np.ones((70, 110), np.uint8)).save(tmp_path / "mask.png")
        whole = (tmp_path / "mask.png").read_bytes()
        (tmp_path / "mask.png").write_bytes(whole[:40])
        for name in ("mask.png", "none.png"):
            with pytest.raises(ReadError, match="Cannot read the mask"):
                read_labels(tmp_path / name)


class TestPublicData:
    def test_films_with_scores(self, data):
        films = read_cases(data / "cxr")
        assert len(films) == 502
        assert [len(in_split(films, split)) for split in ("train", "val", "test")] == [365, 60, 77]
        assert sum(film.is_healthy for film in films) == 28
        assert sum(film.six_zone is not None for film in films) == 252
        assert sum(film.brixia_senior is not None for film in films) == 115
        healthy = [film for film in films if film.is_healthy]
        assert all(film.lesions is None and film.six_zone is None for film in healthy)

    def test_films_with_fields(self, data):
        films = read_cases(data / "cxr-fields")
        assert len(films) == 3817
        assert all(film.lung_fields for film in films)
        assert sum(film.infection is not None for film in films) == 1766
        assert sum(film.is_healthy for film in films) == 66 + 225 + 807

    def test_no_patient_is_in_two_splits(self, data):
        for folder in ("cxr", "cxr-fields"):
            films = read_cases(data / folder)
            assert len({film.patient for film in films}) == len({(film.patient, film.split) for film in films})
