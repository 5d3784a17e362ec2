"""From a film to a case."""

import numpy as np
import pytest

from hilum.errors import Refused
from hilum.geometry import PlaneOrientation
from hilum.image import Quantity
from hilum.measurement import Gravity
from hilum.models.card import Card, FurtherInput, ImageInput, Output
from hilum.models.catalogue import SHIPPED
from hilum.models.network import Network
from hilum.phantom import demo_film, write_dicom
from hilum.pipeline import Networks, analyse, open_networks
from hilum.provenance import Step, walk
from hilum.settings import GateSettings, OutputSettings, Settings
from hilum.writers import write_case

SIZE = 64
MASK = ("batch", 3, SIZE, SIZE)
ZONES = tuple(f"zone-{n}" for n in range(6))


class Told:
    """A runtime whose answers are a function of the film it is shown."""

    name, precision = "told", "float32"

    def __init__(self, answer):
        self.answer = answer

    def run(self, inputs):
        return {name: np.asarray(value, np.float32)[None] for name, value in self.answer(inputs["film"][0, 0]).items()}


def network(task, outputs, thresholds, answer, further=()):
    film = ImageInput("film", ("batch", 1, SIZE, SIZE), Quantity.RADIOGRAPH, (SIZE, SIZE), (0.0,), (1.0,), margin=0.06)
    about = (task, "1.0.0", task, "Told", "0" * 64, "Apache-2.0", task, "Tests.", ())
    return Network(Card(*about, film, outputs, further, thresholds), Told(answer))


def networks(*, film=0.9, turned=0.1, disease=0.9, lungs=True):
    """Two lungs in place; a picture whose upper edge is bright is a negative."""
    right, left = np.zeros((2, SIZE, SIZE))
    if lungs:
        right[12:50, 8:28] = left[12:50, 36:56] = 0.9
    outlines = np.stack([1 - right - left, right, left])
    lesions = np.ones(MASK[1:]) * np.reshape([0.1, 0.7, 0.2], (3, 1, 1))

    def first(seen):
        return {"lungs": outlines, "fields": outlines, "kind": [film, float(seen[0, SIZE // 2] > 0.5), turned]}

    def second(_):
        return {"lesions": lesions, "disease": [disease], "brixia": np.full((6, 3), 0.5), "affected": [0.75] * 6}

    outline = Output(MASK, "softmax", ("none", "right", "left"))
    kind = Output(("batch", 3), "sigmoid", ("film", "inverted", "turned"))
    found = Output(MASK, "softmax", ("none", "ground-glass", "consolidation"))
    heads = {
        "disease": Output(("batch", 1), "sigmoid", ("disease",)),
        "brixia": Output(("batch", 6, 3), "sigmoid", ZONES),
        "affected": Output(("batch", 6), "sigmoid", ZONES),
    }
    half = dict.fromkeys(("disease", "opacity", "consolidation", "six-zone", "opacity-weight"), 0.5)
    zones = (FurtherInput("zones", ("batch", 6, SIZE, SIZE), "Zones."),)
    return Networks(
        network(
            "cxr-lungs",
            {"lungs": outline, "fields": outline, "kind": kind},
            {"film": 0.5, "inverted": 0.5, "turned": 0.5},
            first,
        ),
        network("cxr-lesions", {"lesions": found} | heads, half, second, zones),
    )


@pytest.fixture
def film():
    """A film with dark edges and every grey value."""
    rows, columns = np.mgrid[-1:1:160j, -1:1:144j]
    return np.rint(255 * np.exp(-2 * (rows**2 + columns**2))).astype(np.uint8)


def codes(case):
    return {finding.code: finding.gravity for finding in case.findings}


def test_a_film_becomes_a_case(film):
    case = analyse(film, networks=networks(), settings=Settings(output=OutputSettings(probability=True)))
    assert case.name == "film"
    assert case.disease.is_present
    assert not (case.lesions.mask() & ~case.lungs.mask()).any()
    assert set(case.probability) == {"lungs", "opacity", "consolidation"}
    assert not analyse(film, networks=networks()).probability
    assert analyse(film, networks=networks(), name="seven").name == "seven"


def test_without_disease_there_are_no_lesions(film):
    case = analyse(film, networks=networks(disease=0.1))
    assert not case.disease.is_present
    assert not case.lesions.array.any()


def test_a_negative_is_analysed_as_a_positive_and_warned_of(film):
    plain, negative = analyse(film, networks=networks()), analyse(255 - film, networks=networks())
    assert "inverted" not in codes(plain)
    assert codes(negative)["inverted"] is Gravity.WARNING
    assert np.array_equal(negative.image.array, film.astype(int) + 255 - film.min() - film.max())
    assert np.array_equal(negative.lungs.array, plain.lungs.array)
    assert "invert" in [node.operation for node in walk(negative.provenance) if isinstance(node, Step)]


def test_a_turned_film_is_warned_of(film):
    assert codes(analyse(film, networks=networks(turned=0.9)))["turned"] is Gravity.WARNING


@pytest.mark.parametrize(("changes", "code"), [({"film": 0.1}, "not-a-film"), ({"lungs": False}, "no-lungs")])
def test_the_gate_refuses(film, changes, code):
    with pytest.raises(Refused, match=code) as caught:
        analyse(film, networks=networks(**changes))
    assert caught.value.code == code


def test_a_film_too_small_is_refused_before_any_network_runs():
    with pytest.raises(Refused, match="too-small"):
        analyse(np.arange(49, dtype=np.uint8).reshape(7, 7), networks=None)


def test_the_gate_switched_off_warns(film):
    case = analyse(film, networks=networks(film=0.1), settings=Settings(gate=GateSettings(enabled=False)))
    assert codes(case)["not-a-film"] is Gravity.WARNING


def test_provenance_holds_the_settings_that_a_film_depends_on_and_no_others(film):
    case = analyse(film, networks=networks())
    assert set(case.provenance.settings) == {"read", "gate", "film", "models"}


def test_provenance_names_every_stage_and_two_runs_give_the_same_bytes(film, tmp_path):
    written = []
    for run in ("first", "second"):
        case = analyse(film, networks=networks())
        folder = write_case(case, tmp_path / run, OutputSettings())
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
    steps = [node for node in walk(case.provenance) if isinstance(node, Step)]
    assert [step.operation for step in steps] == ["segment-lungs", "segment-fields", "segment-lesions", "analyse"]
    assert [step.model.name for step in steps[:3] if step.model] == ["cxr-lungs", "cxr-lungs", "cxr-lesions"]


@pytest.fixture(scope="module")
def shipped():
    """The networks in the package."""
    missing = [task for task in ("cxr-lungs", "cxr-lesions") if not (SHIPPED / task / "weights.onnx").is_file()]
    if missing:
        pytest.skip(f"the weights of {' and '.join(missing)} are not in this checkout")
    return open_networks(Settings(), many=True)


@pytest.fixture(scope="module")
def phantom():
    return demo_film()


@pytest.fixture(scope="module")
def plain(shipped, phantom):
    return analyse(phantom.image, networks=shipped)


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


@pytest.mark.slow
@pytest.mark.parametrize("lung", ["right-lung", "left-lung"])
def test_the_shipped_network_finds_the_lungs_of_the_phantom(plain, phantom, lung):
    assert dice(plain.lungs.mask(lung), phantom.lungs.mask(lung)) > 0.85


@pytest.mark.slow
@pytest.mark.parametrize(
    "variant",
    [
        {"photometric": "MONOCHROME1"},
        {"orientation": PlaneOrientation("H", "L")},
        {"orientation": PlaneOrientation("R", "H")},
        {"bits": 16},
        {"transfer_syntax": "jpeg2000"},
        {"transfer_syntax": "jpeg-lossless", "photometric": "MONOCHROME1"},
    ],
    ids=str,
)
def test_a_film_is_the_same_film_however_it_is_stored(plain, phantom, shipped, tmp_path, variant):
    path = write_dicom(phantom, tmp_path / "film.dcm", **variant)
    case = analyse(path, networks=shipped)
    assert case.name == "film"
    assert case.lungs.grid == case.lesions.grid == case.image.grid
    assert case.image.plane.orientation == variant.get("orientation", PlaneOrientation())
    upright = case.lungs.upright()
    for lung in ("right-lung", "left-lung"):
        assert dice(upright.mask(lung), plain.lungs.mask(lung)) > 0.97


def test_the_network_meets_one_film_whatever_its_depth(film):
    deep = film.astype(np.uint16) * 257
    cases = [analyse(array, networks=networks()) for array in (film, deep)]
    assert np.array_equal(cases[0].lungs.array, cases[1].lungs.array)
    assert cases[0].disease == cases[1].disease
