"""Values that may be absent, and findings."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from hilum.measurement import Finding, Gravity, NotMeasured


def test_not_measured_is_neither_a_number_nor_zero():
    absent = NotMeasured("the left lung was not found")
    assert absent != 0
    assert absent == NotMeasured("the left lung was not found")
    assert absent != NotMeasured("the right lung was not found")
    with pytest.raises(TypeError):
        absent + 1


def test_gravities_are_words_in_the_result():
    assert [gravity.value for gravity in Gravity] == ["note", "warning", "error"]


def test_findings_compare_by_content_and_cannot_be_changed():
    finding = Finding("too-small", Gravity.ERROR, "It is small.")
    assert finding == Finding("too-small", Gravity.ERROR, "It is small.")
    assert finding != Finding("too-small", Gravity.WARNING, "It is small.")
    with pytest.raises(FrozenInstanceError):
        finding.code = "other"
