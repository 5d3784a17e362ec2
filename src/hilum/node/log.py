"""The log: one JSON object a line, with the node's own ids and never a word out of a DICOM header."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

log = logging.getLogger("hilum.node")

_FIELDS = "hilum_fields"


def tell(event: str, *, level: int = logging.INFO, **fields: str | float | None) -> None:
    """Log an event; ``fields`` are ids, counts, codes and addresses of machines, nothing else."""
    log.log(level, event, extra={_FIELDS: {key: value for key, value in fields.items() if value not in (None, "")}})


def defect(where: str, error: Exception) -> None:
    """Log what should not have happened by its kind and place; its message might quote a header, and is left out."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    tell("defect", level=logging.ERROR, where=where, kind=type(error).__name__, at=place)


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps({**line, **getattr(record, _FIELDS, {})}, ensure_ascii=True)


def speak(level: int) -> None:
    """Have the node's log written to stderr, and keep libraries that may name patients silent."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    log.addHandler(handler)
    log.setLevel(level)
    log.propagate = False
    for name in ("pynetdicom", "pydicom", "dicomweb_client", "urllib3", "highdicom"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
