"""Where decoded pixels hang until their series has been read: it may still be arriving, or its
reading was interrupted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from pydicom import Dataset

from ich_node.series.attributes import uid_of
from ich_node.series.hounsfield import Decode, Pixels, decode_all

# About 500 slices of 512 x 512.
MOST_BYTES = 384 << 20
# Between them the reader looks up.
AT_ONCE = 16


class PixelCache:
    """Up to most_bytes of pixels, by job and hash of the object. In one process; another one
    decodes anew.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._size_bytes = 0
        self._hung: dict[int, dict[str, Pixels]] = {}

    def decoder(
        self, job_id: int, sha256_of: Mapping[str, str], look_up: Callable[[], None]
    ) -> Decode:
        """Decodes objects of this job, by SOP Instance UID, that do not hang here yet. look_up is
        called again and again.
        """

        def decode_missing(datasets: Sequence[Dataset]) -> list[Pixels]:
            hashes = [sha256_of[uid_of(dataset, "SOPInstanceUID")] for dataset in datasets]
            found = dict(self._hung.get(job_id, {}))
            missing = [
                (sha256, dataset)
                for sha256, dataset in zip(hashes, datasets, strict=True)
                if sha256 not in found
            ]
            for some in _some(missing):
                for (sha256, _), pixels in zip(
                    some, decode_all([dataset for _, dataset in some]), strict=True
                ):
                    found[sha256] = pixels
                    self._hang(job_id, sha256, pixels)
                look_up()
            return [found[sha256] for sha256 in hashes]

        return decode_missing

    def take_down(self, job_id: int) -> None:
        """What hangs here of it. Again: nothing."""
        self._size_bytes -= sum(pixels.size_bytes for pixels in self._hung.pop(job_id, {}).values())

    def job_ids(self) -> list[int]:
        """The jobs that something hangs of."""
        return list(self._hung)

    def _hang(self, job_id: int, sha256: str, pixels: Pixels) -> None:
        """If there is room, when what has hung for longest of other jobs is down."""
        while self._size_bytes + pixels.size_bytes > self._most_bytes:
            oldest = next((other for other in self._hung if other != job_id), None)
            if oldest is None:
                return
            self.take_down(oldest)
        self._hung.setdefault(job_id, {})[sha256] = pixels
        self._size_bytes += pixels.size_bytes


def _some(missing: list[tuple[str, Dataset]]) -> Iterator[list[tuple[str, Dataset]]]:
    for start in range(0, len(missing), AT_ONCE):
        yield missing[start : start + AT_ONCE]
