"""The catalogue of data sets, and what it can be asked."""

from __future__ import annotations

import re

import pytest

from hilum.datasets.catalogue import CHECKABLE, LABELS, catalogue, find
from hilum.errors import SettingsError, UnknownName

ENTRIES = [catalogue()[name] for name in catalogue()]


def test_the_whole_table_of_public_covid_sets_is_there() -> None:
    assert sorted(entry.table for entry in ENTRIES if entry.table) == list(range(1, 23))


@pytest.mark.parametrize(
    "name",
    [
        "darwin", "montgomery", "shenzhen", "jsrt", "accd", "fcxd", "ieee8023", "kaggle-radiography", "rsna-pneumonia",
        "nih-chestxray14", "mosmed", "medseg-1", "medseg-2", "zenodo-3757476", "brixia", "ralo", "covid-ct-md",
        "covid-qu-ex", "general-blockchain", "covid-scoring",
    ],
)  # fmt: skip
def test_what_the_systems_were_trained_on_is_there(name: str) -> None:
    assert name in catalogue()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_an_entry_says_only_what_it_can(entry) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", entry.id)
    assert all(getattr(entry, fact) or fact == "labels" for fact in entry.checked), "checked, but not there"
    assert all((entry.how_to_get, entry.cases, entry.modality))
    assert not entry.home or entry.home.startswith("http")
    assert not entry.paper or re.match(r"(doi:10\.|arXiv:\d)", entry.paper)
    for file in entry.files:
        assert re.fullmatch(r"(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}|)", file.checksum)
        assert file.url.startswith("http")


def test_readers_of_the_catalogue_exist() -> None:
    from hilum.datasets.sources import SOURCES

    assert {entry.reader for entry in ENTRIES if entry.reader} <= set(SOURCES)


def test_a_fact_that_was_not_looked_up_says_so() -> None:
    entry = catalogue()["shenzhen"]
    assert entry.told("paper") == entry.paper
    assert entry.told("licence").endswith("(not checked)")
    assert catalogue()["kaggle-abu"].told("home") == "unknown"
    assert set(CHECKABLE) <= set(entry.as_json())


def test_sets_are_found_by_modality_and_labels() -> None:
    found = find("CT", ["lesions"])
    assert {"medseg-1", "medseg-2", "zenodo-3757476", "mosmed", "medseg-h5"} <= {entry.id for entry in found}
    assert all("CT" in entry.modality and "lesion" in entry.labels for entry in found)
    assert {entry.id for entry in find("CT", ["lesion", "lung"])} == {"medseg-1", "medseg-2", "zenodo-3757476"}
    assert len(find()) == len(ENTRIES)
    assert all(entry.reader for entry in find(readable=True))
    for label in LABELS:
        assert find(labels=[label])


def test_what_does_not_exist_is_told() -> None:
    with pytest.raises(SettingsError, match="Did you mean 'lesion'"):
        find(labels=["lesoin"])
    with pytest.raises(SettingsError, match="No modality named 'MR'"):
        find("MR")
    with pytest.raises(UnknownName, match="Did you mean 'mosmed'"):
        catalogue()["mosmd"]
