"""Numbers of things in sentences."""

from __future__ import annotations

from hilum.wording import counted, noun


def test_one_is_the_only_singular() -> None:
    assert [counted(number, "case") for number in (0, 1, 2)] == ["0 cases", "1 case", "2 cases"]
    assert [noun(number, "study", "studies") for number in (0, 1, 2)] == ["studies", "study", "studies"]
