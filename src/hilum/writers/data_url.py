"""Pictures inside of pages."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from PIL.Image import Image


def data_url(picture: Image, kind: Literal["JPEG", "PNG"], **options: Any) -> str:
    """A picture as a data URL, by Pillow's writer of that kind and its options."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getbuffer()).decode()}"
