"""``hilum evaluate films``: a thin layer over the protocol."""

import json
import subprocess
import sys
from types import ModuleType

import click.testing
import numpy as np
import pytest
from PIL import Image as Picture

from hilum.case import Case
from hilum.cli.evaluate import command
from hilum.errors import NotAnImage, SettingsError
from hilum.geometry import PlaneGrid
from hilum.image import LESIONS, LUNGS, Image, LabelMap, Quantity
from hilum.measurement import NotMeasured
from hilum.provenance import Source, Step
from hilum.scoring import score

SHAPE = (12, 11)


def made_case(path):
    grid, origin = PlaneGrid(SHAPE), Step("analyse", {}, (Source(path.name, "0" * 64),))
    lungs = np.zeros(SHAPE, np.uint8)
    lungs[1:10, 1:5], lungs[1:10, 6:10] = 1, 2
    masks = LabelMap(lungs, grid, LUNGS, origin), LabelMap(np.zeros(SHAPE, np.uint8), grid, LESIONS, origin)
    image = Image(np.zeros(SHAPE, np.uint8), grid, Quantity.RADIOGRAPH, origin)
    absent = NotMeasured("not asked for")
    return Case(path.stem, image, *masks, absent, score(*masks), (), origin, lung_fields=masks[0])


def analyse(path, *, settings, networks):
    assert networks == "opened once"
    if path.stem == "broken":
        raise NotAnImage(f"Cannot read {path.name!r}: no pixels.", path=path)
    return made_case(path)


@pytest.fixture
def pipeline(monkeypatch):
    """A pipeline without networks."""
    module = ModuleType("hilum.pipeline")
    module.analyse = analyse
    module.open_networks = lambda settings, *, many: "opened once"
    monkeypatch.setitem(sys.modules, "hilum.pipeline", module)


@pytest.fixture
def folder(tmp_path):
    """Healthy films with lung fields, one in val and one in test."""
    for kind in ("images", "lungs"):
        (tmp_path / kind).mkdir()
    lines = ["case,source,patient,finding,view,split,lungs,lesions,aspect_w_over_h"]
    for name, split in (("one", "test"), ("broken", "val")):
        lines.append(f"{name},made,{name},No finding,,{split},True,False,")
        (tmp_path / "images" / f"{name}.jpg").touch()
        Picture.fromarray(made_case(tmp_path / name).lungs.array).save(tmp_path / "lungs" / f"{name}.png")
    (tmp_path / "cases.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def run(*arguments):
    return click.testing.CliRunner().invoke(command, ["films", *map(str, arguments)])


@pytest.mark.usefixtures("pipeline")
class TestFilms:
    def test_a_table_of_the_test_split(self, folder):
        made = run("--data", folder)
        assert made.exit_code == 0
        assert "Films analysed: 1, of test." in made.stdout
        assert "Results missing: none." in made.stdout

    def test_what_an_audit_finds_in_another_part_too_is_left_out(self, folder):
        keys = ["cxr-fields/one", "cxr-fields/broken"]
        told = {"code": "near-duplicate-in-splits", "cases": keys, "message": "", "splits": ["test", "val"]}
        for defects, films, left_out in (([told], 0, 1), ([], 1, 0)):
            (folder / "audit.json").write_text(json.dumps({"defects": defects}), encoding="utf-8")
            made = json.loads(run("--data", folder, "--without", folder / "audit.json", "--json").stdout)
            assert (made["films"], made["left_out"]) == (films, left_out)
        made = run("--data", folder, "--without", folder / "audit.json")
        assert "Left out, for the audit found them in another part of the data, too: 0." in made.stdout
        assert "Left out" not in run("--data", folder).stdout

    def test_json_is_all_that_stdout_has(self, folder):
        made = run("--data", folder, "--split", "test", "--json")
        figures = {item["id"]: item for item in json.loads(made.stdout)["figures"]}
        assert figures["fields-union"]["mean"] == figures["healthy-zero"]["mean"] == 1

    def test_missing_results_have_a_status_of_their_own(self, folder):
        made = run("--data", folder, "--split", "val")
        assert made.exit_code == 3
        assert "broken: Cannot read 'broken.jpg': no pixels." in made.stdout

    @pytest.mark.parametrize(("name", "start"), [("a.md", "| figure"), ("a.txt", "figure"), ("a.json", "{")])
    def test_a_file_in_the_form_of_its_name(self, folder, tmp_path, name, start):
        output = tmp_path / "new" / name
        assert run("--data", folder, "-o", output).exit_code == 0
        assert output.read_text(encoding="utf-8").startswith(start)
        assert [item.name for item in output.parent.iterdir()] == [name]

    def test_two_folders_are_judged_together(self, folder, tmp_path_factory):
        other = tmp_path_factory.mktemp("other")
        for item in folder.rglob("*.*"):
            (other / item.relative_to(folder)).parent.mkdir(exist_ok=True)
            (other / item.relative_to(folder)).write_bytes(item.read_bytes())
        assert "Films analysed: 2, of test." in run("--data", folder, "--data", other).stdout

    def test_usage(self, folder, tmp_path):
        assert run().exit_code == 2
        wrong = run("--data", folder, "-o", tmp_path / "a.xlsx")
        assert wrong.exit_code == 2
        assert "the name has to end in .txt, .md or .json" in wrong.stderr
        assert isinstance(run("--data", folder, "--split", "tset").exception, SettingsError)


@pytest.fixture
def no_networks(monkeypatch):
    """One scan, and a method that finds its lungs."""
    from hilum.evaluation import ct_methods, ct_scans
    from hilum.geometry import VolumeGrid

    grid, origin = VolumeGrid.of_spacing((1, *SHAPE), (5, 1, 1)), Step("made")
    array = np.zeros(grid.shape, np.uint8)
    array[0, 1:10, 1:5] = 1
    scan = ct_scans.Scan(
        "ma20-slices", "a-0", "a", Image(array, grid, Quantity.WINDOWED_CT, origin), lungs=array, lungs_hold="union"
    )
    lungs = LabelMap(array, grid, LUNGS, origin)
    asked = []

    def open_methods(name, settings):
        asked.append(name)
        return ct_methods.Methods((ct_methods.Method("", lambda image: lungs, None),))

    monkeypatch.setattr(ct_scans, "scans_of", lambda root, split, *, without: [lambda: scan])
    monkeypatch.setattr(ct_methods, "open_methods", open_methods)
    return asked


class TestCt:
    def test_a_table_of_scans(self, no_networks, tmp_path):
        made = click.testing.CliRunner().invoke(command, ["ct", "--data", str(tmp_path)])
        assert made.exit_code == 0
        assert "Scans analysed: 1, of test." in made.stdout
        assert "Lungs, ma20, mean of slices" in made.stdout
        assert no_networks == ["network"]

    def test_another_method_and_json(self, no_networks, tmp_path):
        given = ["ct", "--data", str(tmp_path), "--method", "classical", "--split", "val", "--json"]
        made = json.loads(click.testing.CliRunner().invoke(command, given).stdout)
        assert (made["splits"], made["scans"]) == (["val"], 1)
        assert no_networks == ["classical"]

    def test_cards_are_for_networks(self, no_networks, tmp_path):
        given = ["ct", "--data", str(tmp_path), "--method", "hounsfield", "--card", str(tmp_path)]
        made = click.testing.CliRunner().invoke(command, given)
        assert made.exit_code == 2
        assert "leave out --method" in made.stderr
        assert no_networks == []

    def test_an_unknown_method_is_a_slip(self, tmp_path):
        made = click.testing.CliRunner().invoke(command, ["ct", "--data", str(tmp_path), "--method", "eye"])
        assert made.exit_code == 2


def test_the_help_needs_no_numpy():
    seen = subprocess.run(
        [sys.executable, "-c", "import sys, hilum.cli.evaluate; print('numpy' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout.strip() == "False"
