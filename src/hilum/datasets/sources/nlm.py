"""What Montgomery and Shenzhen share: names such as ``MCUCXR_0001_0`` and a clinical reading beside each film.

Readings, as their sets hold them: ``Patient's Sex: F``, ``Patient's Age: 027Y`` and lines of text in Montgomery;
``male 45yrs`` and lines of text in Shenzhen.
"""

from __future__ import annotations

import re
from pathlib import Path

NAME = r"((?:MCU|CHN)CXR_\d+)_([01])"
"""Patient, and whether there is tuberculosis."""

LICENCE = "free research use, cite Jaeger et al. 2014 (NLM)"
"""Of the films of both sets."""

_SEX = re.compile(r"(?:patient's sex:\s*)?\b(female|male|f|m)\b", re.IGNORECASE)
_AGE = re.compile(r"(?:patient's age:\s*)?\b0*(\d+)\s*(?:y|yrs|years?)\b", re.IGNORECASE)


def finding_of(mark: str) -> str:
    """What the last digit of a name says."""
    return "Tuberculosis" if mark == "1" else "No finding"


def reading(path: Path) -> dict[str, str]:
    """Sex, age in years and the reader's text, where the file is there and says so."""
    if not path.is_file():
        return {}
    lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    head = " ".join(lines[:2])
    sex, age = _SEX.search(head), _AGE.search(head)
    facts = {"sex": sex[1][0].upper()} if sex else {}
    if age:
        facts["age"] = age[1]
    rest = [line for line in lines if not (_SEX.match(line) or _AGE.match(line))]
    return {**facts, "reading": " ".join(rest)} if rest else facts
