"""Scanners that send a series over and over until every object was acknowledged."""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from pynetdicom.dsutils import encode

from tests.support.heads import ROOT, head_slice
from tests.support.peers import CT, associated

SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    JPEGLSLossless,
    JPEG2000Lossless,
)
SLICES = (12, 12, 24, 48)  # 10, 5 and 2.5 mm thick
HEAD_MM = 120.0


@dataclass(kw_only=True)
class Modalities:
    """acknowledged: SOP Instance UID to the bytes of the data set, for each Success."""

    port: int
    rng: random.Random
    todo: list[list[Dataset]]
    acknowledged: dict[str, bytes] = field(default_factory=dict)
    figures: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send_all(self) -> None:
        """One modality; several may run at once."""
        while True:
            with self.lock:
                if not self.todo:
                    return
                series = self.todo.pop(0)
                breaks_after = (
                    self.rng.randrange(1, len(series)) if self.rng.random() < 0.2 else None
                )
            while rest := [ds for ds in series if str(ds.SOPInstanceUID) not in self.acknowledged]:
                self._send(rest, breaks_after)
                breaks_after = None
                time.sleep(0.3)

    def _send(self, datasets: Sequence[Dataset], breaks_after: int | None) -> None:
        syntax = datasets[0].file_meta.TransferSyntaxUID
        with (
            suppress(OSError, RuntimeError),
            associated(self.port, contexts=[(CT, [syntax])]) as association,
        ):
            if not association.is_established:
                self.figures["associations that failed"] += 1
                return
            for number, ds in enumerate(datasets):
                if number == breaks_after:
                    self.figures["transfers broken off"] += 1
                    association.dul.socket.socket.close()  # in the middle, without a word
                    return
                status = association.send_c_store(ds).get("Status")
                if status != 0x0000:
                    self.figures[
                        "objects refused for want of room"
                        if status == 0xA700
                        else "objects without Success"
                    ] += 1
                    return
                data = encode(ds, syntax.is_implicit_VR, syntax.is_little_endian)
                assert data is not None
                with self.lock:
                    self.acknowledged[str(ds.SOPInstanceUID)] = data


def made_series(number: int, rng: random.Random) -> list[Dataset]:
    """A head, thick or thin, in one of five transfer syntaxes."""
    count, syntax, study = rng.choice(SLICES), rng.choice(SYNTAXES), f"{ROOT}77.{number}"
    series = []
    for index in range(count):
        uids = {
            "StudyInstanceUID": study,
            "SeriesInstanceUID": f"{study}.1",
            "SOPInstanceUID": f"{study}.1.{index + 1}",
        }
        ds = head_slice(
            index, count=count, PatientID=f"P{number}", SliceThickness=str(HEAD_MM / count), **uids
        )
        ds.ImagePositionPatient = [-100.0, -100.0, HEAD_MM / count * index]
        if syntax.is_compressed:
            ds.compress(syntax, generate_instance_uid=False)
        ds.file_meta.TransferSyntaxUID = syntax
        series.append(ds)
    return series
