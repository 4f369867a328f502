"""Destinations, our own listener, and sources that can be asked, are asked."""

from collections.abc import Iterator

from pydicom import Dataset
from pydicom.uid import generate_uid

from ich_node.commission.archive import archive_of
from ich_node.commission.checks import CheckOutcome, CheckPart, CommissioningCheck, check
from ich_node.commission.route import ask_listener, entrances, own_addresses
from ich_node.config.config import Config
from ich_node.config.destinations import Destination
from ich_node.deliver.echo import echo
from ich_node.errors import IchNodeError, PeerUnavailable

PART = CheckPart.PEERS


def check_destination(config: Config, destination: Destination) -> CommissioningCheck:
    ours = getattr(destination, "calling_ae_title", None) or config.scp.ae_title
    facts = {"name": destination.name, "address": destination.address, "ours": ours}
    try:
        answer = echo(destination, config.scp.ae_title, config.tls)
    except IchNodeError as error:
        return check(PART, "destination", CheckOutcome.FAILED, detail=f"{error.detail}.", **facts)
    outcome = CheckOutcome.PASSED if answer.ok else CheckOutcome.FAILED
    return check(PART, "destination", outcome, detail=f"{answer.detail}.", **facts)


def check_no_destination() -> CommissioningCheck:
    return check(PART, "no_destination", CheckOutcome.NOT_TRIED)


def check_listener(config: Config, wanted: str | None) -> CommissioningCheck:
    """It is asked as the source `wanted`, or as any that admits this host, or else as nobody: it
    should then reject us. Raises ConfigError if there is no such source.
    """
    if not config.sources:
        return check(PART, "listener", CheckOutcome.FAILED, "no_source")
    if config.tls.required:
        return check(PART, "listener", CheckOutcome.NOT_TRIED, "tls")
    ways = entrances(config, wanted)
    addresses = own_addresses(config)
    host = ways[0].host if ways else addresses[0]
    source = ways[0].source if ways else config.sources[0]
    facts = {
        "address": f"{host}:{config.scp.port}",
        "port": config.scp.port,
        "source": source.name,
        "ae": source.ae_title,
        "hosts": ", ".join(addresses),
    }
    try:
        ask_listener(config, host, source.ae_title)
    except PeerUnavailable as error:
        if not ways and "rejects" in error.detail:
            return check(PART, "listener", CheckOutcome.NOT_TRIED, "rejects", **facts)
        return check(PART, "listener", CheckOutcome.FAILED, detail=f"{error.detail}.", **facts)
    return check(PART, "listener", CheckOutcome.PASSED, **facts)


def check_queries(config: Config) -> Iterator[CommissioningCheck]:
    """Each source that can be asked is asked for a study that nobody has."""
    for source in config.sources:
        if source.query is None:
            continue
        facts = {"name": source.name, "address": source.query.address(source.ae_title)}
        query = Dataset()
        query.StudyInstanceUID, query.StudyDate = generate_uid(prefix=None), None
        try:
            with archive_of(config, source).search() as search:
                search.find("STUDY", query)
        except IchNodeError as error:
            yield check(PART, "query", CheckOutcome.FAILED, detail=f"{error.detail}.", **facts)
        else:
            yield check(PART, "query", CheckOutcome.PASSED, **facts)
