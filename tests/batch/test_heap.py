"""Memory kept in a batch: told to glibc, in a process of its own, and to nobody else."""

import platform
import subprocess
import sys

import pytest

from hilum.batch import heap

ONE = """
import resource, numpy as np
from hilum.batch.heap import keep_memory
keep_memory() if {kept} else None
for round in range(12):
    if round == 2:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.full(9_000_000, 1, np.uint8) for _ in range(6)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_freed_arrays_are_not_mapped_again():
    faults = {
        kept: int(subprocess.run([sys.executable, "-c", ONE.format(kept=kept)], capture_output=True, check=True).stdout)
        for kept in (False, True)
    }
    assert faults[True] < 5_000 < faults[False]


@pytest.mark.parametrize(("system", "library"), [("Darwin", ""), ("Windows", ""), ("Linux", "musl")])
def test_other_systems_are_left_alone(monkeypatch, system, library):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "libc_ver", lambda: (library, ""))
    assert heap.keep_memory.__wrapped__() is False
