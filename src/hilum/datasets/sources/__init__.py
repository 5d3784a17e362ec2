"""Readers of data sets as they come out of their archives: one module a layout, each turning a folder into a table."""

from __future__ import annotations

from pathlib import Path

from hilum.datasets.schema import CaseTable
from hilum.errors import ReadError, UnsupportedFormat
from hilum.registry import Registry

from . import (
    brixia,
    covid_ct_md,
    covid_qu_ex,
    ct,
    cxr,
    cxr_fields,
    darwin,
    general_blockchain,
    jsrt,
    medseg_1,
    medseg_2,
    medseg_h5,
    montgomery,
    mosmed,
    nih_chestxray14,
    shenzhen,
    supervisely,
    zenodo_3757476,
)
from .layout import Layout, levels

SOURCES: Registry[Layout] = Registry("source")
"""Layouts by id."""

for _module in (
    zenodo_3757476,
    mosmed,
    medseg_1,
    medseg_2,
    medseg_h5,
    covid_ct_md,
    ct,
    darwin,
    montgomery,
    shenzhen,
    jsrt,
    general_blockchain,
    brixia,
    supervisely,
    covid_qu_ex,
    nih_chestxray14,
    cxr,
    cxr_fields,
):
    SOURCES.add(_module.SOURCE.id)(_module.SOURCE)


def recognise(folder: Path) -> tuple[str, ...]:
    """The ids of the layouts that a folder has; none if it is of no known layout.

    Of layouts within layouts, only the outermost count: a collection of sets is not one of its members.
    """
    for level in levels(folder):
        if found := tuple(name for name in SOURCES if any(SOURCES[name].is_at(place) for place in level)):
            return found
    return ()


def read_source(folder: Path, id: str = "") -> CaseTable:  # noqa: A002 - the word of commands and tables
    """The cases of a downloaded folder.

    Parameters
    ----------
    folder : what the archive was unpacked to
    id : the layout; empty takes the one that the folder is seen to have

    Raises
    ------
    UnknownName
        There is no such layout.
    UnsupportedFormat
        The folder has no known layout.
    ReadError
        There is no such folder, it has several layouts, or a file in it cannot be understood.

    Examples
    --------
    >>> from hilum.datasets.sources import read_source
    >>> table = read_source(Path("COVID19_1110"))  # doctest: +SKIP
    """
    if id:
        return SOURCES[id].read(folder)
    if not folder.is_dir():
        raise ReadError(f"There is no folder {str(folder)!r}. Check the path.", path=folder)
    found = recognise(folder)
    if len(found) != 1:
        said = f"the layouts of several sources ({', '.join(found)})" if found else "no layout that Hilum reads"
        raise (ReadError if found else UnsupportedFormat)(
            f"{str(folder)!r} has {said}. Give the id of the source, one of {', '.join(SOURCES)}.", path=folder
        )
    return SOURCES[found[0]].read(folder)
