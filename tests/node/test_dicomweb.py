"""What is asked of a DICOMweb service, and fetched: a service in memory answers."""

from __future__ import annotations

from datetime import date, timedelta

import pydicom
import pytest

from hilum.node import Queue, dicomweb
from hilum.settings import NodeSettings

from .parts import copied


class Service:
    """Answers like dicomweb-client, with files; knows pages unless told otherwise."""

    def __init__(self, paths, *, has_pages: bool = True) -> None:
        self.datasets = {str(each.SOPInstanceUID): each for each in map(pydicom.dcmread, paths)}
        self.has_pages, self.broken, self.filters, self.asked = has_pages, set(), [], []

    def search_for_studies(self, *, limit, offset, search_filters, fields):
        self.filters.append(search_filters)
        found = list(self.datasets.values())
        found = found[offset : offset + limit] if self.has_pages else found
        return [{"0020000D": {"Value": [each.StudyInstanceUID]}, "00201208": {"Value": [1]}} for each in found]

    def search_for_instances(self, *, study_instance_uid, fields):
        self.asked.append(study_instance_uid)
        return [
            {"00080018": {"Value": [uid]}, "0020000E": {"Value": ["1.2"]}, "00080016": {"Value": [each.SOPClassUID]}}
            for uid, each in self.datasets.items()
            if each.StudyInstanceUID == study_instance_uid
        ]

    def retrieve_instance(self, study, series, instance, *, media_types):
        if instance in self.broken:
            raise ValueError("cannot be had")
        return self.datasets[instance]


@pytest.fixture
def paths(films, tmp_path):
    return [copied(films[0], tmp_path / f"{number}.dcm", number) for number in range(5)]


def polled(service, folder, monkeypatch, **settings):
    monkeypatch.setattr(dicomweb, "web_client", lambda *_: service)
    queue = Queue(folder / "spool", limit_bytes=1e9)
    return queue, dicomweb.PolledService(queue, NodeSettings(poll_url="http://service", **settings))


@pytest.mark.parametrize("has_pages", [True, False])
def test_every_study_is_fetched_once_page_by_page(paths, tmp_path, monkeypatch, has_pages) -> None:
    service = Service(paths, has_pages=has_pages)
    queue, polling = polled(service, tmp_path, monkeypatch, poll_limit=2)
    assert (polling.step(), polling.step()) == (5, 0)
    assert len(queue.studies()) == len(service.asked) == 5
    _, again = polled(service, tmp_path, monkeypatch, poll_limit=2)
    assert (again.step(), len(service.asked)) == (0, 5)  # after a restart, too


def test_an_object_that_cannot_be_had_is_asked_for_again_and_holds_up_no_other(paths, tmp_path, monkeypatch) -> None:
    service = Service(paths)
    service.broken.add(next(iter(service.datasets)))
    queue, polling = polled(service, tmp_path, monkeypatch)
    assert polling.step() == 4
    service.broken.clear()
    assert (polling.step(), len(queue.studies())) == (1, 5)


@pytest.mark.parametrize(("days", "first"), [(1, 0), (3, 2)])
def test_studies_of_so_many_days_are_asked_for(paths, tmp_path, monkeypatch, days, first) -> None:
    service = Service(paths)
    _, polling = polled(service, tmp_path, monkeypatch, poll_days=days)
    before, _, after = date.today(), polling.step(), date.today()  # noqa: DTZ011
    spans = [f"{day - timedelta(days=first):%Y%m%d}-{day + timedelta(days=1):%Y%m%d}" for day in (before, after)]
    assert service.filters[0]["StudyDate"] in spans


def test_all_studies_are_asked_for_without_days(paths, tmp_path, monkeypatch) -> None:
    service = Service(paths)
    _, polling = polled(service, tmp_path, monkeypatch, poll_days=0)
    polling.step()
    assert service.filters == [{}]
