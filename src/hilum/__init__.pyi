from hilum.case import Case as Case
from hilum.image import Image as Image
from hilum.image import LabelMap as LabelMap
from hilum.pipeline import analyse as analyse
from hilum.projection import project as project
from hilum.readers import read as read
from hilum.readers import read_slices as read_slices
from hilum.scoring import score as score
from hilum.segmentation.either import segment_lesions as segment_lesions
from hilum.segmentation.either import segment_lungs as segment_lungs
from hilum.writers import write as write

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

__version__: str
