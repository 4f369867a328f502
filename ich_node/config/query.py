"""[sources.query]: how `ich-node pull` asks a source for what was missed, and gets it.

::

    QuerySettings
    ├── DicomQuery       C-FIND and C-MOVE
    └── DicomWebQuery    QIDO-RS and WADO-RS
"""

import re
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, HttpUrl, Tag, model_validator

from ich_node.config.destinations import DicomDestination, StowDestination, TimeoutSeconds
from ich_node.config.fields import AeTitle, Port, Section


@dataclass(frozen=True, kw_only=True)
class Hours:
    """From one local time of day up to another; it may go over midnight."""

    start: time
    end: time

    def contains(self, at: time) -> bool:
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    @classmethod
    def of(cls, text: str) -> "Hours":
        """ "20:00-06:00". Raises ValueError."""
        match = re.fullmatch(r"\s*(\d\d:\d\d)\s*-\s*(\d\d:\d\d)\s*", text)
        try:
            if match is None:
                raise ValueError(text)
            window = cls(start=time.fromisoformat(match[1]), end=time.fromisoformat(match[2]))
        except ValueError:
            raise ValueError('write two times of day, e.g. "20:00-06:00"') from None
        if window.start == window.end:
            raise ValueError("a window that ends when it begins; leave it out for the whole day")
        return window


def _is_window(text: str) -> str:
    Hours.of(text)
    return text


class QuerySettings(Section):
    """series_per_minute: at most so many series are asked for. window: the local times between
    which they are, e.g. "20:00-06:00"; None: at any time.
    """

    series_per_minute: float = Field(6, gt=0, le=600)
    window: Annotated[str, AfterValidator(_is_window)] | None = None

    @property
    def hours(self) -> Hours | None:
        return None if self.window is None else Hours.of(self.window)


class DicomQuery(QuerySettings):
    """Asked by C-FIND; sends what C-MOVE asks for to this node's own listener.

    ae_title: None: that of the source. calling_ae_title: None: [scp] ae_title.
    """

    kind: Literal["dicom"] = "dicom"
    host: str = Field(min_length=1)
    port: Port
    ae_title: AeTitle | None = None
    calling_ae_title: AeTitle | None = None
    tls: bool = False
    tls_name: str | None = Field(None, min_length=1)

    def address(self, source_ae_title: str) -> str:
        """For people."""
        return self.peer("query", source_ae_title).address

    def peer(self, name: str, source_ae_title: str) -> DicomDestination:
        """Where an association is opened to. name: of the source."""
        return DicomDestination(
            name=name,
            ae_title=self.ae_title or source_ae_title,
            host=self.host,
            port=self.port,
            tls=self.tls,
            tls_name=self.tls_name,
        )


class DicomWebQuery(QuerySettings):
    """Asked by QIDO-RS; this node fetches the series by WADO-RS.

    url: of its DICOMweb service, without /studies.
    """

    kind: Literal["dicomweb"]
    url: HttpUrl
    ca: Path | None = None
    timeout_seconds: TimeoutSeconds = 30
    token_file: Path | None = None
    username: str | None = Field(None, min_length=1, pattern="^[^:]*$")
    password_file: Path | None = None

    @model_validator(mode="after")
    def _is_a_service_as_any_other(self) -> Self:
        """By the same rules as a destination of the kind stow. Raises ValueError."""
        self.service("")
        return self

    def address(self, _: str) -> str:
        """For people."""
        return f"DICOMweb at {self.service('').origin}"

    def service(self, name: str) -> StowDestination:
        """Where requests go to. name: of the source."""
        own = {"kind", "series_per_minute", "window"}
        return StowDestination(name=name or "query", kind="stow", **self.model_dump(exclude=own))


KINDS_OF_QUERY: dict[str, type[QuerySettings]] = {"dicom": DicomQuery, "dicomweb": DicomWebQuery}


def _kind_of(query: Any) -> Any:
    if isinstance(query, dict):
        return query.get("kind", "dicom")
    return getattr(query, "kind", None)


SourceQuery = Annotated[
    Annotated[DicomQuery, Tag("dicom")] | Annotated[DicomWebQuery, Tag("dicomweb")],
    Discriminator(_kind_of),
]
