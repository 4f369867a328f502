"""Which objects of a study a PACS lists: whether what it took can be found in it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from pydicom import Dataset

from ich_node.config.config import Config
from ich_node.config.destinations import Destination, DicomDestination, StowDestination
from ich_node.config.query import DicomQuery, DicomWebQuery
from ich_node.config.settings import Source
from ich_node.errors import ConfigError
from ich_node.near import check_known
from ich_node.pull.archive import Archive
from ich_node.pull.dicom_archive import DicomArchive
from ich_node.pull.web_archive import DicomWebArchive


@dataclass(frozen=True, kw_only=True)
class Listed:
    """uids: of the objects in the answer. doubt: why there may be more of them."""

    uids: frozenset[str]
    doubt: str = ""


def archive_of(config: Config, source: Source) -> Archive:
    """For questions alone."""
    if isinstance(source.query, DicomQuery):
        return DicomArchive(
            source=source,
            query=source.query,
            move_destination=config.scp.ae_title,
            tls=config.tls,
        )
    assert isinstance(source.query, DicomWebQuery)
    return DicomWebArchive(source=source, query=source.query, tls=config.tls, entrance=None)


def source_named(config: Config, name: str) -> Source:
    """One that can be asked. Raises ConfigError."""
    check_known(name, [each.name for each in config.sources], what="source")
    named = next(each for each in config.sources if each.name == name)
    if named.query is None:
        raise ConfigError(f"[[sources]] {name} has no [sources.query]: it cannot be asked")
    return named


def source_of(config: Config, destination: Destination) -> Source | None:
    """The source that is the same PACS: of those that can be asked, the one with the address of the
    destination, and, where several have it, with its AE title.
    """
    host = _host(destination)
    there = [
        source
        for source in config.sources
        if source.query is not None and host and _host_of_query(source.query) == host
    ]
    title = getattr(destination, "ae_title", None)
    same = [source for source in there if title in (source.ae_title, _called(source))]
    return next(iter(same or there), None)


def list_study(config: Config, source: Source, study_instance_uid: str) -> Listed:
    """Raises PeerUnavailable, ConfigError."""
    uids: set[str] = set()
    doubt = ""
    with archive_of(config, source).search() as search:
        query = Dataset()
        query.StudyInstanceUID, query.SeriesInstanceUID = study_instance_uid, None
        found = search.find("SERIES", query)
        doubt = found.cut_off
        for series in sorted({str(ds.get("SeriesInstanceUID", "")) for ds in found.datasets}):
            query = Dataset()
            query.StudyInstanceUID, query.SeriesInstanceUID = study_instance_uid, series
            query.SOPInstanceUID = None
            images = search.find("IMAGE", query)
            doubt = doubt or images.cut_off
            uids |= {str(ds.get("SOPInstanceUID", "")) for ds in images.datasets}
    return Listed(uids=frozenset(uids - {""}), doubt=doubt)


def _host(destination: Destination) -> str | None:
    if isinstance(destination, DicomDestination):
        return destination.host.casefold()
    if isinstance(destination, StowDestination):
        return urlsplit(str(destination.url)).hostname
    return None


def _host_of_query(query: DicomQuery | DicomWebQuery) -> str | None:
    if isinstance(query, DicomQuery):
        return query.host.casefold()
    return urlsplit(str(query.url)).hostname


def _called(source: Source) -> str | None:
    query = source.query
    return query.ae_title if isinstance(query, DicomQuery) else None
