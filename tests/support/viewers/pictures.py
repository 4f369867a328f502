"""What is looked for in a screenshot."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DOCUMENT_PX = 1000


def pixels(png: bytes) -> NDArray[np.int16]:
    """RGB (Y, X, 3)."""
    return np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(np.int16)


def shown_at(
    column: float, row: float, *, columns: int, rows: int, width: float, height: float
) -> tuple[float, float]:
    """Where the pixel with this index (its centre) is in a canvas that shows the whole image as
    large as it fits, centred.

    Returns x, y in pixels of the canvas from its corner.
    """
    scale = min(width / columns, height / rows)
    return width / 2 + (column + 0.5 - columns / 2) * scale, height / 2 + (
        row + 0.5 - rows / 2
    ) * scale


def smaller(png: bytes) -> bytes:
    """As wide as a document shows it."""
    picture = Image.open(BytesIO(png)).convert("RGB")
    picture.thumbnail((DOCUMENT_PX, DOCUMENT_PX), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
