"""A service that turns arriving studies into results: ``hilum node``.

Objects come by C-STORE, from a DICOMweb service that is asked for them, or from a folder. They are kept in a queue on
disk, grouped by study until a study is complete, gated, analysed by :func:`hilum.pipeline.analyse`, and the results
are sent by C-STORE or STOW. ``docs/node.md`` is for those who run it. This needs the extra ``dicom``.
"""

from __future__ import annotations

from .queue import Full, Queue
from .service import Node
from .study import STATES, Study

__all__ = ["STATES", "Full", "Node", "Queue", "Study"]
