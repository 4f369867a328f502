"""The pictures of one node's series."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum

from ich_node.detection.kept_reading import KeptReading, ReadingWithMaps, UnreadableReading, decode
from ich_node.detection.network_input import Window
from ich_node.errors import IchNodeError, NoHounsfieldUnits, Refusal
from ich_node.ledger import Job, Ledger
from ich_node.series.hounsfield import Pixels
from ich_node.spool import Spool
from ich_node.web.pictures.frames import Frames
from ich_node.web.pictures.images import ShownImage, images_of_reading, images_without_reading
from ich_node.web.pictures.layers import map_png, slice_png, thumbnail_png

# Each is some 100 kB.
MOST_READINGS = 8
# Pictures that are made at once. In threads of their own: each thread keeps the memory that it has
# needed, and the pages have 40.
AT_ONCE = 2


class Why(StrEnum):
    """Why there is no picture; templates/viewer.html has the sentences."""

    NO_IMAGE = "no_image"
    SWEPT = "swept"
    DAMAGED = "damaged"
    NO_HU = "no_hu"
    NO_MAP = "no_map"
    MAP_DAMAGED = "map_damaged"


class NoPicture(IchNodeError):
    """There is no such picture."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, kw_only=True)
class JobPictures:
    """images: of a reading its slices, else the objects that arrived. why_no_map: None if there is
    a reading with maps.
    """

    images: Sequence[ShownImage]
    kept: ReadingWithMaps | None
    why_no_map: Why | None

    @property
    def reading(self) -> KeptReading | None:
        return self.kept.reading if self.kept else None

    @property
    def is_swept(self) -> bool:
        return not any(image.path for image in self.images)

    def image(self, number: int) -> ShownImage:
        """number: 1-based. Raises NoPicture."""
        if not 1 <= number <= len(self.images):
            raise NoPicture(Why.NO_IMAGE)
        return self.images[number - 1]


class Pictures:
    """For several threads. Every method that makes a picture raises NoPicture."""

    def __init__(self, *, ledger: Ledger, spool: Spool) -> None:
        self._ledger = ledger
        self._spool = spool
        self._frames = Frames(spool)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures")
        self._lock = threading.Lock()
        self._readings: OrderedDict[str, ReadingWithMaps] = OrderedDict()

    def of(self, job: Job) -> JobPictures:
        instances = self._ledger.operator.instances(job)
        kept: ReadingWithMaps | None = None
        why: Why | None = None
        map_file = self._ledger.maps.of(job.id)
        if map_file is None:
            why = Why.NO_MAP
        else:
            try:
                kept = self._reading(map_file.path)
            except FileNotFoundError:
                why = Why.SWEPT
            except (OSError, UnreadableReading):
                why = Why.MAP_DAMAGED
        images = (
            images_without_reading(instances, self._frames)
            if kept is None
            else images_of_reading(kept.reading, instances)
        )
        return JobPictures(images=self._without_lost(images), kept=kept, why_no_map=why)

    def _without_lost(self, images: Sequence[ShownImage]) -> list[ShownImage]:
        """A file may be gone, though the ledger names it: of a spool that was lost."""
        paths = {image.path for image in images if image.path is not None}
        there = {path for path in paths if self._spool.absolute(path).is_file()}
        return [image if image.path in there else replace(image, path=None) for image in images]

    def slice(self, image: ShownImage, window: Window) -> bytes:
        return self._made(image, lambda pixels: slice_png(pixels, window))

    def thumbnail(self, image: ShownImage) -> bytes:
        return self._made(image, thumbnail_png)

    def map(self, pictures: JobPictures, image: ShownImage) -> bytes:
        if pictures.kept is None or image.kept is None:
            raise NoPicture(pictures.why_no_map or Why.NO_MAP)
        index = image.kept.map_index
        return self._threads.submit(
            map_png,
            pictures.kept.likelihood_MYX[index],
            pictures.kept.reading.maps[index],
            image.kept.shape,
        ).result()

    def _made(self, image: ShownImage, make: Callable[[Pixels], bytes]) -> bytes:
        if image.path is None:
            raise NoPicture(Why.SWEPT)
        path, number = image.path, image.frame_number
        try:
            return self._threads.submit(lambda: make(self._frames.pixels(path, number))).result()
        except FileNotFoundError as error:
            raise NoPicture(Why.SWEPT) from error
        except NoHounsfieldUnits as error:
            raise NoPicture(Why.NO_HU) from error
        except (OSError, Refusal) as error:
            raise NoPicture(Why.DAMAGED) from error

    def _reading(self, path: str) -> ReadingWithMaps:
        """Its bytes never change. Raises OSError, UnreadableReading."""
        with self._lock:
            if path in self._readings:
                self._readings.move_to_end(path)
                return self._readings[path]
        kept = decode(self._spool.read(path))
        with self._lock:
            self._readings[path] = kept
            while len(self._readings) > MOST_READINGS:
                self._readings.popitem(last=False)
        return kept
