"""The reader: a page on this machine to load films and CT, look at them, correct masks and sign off: ``hilum serve``.

:func:`hilum.web.app.create_app` makes the service; ``docs/reader.md`` is for those who run it. This needs the extra
``web``; nothing in it is imported before it is asked for.
"""

from __future__ import annotations
