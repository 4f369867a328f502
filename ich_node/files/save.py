"""Writes answers and likelihood maps to disk."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ich_node.dicom.legal_uid import is_legal_uid
from ich_node.files.answer import SeriesAnswer


def write_answer(answer: SeriesAnswer, picture: NDArray[np.uint8], out: Path) -> list[Path]:
    """reading.json, preview.png and the DICOM objects, in a folder named after the series.

    picture: RGB (Y, X, 3). Returns the files that were written.
    """
    folder = out / _folder_name(answer.series_instance_uid)
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "reading.json"]
    written[0].write_text(
        json.dumps(answer.document(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    written.append(folder / "preview.png")
    Image.fromarray(picture).save(written[-1])
    kinds = Counter(result.kind for result in answer.results)
    for result in answer.results:
        several = result.kind == "overlay" or kinds[result.kind] > 1
        number = f"-{result.dataset.InstanceNumber:03d}" if several else ""
        written.append(folder / f"{result.kind.replace('_', '-')}{number}.dcm")
        written[-1].write_bytes(result.encode())
    return written


def save_maps(answers: Sequence[SeriesAnswer], path: Path) -> None:
    """Every slice's logit and low-resolution map as .npz: sop_instance_uid (N), frame_number
    (N; 0 for an object of one frame), logit (N), likelihood (N, h, w); slices in the order of their
    position.
    """
    maps = [map_ for answer in answers if answer.reading for map_ in answer.reading.maps]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:  # given a path, numpy would append .npz to the name
        np.savez_compressed(
            file,
            sop_instance_uid=np.array([map_.sop_instance_uid for map_ in maps], dtype=np.str_),
            frame_number=np.array([map_.frame_number or 0 for map_ in maps], dtype=np.int32),
            logit=np.array([map_.logit for map_ in maps], dtype=np.float32),
            likelihood=np.stack([map_.likelihood_YX for map_ in maps])
            if maps
            else np.empty((0, 0, 0), np.float32),
        )


def _folder_name(series_instance_uid: str) -> str:
    """The UID, if it is digits and dots; anything else could be a path and is hashed."""
    if is_legal_uid(series_instance_uid):
        return series_instance_uid
    return f"series-{hashlib.sha256(series_instance_uid.encode()).hexdigest()[:12]}"
