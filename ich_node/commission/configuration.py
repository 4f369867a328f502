"""Settings, services, versions, bundle, and what the node itself knows to be wrong."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from ich_node import __version__
from ich_node.analyse.active_bundle import active_path, path_without_activation
from ich_node.commission.checks import CheckOutcome, CheckPart, CommissioningCheck, check
from ich_node.config.load import LoadedConfig
from ich_node.errors import IchNodeError
from ich_node.health.sentences import remedy_of, sentence_of
from ich_node.health.services import SERVICES, ServiceHealth, is_alive, services
from ich_node.health.trouble import TroubleKind
from ich_node.health.troubles import troubles_now
from ich_node.ledger import Ledger
from ich_node.ledger.pauses import TO
from ich_node.model.bundle_file import read_header

PART = CheckPart.CONFIGURATION
# They have checks of their own.
CHECKED = (TroubleKind.SERVICE_DOWN, TroubleKind.DESTINATION_DOWN)
MOST_TROUBLES = 5


def check_settings(
    loaded: LoadedConfig, path: str, mistakes: Sequence[str]
) -> Iterator[CommissioningCheck]:
    """mistakes: as `check-config` finds them."""
    for mistake in mistakes:
        yield check(PART, "configuration", CheckOutcome.FAILED, mistake=mistake)
    for removed in loaded.removed:
        yield check(PART, "configuration", CheckOutcome.LOOK, mistake=str(removed))
    if not mistakes:
        yield check(PART, "configuration", CheckOutcome.PASSED, path=path)


def check_services(ledger: Ledger, now: datetime) -> Iterator[CommissioningCheck]:
    """Those of a CT's way. Raises Unavailable."""
    for each in services(ledger, now):
        if each.service in SERVICES:
            yield _service(each, now)


def down(ledger: Ledger, now: datetime) -> list[str]:
    """The services of a CT's way that do not run. Raises Unavailable."""
    return [e.service for e in services(ledger, now) if e.service in SERVICES and not e.is_up]


def _service(each: ServiceHealth, now: datetime) -> CommissioningCheck:
    name = each.service
    living = [process for process in each.processes if is_alive(process, now)]
    hosts = ", ".join(sorted({process.host for process in living}))
    versions = sorted({process.version for process in living})
    facts = {"service": name, "hosts": hosts, "versions": ", ".join(versions), "own": __version__}
    if not each.is_up:
        return check(PART, "service", CheckOutcome.FAILED, **facts)
    if not each.is_ready:
        return check(PART, "service", CheckOutcome.LOOK, "not_ready", **facts)
    if versions != [__version__]:
        return check(PART, "service", CheckOutcome.LOOK, "other_version", **facts)
    return check(PART, "service", CheckOutcome.PASSED, **facts)


def check_bundle(loaded: LoadedConfig, ledger: Ledger | None) -> CommissioningCheck:
    """The one that reads next, and the engine of the analysers. Raises Unavailable."""
    configured = loaded.config.bundle.path
    try:
        header = read_header(
            active_path(ledger.activations, configured)
            if ledger is not None
            else path_without_activation(configured)
        )
    except IchNodeError as error:
        return check(PART, "bundle", CheckOutcome.FAILED, detail=error.detail)
    processes = ledger.heartbeats.all() if ledger is not None else []
    engines = {str(each.facts["engine"]) for each in processes if "engine" in each.facts}
    facts = {
        "name": header.name,
        "sha256": header.sha256[:12],
        "engine": ", ".join(sorted(engines)) or "no engine yet",
    }
    if header.demonstration:
        return check(PART, "bundle", CheckOutcome.LOOK, "demonstration", **facts)
    return check(PART, "bundle", CheckOutcome.PASSED, **facts)


def is_demonstration(loaded: LoadedConfig, ledger: Ledger) -> bool:
    """Whether the bundle that reads is a demonstration model. Raises Unavailable, BundleError."""
    return read_header(active_path(ledger.activations, loaded.config.bundle.path)).demonstration


def check_state(
    loaded: LoadedConfig, ledger: Ledger, now: datetime
) -> Iterator[CommissioningCheck]:
    """Pauses and troubles. Raises Unavailable."""
    pauses = ledger.pauses.in_force(now)
    for pause in pauses:
        what = pause.target.removeprefix(TO)
        yield check(PART, "pause", CheckOutcome.FAILED, what=what, why=pause.why or pause.who)
    if not pauses:
        yield check(PART, "pause", CheckOutcome.PASSED)
    troubles = [e for e in troubles_now(ledger, loaded.config, now) if e.kind not in CHECKED]
    for trouble in troubles[:MOST_TROUBLES]:
        facts = {"sentence": sentence_of(trouble), "remedy": remedy_of(trouble)}
        yield check(PART, "trouble", CheckOutcome.LOOK, **facts)
    if not troubles:
        yield check(PART, "trouble", CheckOutcome.PASSED)
