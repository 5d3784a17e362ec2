"""Numbers of things in sentences."""

from __future__ import annotations


def noun(number: int, one: str, many: str = "") -> str:
    """The noun that goes with a number of things.

    Parameters
    ----------
    number : how many
    one : its singular
    many : its plural; empty for the singular with an s

    Examples
    --------
    >>> noun(1, "case"), noun(0, "case"), noun(2, "study", "studies")
    ('case', 'cases', 'studies')
    """
    return one if number == 1 else many or f"{one}s"


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things, see :func:`noun`.

    Examples
    --------
    >>> counted(1, "case"), counted(1200, "case")
    ('1 case', '1200 cases')
    """
    return f"{number} {noun(number, one, many)}"
