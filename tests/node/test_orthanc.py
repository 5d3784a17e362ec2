"""A real Orthanc sends studies and receives results, by C-STORE and by DICOMweb."""

from __future__ import annotations

import pydicom
import pytest

from hilum.node.study import short_id

from .parts import film_file, node_settings, running, wait_for

pytestmark = pytest.mark.slow

FILM = ["pdf", "sc", "seg", "seg", "sr"]


def study_of(path) -> str:
    return str(pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID)


@pytest.fixture(scope="module")
def polled(orthanc, tmp_path_factory):
    """A node that asked Orthanc by DICOMweb, and sent its results by STOW; and the film that it found."""
    folder = tmp_path_factory.mktemp("polled")
    film = film_file(folder, 2)
    orthanc.upload(film)
    settings = node_settings(
        folder / "spool", poll_url=orthanc.web, poll_seconds=0.5, poll_days=0, deliver=(orthanc.web,)
    )
    with running(settings) as node:
        wait_for(lambda: node.deliverer.sent >= len(FILM))
        wait_for(lambda: node.queue.counts["own"])
        return node, film


def test_results_of_a_polled_film_come_back_by_stow(polled, orthanc) -> None:
    node, film = polled
    (study,) = node.queue.studies()
    assert (study.state, study.round) == ("done", 1)
    assert orthanc.results(study_of(film)) == FILM


def test_results_that_the_service_offers_are_not_taken_for_images(polled) -> None:
    node, _ = polled
    assert node.queue.counts["own"] == node.queue.counts["objects"] == 1


@pytest.fixture(scope="module")
def stored(orthanc, polled, films, ct_series, tmp_path_factory):
    """A node to which Orthanc sent studies by C-STORE; and the UIDs of these studies, by what they are."""
    folder = tmp_path_factory.mktemp("stored")
    broken = pydicom.dcmread(films[1])
    broken.PixelData = broken.PixelData[:1000]
    broken.save_as(folder / "broken.dcm", enforce_file_format=True)
    whole = ct_series()
    soft, sharp, film = (
        ct_series(ConvolutionKernel="B30f", SeriesNumber=2, StudyInstanceUID="2.25.771"),
        ct_series(ConvolutionKernel="B70f", SeriesNumber=3, StudyInstanceUID="2.25.771"),
        film_file(folder, 3),
    )
    dataset = pydicom.dcmread(film)
    dataset.StudyInstanceUID, dataset.PatientID = "2.25.771", pydicom.dcmread(soft[0]).PatientID
    dataset.save_as(film, enforce_file_format=True)
    gap = [path for place, path in enumerate(ct_series(StudyInstanceUID="2.25.772")) if place not in (7, 8)]
    sent = {
        "film": [films[0]],
        "ct": list(whole),
        "three": [*soft, *sharp, film],
        "gap": gap,
        "broken": [folder / "broken.dcm"],
    }
    ids = {name: [orthanc.upload(path) for path in paths] for name, paths in sent.items()}
    here = {"port": orthanc.node_port, "deliver": (orthanc.address,)}
    with running(node_settings(folder / "spool", quiet_seconds=1e6, **here)) as first:  # however slowly they come
        answers = {name: orthanc.send(*each) for name, each in ids.items()}
        orthanc.send(*ids["film"])
        assert first.queue.counts["duplicates"] == 1
    with running(node_settings(folder / "spool", **here)) as node:
        wait_for(lambda: node.queue.counts["done"] + node.queue.counts["refused"] >= 4)
        wait_for(lambda: not node.deliverer.totals()["waiting"])
        orthanc.send(*ids["film"])
        assert node.queue.counts["duplicates"] == 1
    return node, {name: study_of(paths[0]) for name, paths in sent.items()}, answers


def state(stored, name: str):
    node, uids, _ = stored
    return next((each for each in node.queue.studies() if each.id == short_id(uids[name])), None)


@pytest.mark.parametrize(("name", "count"), [("film", 1), ("ct", 1), ("three", 2)])
def test_a_study_sent_by_c_store_is_done_and_its_results_are_in_orthanc(stored, orthanc, name, count) -> None:
    _, uids, answers = stored
    study = state(stored, name)
    assert (study.state, study.round, study.tries) == ("done", 1, 1)
    assert answers[name]["FailedInstancesCount"] == 0
    found = orthanc.results(uids[name])
    assert {"seg", "sr", "pdf"} <= set(found)
    assert found.count("sr") == found.count("pdf") == count  # of three series, the best CT and the film


def test_of_two_ct_series_the_one_with_the_soft_kernel_is_taken(stored, orthanc) -> None:
    node, uids, _ = stored
    results = node.queue.path(short_id(uids["three"])) / "results"
    kernels = set()
    for report in results.glob("*/sr.dcm"):
        text = str(pydicom.dcmread(report))
        kernels |= {kernel for kernel in ("B30f", "B70f") if kernel in text}
    assert "B70f" not in kernels


def test_a_series_with_a_gap_is_refused_with_its_code(stored, orthanc) -> None:
    _, uids, _ = stored
    study = state(stored, "gap")
    assert (study.state, study.code) == ("refused", "incomplete-series")
    assert orthanc.results(uids["gap"]) == []


def test_a_broken_object_is_put_aside_and_makes_no_study(stored) -> None:
    node, _, _ = stored
    assert state(stored, "broken") is None
    (reason,) = node.queue.aside.glob("*.txt")
    assert reason.read_text().startswith("truncated")


def test_a_duplicate_is_stored_once_and_opens_no_round(stored) -> None:
    study = state(stored, "film")
    assert len(study.objects) == study.round == 1
