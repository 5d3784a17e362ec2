"""What is kept of studies that have ended: so many days and gigabytes, and never at the cost of what arrives."""

from __future__ import annotations

import time
from collections.abc import Callable

from hilum.settings import NodeSettings

from .log import tell
from .queue import Queue
from .study import Study

FULL_SHARE = 0.9
"""From this share of the largest size on, finished studies make room for those that arrive."""


def sweep(queue: Queue, settings: NodeSettings, is_owed: Callable[[str], bool]) -> int:
    """Remove finished studies that are too old or too large, the oldest first; how many.

    Those that failed, or whose results were not delivered, stay until the operator has seen to them.

    Parameters
    ----------
    queue : of the node
    settings : of the node
    is_owed : whether results of a study still have to be sent
    """
    queue.recount_aside()
    finished = [each for each in queue.studies() if each.state in ("done", "refused") and not is_owed(each.id)]
    finished.sort(key=lambda each: each.changed)
    oldest = time.time() - settings.keep_days * 86400
    gone: list[Study] = [each for each in finished if each.changed <= oldest]
    left = finished[len(gone) :]
    over = queue.bytes - FULL_SHARE * queue.limit_bytes
    kept = sum(_bytes(each) for each in left)
    freed = sum(_bytes(each) for each in gone)
    for each in left:
        if kept <= settings.keep_gb * 1e9 and freed >= over:
            break
        gone.append(each)
        kept -= _bytes(each)
        freed += _bytes(each)
    removed = queue.remove(gone)
    if removed:
        tell("studies-removed", count=removed)
    return removed


def _bytes(study: Study) -> int:
    return study.object_bytes + study.result_bytes
