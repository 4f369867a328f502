"""Decoded pixels of series that still arrive, or whose reading was interrupted."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from pydicom import Dataset

from ich_node.series.attributes import image_of
from ich_node.series.hounsfield import Decode, Decoded, Pixels, decode_all

# About 500 slices of 512 x 512.
MOST_BYTES = 384 << 20
# Objects that are loaded or decoded between two calls of check_interrupt.
BATCH = 16


class PixelCache:
    """Up to most_bytes of pixels, by job, hash of the object and frame. It lives in one process;
    another process decodes again.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._size_bytes = 0
        self._pixels: dict[int, dict[str, Pixels]] = {}

    def decoder(
        self, job_id: int, *, sha256_of: Mapping[str, str], check_interrupt: Callable[[], None]
    ) -> Decode:
        """A function that decodes those of this job's objects that are not cached.

        sha256_of: by SOP Instance UID. check_interrupt is called after each batch; what was decoded
        before it raises stays cached.
        """

        def decode_missing(datasets: Sequence[Dataset]) -> list[Decoded]:
            images = [image_of(dataset) for dataset in datasets]
            hashes = [image.within(sha256_of[image.sop_instance_uid]) for image in images]
            found: dict[str, Decoded] = dict(self._pixels.get(job_id, {}))
            missing = [
                (sha256, dataset)
                for sha256, dataset in zip(hashes, datasets, strict=True)
                if sha256 not in found
            ]
            for batch in _batches(missing):
                decoded = decode_all([dataset for _, dataset in batch])
                for (sha256, _), pixels in zip(batch, decoded, strict=True):
                    found[sha256] = pixels
                    if isinstance(pixels, Pixels):
                        self._add(job_id, sha256, pixels)
                check_interrupt()
            return [found[sha256] for sha256 in hashes]

        return decode_missing

    def drop(self, job_id: int) -> None:
        """Forget the job's pixels; does nothing if there are none."""
        dropped = self._pixels.pop(job_id, {})
        self._size_bytes -= sum(pixels.size_bytes for pixels in dropped.values())

    def job_ids(self) -> list[int]:
        """The jobs of which pixels are cached, the oldest first."""
        return list(self._pixels)

    def _add(self, job_id: int, sha256: str, pixels: Pixels) -> None:
        """Drops the oldest of the other jobs to make room; without room the pixels are not kept."""
        while self._size_bytes + pixels.size_bytes > self._most_bytes:
            oldest = next((other for other in self._pixels if other != job_id), None)
            if oldest is None:
                return
            self.drop(oldest)
        self._pixels.setdefault(job_id, {})[sha256] = pixels
        self._size_bytes += pixels.size_bytes


def _batches(missing: list[tuple[str, Dataset]]) -> Iterator[list[tuple[str, Dataset]]]:
    for start in range(0, len(missing), BATCH):
        yield missing[start : start + BATCH]
