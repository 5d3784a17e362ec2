"""From Hounsfield units to linear attenuation at the energy of a film."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]
"""Numbers on a grid; float32 in practice."""

_KEV = (20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 150.0)
_WATER_CM2_G = (0.8096, 0.3756, 0.2683, 0.2269, 0.2059, 0.1837, 0.1707, 0.1505)
_BONE_CM2_G = (4.001, 1.331, 0.6655, 0.4242, 0.3148, 0.2229, 0.1855, 0.1480)
_WATER_G_CM3, _BONE_G_CM3 = 1.0, 1.92
"""Mass attenuation coefficients and densities of liquid water and of cortical bone (ICRU-44): Hubbell and Seltzer,
NIST Standard Reference Database 126, tables 2 and 4."""

ENERGIES_KEV = (_KEV[0], _KEV[-1])
"""Energies that the tables hold."""

CT_KEV = 70.0
"""Effective energy of a chest CT at 120 kVp, in which its Hounsfield units are what they are."""

BONE_FROM_HU = 100.0
"""Denser voxels are a mixture with cortical bone; up to here they are water of another density, as blood and muscle
nearly are."""


def water_per_mm(kev: float) -> float:
    """Linear attenuation of water at an energy, per mm; ValueError outside :data:`ENERGIES_KEV`."""
    return _interpolated(kev, _WATER_CM2_G) * _WATER_G_CM3 / 10


def bone_per_mm(kev: float) -> float:
    """Linear attenuation of cortical bone at an energy, per mm; ValueError outside :data:`ENERGIES_KEV`."""
    return _interpolated(kev, _BONE_CM2_G) * _BONE_G_CM3 / 10


def _interpolated(kev: float, coefficients: tuple[float, ...]) -> float:
    """Between the energies of the tables a straight line of logarithms, as the attenuation itself nearly is."""
    if not ENERGIES_KEV[0] <= kev <= ENERGIES_KEV[1]:
        raise ValueError(f"the energy of a film is {ENERGIES_KEV[0]:g} to {ENERGIES_KEV[1]:g} keV, not {kev:g}")
    return float(np.exp(np.interp(np.log(kev), np.log(_KEV), np.log(coefficients))))


@dataclass(frozen=True, slots=True)
class Curve:
    """Linear attenuation per mm of Hounsfield units: nothing up to -1000, then two straight lines.

    Attributes
    ----------
    slope : per mm and HU, of air, lung and soft tissue
    bend_hu : where the second line begins
    more : slope of the second line above that of the first
    """

    slope: float
    bend_hu: float
    more: float

    def __call__(self, hounsfield: NDArray[Any]) -> Field:
        """Attenuation per mm, float32, of the shape of ``hounsfield``; NaN counts as air."""
        made = np.array(hounsfield, dtype=np.float32)
        np.fmax(made, np.float32(-1000), out=made)
        dense = np.maximum(made, np.float32(self.bend_hu))
        dense -= np.float32(self.bend_hu)
        dense *= np.float32(self.more)
        made += np.float32(1000)
        made *= np.float32(self.slope)
        made += dense
        return made


def mixture(kev: float, ct_kev: float = CT_KEV) -> Curve:
    """The curve of water of any density up to :data:`BONE_FROM_HU`, and of its mixture with cortical bone above.

    Up to there a voxel attenuates as water of its density does at ``kev``. Above, the share of bone by volume is the
    one that explains its Hounsfield units at the scanner's energy. At ``kev`` equal to ``ct_kev`` the curve is one
    straight line: the definition of the Hounsfield unit.

    Parameters
    ----------
    kev : effective energy of the film's beam
    ct_kev : effective energy of the scanner's

    Raises
    ------
    ValueError
        An energy is outside the tables.
    """
    water = water_per_mm(kev)
    bone_hu = 1000 * (bone_per_mm(ct_kev) / water_per_mm(ct_kev) - 1)
    soft = water * (1 + BONE_FROM_HU / 1000)
    steep = (bone_per_mm(kev) - soft) / (bone_hu - BONE_FROM_HU)
    return Curve(water / 1000, BONE_FROM_HU, steep - water / 1000)
