"""A thorax that never was: CT volumes and films with lungs, lobes and lesions that are known exactly.

>>> from hilum.phantom import sample_film
>>> made = sample_film(seed=3, severity=0.5, shape=(128, 128))
>>> made.image.array.shape, made.lungs.number("right-lung")
((128, 128), 1)
"""

from hilum.projection.exposure import Exposure, draw_exposure

from .dicom import write_dicom
from .dicom_series import write_series
from .film import PhantomFilm, film, film_grid
from .lesions import Lesion, random_lesions
from .samples import demo_film, sample_film
from .thorax import LOBES, Thorax, default_grid, thorax

__all__ = [
    "LOBES",
    "Exposure",
    "Lesion",
    "PhantomFilm",
    "Thorax",
    "default_grid",
    "demo_film",
    "draw_exposure",
    "film",
    "film_grid",
    "random_lesions",
    "sample_film",
    "thorax",
    "write_dicom",
    "write_series",
]
