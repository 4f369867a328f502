"""The phantom's way into the node: to our own listener as a source, or to the PACS, which sends it
here by its own rule.
"""

import io
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from ich_node.config.config import Config
from ich_node.config.destinations import Destination, DicomDestination, StowDestination
from ich_node.config.settings import Source
from ich_node.deliver.outlets.outlet import Sent
from ich_node.deliver.outlets.stow import StowOutlet
from ich_node.dicom.identity import VERIFICATION
from ich_node.dicom.transfer_syntaxes import SENT_TRANSFER_SYNTAXES
from ich_node.errors import ConfigError, PeerUnavailable
from ich_node.ledger import Delivery, DeliveryState
from ich_node.near import check_known
from ich_node.network.requestor import association_with
from ich_node.receive.admission import Caller, identify

LOOPBACK = "127.0.0.1"
ANY = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


@dataclass(frozen=True, kw_only=True)
class OwnEntrance:
    """How this host comes in: as the source, at the address of our listener."""

    source: Source
    host: str


def own_addresses(config: Config) -> list[str]:
    """At which our listener can be reached from this host; a connection from there comes from the
    same address.
    """
    bound = config.scp.bind_address
    if bound not in ANY:
        return [bound]
    found = [LOOPBACK]
    with suppress(OSError):
        found += [str(each[4][0]) for each in socket.getaddrinfo(socket.gethostname(), None)]
    for destination in config.destinations:
        if isinstance(destination, DicomDestination):
            with suppress(OSError), closing(socket.socket(type=socket.SOCK_DGRAM)) as probe:
                # no packet is sent: the system says by which address it would go
                probe.connect((destination.host, destination.port))
                found.append(str(probe.getsockname()[0]))
    return [each for each in dict.fromkeys(found) if ":" not in each or bound == "::"]


def entrances(config: Config, wanted: str | None) -> list[OwnEntrance]:
    """Every source that admits this host, by the rules of the listener. wanted: the name of one.
    Raises ConfigError if there is none with this name.
    """
    if wanted is not None:
        check_known(wanted, [source.name for source in config.sources], what="source")
    found = []
    for source in config.sources:
        for host in own_addresses(config):
            caller = Caller(calling_ae=source.ae_title, called_ae=config.scp.ae_title, address=host)
            who = identify(caller, [config.scp.ae_title], config.sources)
            if isinstance(who, Source) and who.name == source.name and wanted in (None, who.name):
                found.append(OwnEntrance(source=source, host=host))
                break
    return found


def destination_named(config: Config, name: str) -> DicomDestination | StowDestination:
    """One that takes images. Raises ConfigError."""
    check_known(name, [each.name for each in config.destinations], what="destination")
    named = next(each for each in config.destinations if each.name == name)
    if not isinstance(named, DicomDestination | StowDestination):
        raise ConfigError(f"--through {name}: a destination of kind {named.kind} takes no images")
    return named


def listener_at(config: Config, host: str) -> DicomDestination:
    """Our own listener, as a peer sees it."""
    return DicomDestination(
        name="own-listener", ae_title=config.scp.ae_title, host=host, port=config.scp.port
    )


def ask_listener(config: Config, host: str, calling_ae: str) -> None:
    """C-ECHO. Raises PeerUnavailable, ConfigError."""
    with association_with(
        listener_at(config, host),
        calling_ae=calling_ae,
        sop_classes=[VERIFICATION],
        transfer_syntaxes=SENT_TRANSFER_SYNTAXES,
        tls=config.tls,
    ) as association:
        status = association.send_c_echo().get("Status")
        if status != 0x0000:
            raise PeerUnavailable(f"answers C-ECHO with {_status(status)}")


def send(config: Config, to: Destination, calling_ae: str, datasets: Sequence[Dataset]) -> None:
    """All of it, in one association. Raises PeerUnavailable, ConfigError."""
    if isinstance(to, StowDestination):
        _send_by_stow(config, to, datasets)
        return
    assert isinstance(to, DicomDestination)
    with association_with(
        to,
        calling_ae=calling_ae,
        sop_classes=[CTImageStorage],
        transfer_syntaxes=[ExplicitVRLittleEndian],
        tls=config.tls,
    ) as association:
        for number, ds in enumerate(datasets, start=1):
            if not association.is_established:
                raise PeerUnavailable(f"the peer ended the association before slice {number}")
            status = association.send_c_store(ds).get("Status")
            if status is None or (status and status >> 12 != 0xB):
                raise PeerUnavailable(f"answers C-STORE of slice {number} with {_status(status)}")


def _status(status: int | None) -> str:
    return "nothing" if status is None else f"0x{status:04X}"


def _send_by_stow(config: Config, to: StowDestination, datasets: Sequence[Dataset]) -> None:
    with StowOutlet(destination=to, tls=config.tls).connect([]) as connection:
        for number, (delivery, data) in enumerate(_as_deliveries(to.name, datasets), start=1):
            outcome = connection.send(delivery, data)
            if not isinstance(outcome, Sent):
                reason = getattr(outcome, "reason", "not stored")
                raise PeerUnavailable(f"slice {number}: {reason}")


def _as_deliveries(name: str, datasets: Sequence[Dataset]) -> Iterator[tuple[Delivery, bytes]]:
    """What the outlet takes; nothing of it is in the ledger."""
    now = datetime.now(UTC)
    for ds in datasets:
        file = io.BytesIO()
        ds.save_as(file, enforce_file_format=True)
        yield (
            Delivery(
                id=0,
                job_id=0,
                destination=name,
                sop_instance_uid=str(ds.SOPInstanceUID),
                sop_class_uid=str(ds.SOPClassUID),
                kind="phantom",
                path="",
                state=DeliveryState.SENDING,
                attempts=1,
                next_at=now,
                first_at=now,
                sent_at=None,
                detail=None,
                lease_owner=None,
                lease_until=None,
                transaction_uid=None,
            ),
            file.getvalue(),
        )
