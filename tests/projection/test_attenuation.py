"""Attenuation of densities: the published coefficients, and what a Hounsfield unit is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.projection.attenuation import CT_KEV, bone_per_mm, mixture, water_per_mm


def test_the_coefficients_are_those_of_the_tables() -> None:
    assert water_per_mm(60) == pytest.approx(0.02059)
    assert water_per_mm(100) == pytest.approx(0.01707)
    assert bone_per_mm(60) == pytest.approx(0.3148 * 1.92 / 10)


def test_between_two_energies_of_the_table_the_value_lies_between_theirs() -> None:
    assert 0.01837 < water_per_mm(70) < 0.02059
    assert water_per_mm(70) == pytest.approx(0.0193, rel=0.01)  # 0.193 / cm, as XCOM has it


@pytest.mark.parametrize("kev", [19.9, 151, float("nan")])
def test_an_energy_outside_the_tables_is_refused(kev: float) -> None:
    with pytest.raises(ValueError, match="20 to 150 keV"):
        mixture(kev)


@pytest.mark.parametrize("kev", [40, 60, 70, 120])
def test_air_is_nothing_and_water_is_water(kev: float) -> None:
    curve = mixture(kev)
    assert curve(np.array([-3000, -1024, -1000], dtype=np.int16)).tolist() == [0, 0, 0]
    assert curve(np.array([0.0]))[0] == pytest.approx(water_per_mm(kev), rel=1e-5)
    assert curve(np.array([np.nan]))[0] == 0


@pytest.mark.parametrize("kev", [40, 60, 100])
def test_cortical_bone_attenuates_as_cortical_bone(kev: float) -> None:
    bone_hu = 1000 * (bone_per_mm(CT_KEV) / water_per_mm(CT_KEV) - 1)
    assert mixture(kev)(np.array([bone_hu]))[0] == pytest.approx(bone_per_mm(kev), rel=1e-5)


def test_at_the_energy_of_the_scanner_the_curve_is_the_definition_of_the_unit() -> None:
    hu = np.linspace(-1000, 3000, 41)
    assert np.allclose(mixture(CT_KEV)(hu), water_per_mm(CT_KEV) * (1 + hu / 1000), rtol=1e-5, atol=1e-7)


def test_bone_stands_out_more_at_low_energy() -> None:
    contrast = [mixture(kev)(np.array([800.0]))[0] / mixture(kev)(np.array([0.0]))[0] for kev in (40, 60, 100)]
    assert contrast == sorted(contrast, reverse=True)


@given(st.lists(st.integers(-2000, 3500), min_size=2, max_size=20), st.floats(20, 150))
def test_denser_never_attenuates_less(densities: list[int], kev: float) -> None:
    made = mixture(kev)(np.sort(np.array(densities, dtype=np.int16)))
    assert (np.diff(made) >= -1e-9).all()
    assert (made >= 0).all()
