"""Decoded pixels of received objects, the newest of them in memory."""

import io
import threading
from collections import OrderedDict

from pydicom import Dataset

from ich_node.errors import Undecodable
from ich_node.series.frame_file import open_frames
from ich_node.series.hounsfield import Pixels, decode_one
from ich_node.series.object_file import DamagedObject, read_object
from ich_node.spool import Spool

# 8 slices of 512 x 512: those around the one that is shown.
MOST_BYTES = 6 << 20
MOST_OPEN_OBJECTS = 2


class Frames:
    """Of the objects of a spool, by path and frame: a path names the bytes, so nothing here grows
    old. For several threads.
    """

    def __init__(self, spool: Spool, *, most_bytes: int = MOST_BYTES) -> None:
        self._spool = spool
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._pixels: OrderedDict[tuple[str, int | None], Pixels] = OrderedDict()
        self._opened: OrderedDict[str, list[Dataset]] = OrderedDict()
        self.size_bytes = 0

    def pixels(self, path: str, frame_number: int | None) -> Pixels:
        """frame_number: None for an object that has no frames. Raises OSError if the file is not
        there, Refusal if it cannot be decoded.
        """
        key = (path, frame_number)
        with self._lock:
            if key in self._pixels:
                self._pixels.move_to_end(key)
                return self._pixels[key]
        decoded = decode_one(self._dataset(path, frame_number))
        if not isinstance(decoded, Pixels):
            raise decoded
        with self._lock:
            if key not in self._pixels:
                self._pixels[key] = decoded
                self.size_bytes += decoded.size_bytes
            while self.size_bytes > self._most_bytes:
                _, oldest = self._pixels.popitem(last=False)
                self.size_bytes -= oldest.size_bytes
        return decoded

    def frames(self, path: str) -> list[Dataset]:
        """The headers of a multi-frame object's frames. Raises OSError, Refusal."""
        with self._lock:
            if path not in self._opened:
                self._opened[path] = open_frames(self._spool.absolute(path))
            self._opened.move_to_end(path)
            while len(self._opened) > MOST_OPEN_OBJECTS:
                self._opened.popitem(last=False)
            return self._opened[path]

    def _dataset(self, path: str, frame_number: int | None) -> Dataset:
        if frame_number is not None:
            frames = self.frames(path)
            if not 1 <= frame_number <= len(frames):
                raise Undecodable(f"there is no frame {frame_number}")
            return frames[frame_number - 1]
        dataset = read_object(io.BytesIO(self._spool.read(path)), sop_instance_uid=path)
        if isinstance(dataset, DamagedObject):
            raise Undecodable("the file is damaged in its header; send it again")
        return dataset
