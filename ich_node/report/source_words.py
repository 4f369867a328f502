"""What people call the series that a result is about, and the result that it replaces."""

from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset

from ich_node.dicom.identity import series_description
from ich_node.report.predecessor import Predecessor


@dataclass(frozen=True, kw_only=True)
class SourceWords:
    """number: SeriesNumber; description, kernel: of the header, '' where it has none.
    thickness_mm: None if unknown. replaced_at: the time of the result that the new one replaces, in
    the time zone of the source.
    """

    number: str = ""
    description: str = ""
    kernel: str = ""
    thickness_mm: float | None = None
    revision: int = 1
    replaced_at: datetime | None = None
    replaces: bool = False

    def of_results(self, what: str) -> str:
        """Series Description of a series of results."""
        return series_description(
            what,
            number=self.number,
            description=self.description,
            revision=self.revision,
            replaced=self._clock if self.replaces else "",
        )

    def sentences(self) -> list[str]:
        """Which series was read, and which result this one replaces."""
        named = f"Series {self.number}" if self.number else "A series without number"
        parts = [
            f'"{self.description}"' if self.description else "",
            "" if self.thickness_mm is None else f"{self.thickness_mm:g} mm thick",
            f"kernel {self.kernel}" if self.kernel else "",
            f"revision {self.revision}",
        ]
        sentences = [f"{', '.join(filter(None, [named, *parts]))}."]
        if self.replaces:
            of = f" of {self._clock}" if self._clock else ""
            sentences.append(f"This result replaces the result{of}.")
        return sentences

    @property
    def _clock(self) -> str:
        return self.replaced_at.strftime("%H:%M") if self.replaced_at else ""


def source_words(
    header: Dataset, *, revision: int, predecessor: Predecessor | None, at: datetime
) -> SourceWords:
    """header: the clean header of an object of the series; at: a time in its time zone."""
    replaced_at = predecessor.at if predecessor else None
    return SourceWords(
        number=_text(header, "SeriesNumber"),
        description=_text(header, "SeriesDescription"),
        kernel=_text(header, "ConvolutionKernel"),
        thickness_mm=float(header.SliceThickness) if header.get("SliceThickness") else None,
        revision=revision,
        replaced_at=replaced_at.astimezone(at.tzinfo) if replaced_at else None,
        replaces=predecessor is not None,
    )


def _text(header: Dataset, keyword: str) -> str:
    """The first value: a second one of the kernel is its strength."""
    value = header.get(keyword)
    several = not isinstance(value, (str, int, type(None)))
    first = next(iter(value), None) if several else value
    return "" if first is None else " ".join(str(first).split())
