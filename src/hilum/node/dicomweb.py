"""A DICOMweb service that is asked for new studies: QIDO finds them, WADO fetches their objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from hilum.settings import NodeSettings

from .disk import read_json, write_json
from .intake import part_file, take_part
from .log import defect
from .queue import Queue
from .secure import web_client
from .sop import CLASSES
from .study import short_id

SEEN = "polled.json"
"""File in the spool that names what was fetched, by the node's own ids."""

_STUDY, _SERIES, _INSTANCE, _CLASS, _COUNT = "0020000D", "0020000E", "00080018", "00080016", "00201208"


class PolledService:
    """Takes in the objects of a DICOMweb service.

    Parameters
    ----------
    queue : takes them
    settings : of the node

    Raises
    ------
    SettingsError
        The credentials or certificates cannot be read.
    """

    def __init__(self, queue: Queue, settings: NodeSettings) -> None:
        self._queue, self._settings = queue, settings
        self._client = web_client(settings.poll_url, settings)
        self._record = queue.folder / SEEN
        self._seen: dict[str, dict[str, Any]] = read_json(self._record)

    def step(self) -> int:
        """Ask once, and fetch what is new; how many objects were fetched.

        Raises
        ------
        requests.RequestException
            The service does not answer as it should.
        OSError
            The disk does not take the objects.
        """
        fetched, present = 0, set[str]()
        for study in self._studies():
            uid, count = _text(study, _STUDY), _text(study, _COUNT)
            key = short_id(uid)
            present.add(key)
            known = self._seen.setdefault(key, {"objects": [], "count": ""})
            if count and known["count"] == count:
                continue
            is_complete, number = self._fetch(uid, known["objects"])
            fetched += number
            known["count"] = count if is_complete else ""
            write_json(self._record, self._seen)
        for key in set(self._seen) - present:
            del self._seen[key]
        return fetched

    def _studies(self) -> Iterator[Mapping[str, Any]]:
        """Every study that is asked for, page by page; none twice, also of services that know no pages."""
        told, limit = set[str](), self._settings.poll_limit
        while True:
            page = self._client.search_for_studies(
                limit=limit, offset=len(told), search_filters=self._filters(), fields=[_COUNT]
            )
            new = [study for study in page if _text(study, _STUDY) not in told]
            told |= {_text(study, _STUDY) for study in new}
            yield from new
            if not new or len(page) < limit:
                return

    def _filters(self) -> dict[str, str]:
        if not self._settings.poll_days:
            return {}
        today = date.today()  # noqa: DTZ011 - studies are dated by the clock on the wall
        first = today - timedelta(days=self._settings.poll_days - 1)
        return {"StudyDate": f"{first:%Y%m%d}-{today + timedelta(days=1):%Y%m%d}"}

    def _fetch(self, study_uid: str, seen: list[str]) -> tuple[bool, int]:
        """Fetch the objects of a study that were not seen; whether all could be had, and how many."""
        import requests

        known, number, is_complete = set(seen), 0, True
        for item in self._client.search_for_instances(study_instance_uid=study_uid, fields=[_CLASS]):
            instance = _text(item, _INSTANCE)
            if short_id(instance) in known or _text(item, _CLASS) not in CLASSES:
                continue
            try:
                fate = self._one(study_uid, _text(item, _SERIES), instance)
            except Exception as error:
                if isinstance(error, OSError) and not isinstance(error, requests.HTTPError):
                    raise  # of the connection or the disk: everything is asked for again
                defect("fetch", error)  # an object that cannot be had does not hold up the others
                is_complete = False
                continue
            if fate == "full":
                return False, number
            seen.append(short_id(instance))
            number += 1
        return is_complete, number

    def _one(self, study_uid: str, series_uid: str, instance_uid: str) -> str:
        """Fetch one object, as the service has it."""
        if not self._queue.room_for(1):
            return "full"
        dataset = self._client.retrieve_instance(
            study_uid, series_uid, instance_uid, media_types=(("application/dicom", "*"),)
        )
        with part_file(self._queue) as (part, file):
            dataset.save_as(file, enforce_file_format=True)
        return take_part(self._queue, part, expected=instance_uid)


def _text(item: Mapping[str, Any], tag: str) -> str:
    """The first value of an element in DICOM JSON; empty if there is none."""
    values = item.get(tag, {}).get("Value") or [""]
    return str(values[0])
