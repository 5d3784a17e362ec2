"""Hilum: lungs, lesions and severity scores from chest X-rays and chest CT.

Public names are loaded when they are first used, so that ``import hilum`` costs nothing; their types stand in
``__init__.pyi``.
"""

# pyright: reportUnsupportedDunderAll=false
# The names stand in __init__.pyi.

from importlib import import_module as _import_module

__version__ = "0.1.0"

_HOMES = {
    "Case": "hilum.case",
    "Image": "hilum.image",
    "LabelMap": "hilum.image",
    "analyse": "hilum.pipeline",
    "project": "hilum.projection",
    "read": "hilum.readers",
    "read_slices": "hilum.readers",
    "score": "hilum.scoring",
    "segment_lesions": "hilum.segmentation.either",
    "segment_lungs": "hilum.segmentation.either",
    "write": "hilum.writers",
}

__all__ = [
    "Case",
    "Image",
    "LabelMap",
    "__version__",
    "analyse",
    "project",
    "read",
    "read_slices",
    "score",
    "segment_lesions",
    "segment_lungs",
    "write",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'hilum' has no attribute {name!r}")
    globals()[name] = found = getattr(_import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
