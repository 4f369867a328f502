"""What this node replaces and reads of pynetdicom is there, and what it overrides is called.

An override that upstream renames would silently never be called, and the limit in it would be gone.
"""

import ast
import importlib
import inspect
import pkgutil
import re
import socket
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dul import DULServiceProvider
from pynetdicom.events import Event, EventHandlerType
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext
from pynetdicom.timer import Timer
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

import ich_node.network
from ich_node.config.destinations import DicomDestination
from ich_node.config.settings import ScpSettings, SeriesSettings, Source, TlsSettings
from ich_node.ledger import open_ledger
from ich_node.network import acceptor, entity, requestor
from ich_node.network.acceptor import state_machine
from ich_node.network.requestor import association_with
from ich_node.network.storage_commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, REQUEST_COMMITMENT
from ich_node.receive import Listener
from ich_node.spool import Spool
from tests.support.certificates import Authority, Certificate
from tests.support.heads import head_slice
from tests.support.peers import CT, VERIFICATION, wait_until
from tests.support.raw_dicom import answer, associate_rq, c_store_rq, connect, fragment, pdu

GROUP = re.compile(r"[a-z_]+(?:\.[A-Z]\w+)?")  # a module of pynetdicom, and perhaps a class of it
ENTRY = re.compile(r"  (override|set|read) +(\w+) +\S.*")
LISTS = (acceptor, requestor, entity)
ABORT = pdu(7, bytes(4))


def listed(module: ModuleType) -> set[tuple[str, str, str]]:
    """(kind, group, name) of each entry in a module's docstring."""
    entries, group = set(), ""
    for line in (module.__doc__ or "").splitlines():
        if GROUP.fullmatch(line):
            group = line
        elif match := ENTRY.fullmatch(line):
            entries.add((match[1], group, match[2]))
        else:
            group = ""
    return entries


LISTED = [(module.__name__, *entry) for module in LISTS for entry in sorted(listed(module))]


@contextmanager
def upstream() -> Iterator[Mapping[str, Any]]:
    """By group: pynetdicom's modules, and an instance of each class that the lists name."""
    ours, theirs = socket.socketpair()
    ae = AE()
    ae.add_supported_context(VERIFICATION)
    association = Association(ae, "acceptor")
    association.set_socket(AssociationSocket(association, client_socket=ours))
    server = ae.make_server(("127.0.0.1", 0), server_class=ThreadedAssociationServer)
    with ours, theirs, closing(server.socket):
        yield {
            "_config": importlib.import_module("pynetdicom._config"),
            "fsm": importlib.import_module("pynetdicom.fsm"),
            "timer": importlib.import_module("pynetdicom.timer"),
            "ae.ApplicationEntity": ae,
            "association.Association": association,
            "association.ServiceUser": association.acceptor,
            "dimse.DIMSEServiceProvider": association.dimse,
            "dimse_messages.DIMSEMessage": DIMSEMessage(),
            "dul.DULServiceProvider": association.dul,
            "fsm.StateMachine": association.dul.state_machine,
            "pdu_primitives.P_DATA": P_DATA(),
            "presentation.PresentationContext": PresentationContext(),
            "timer.Timer": Timer(1),
            "transport.AssociationSocket": association.dul.socket,
            "transport.RequestHandler": RequestHandler,
            "transport.ThreadedAssociationServer": server,
        }


def has(thing: Any, name: str) -> bool:
    """Without evaluating properties."""
    classes = thing.__mro__ if isinstance(thing, type) else type(thing).__mro__
    return name in vars(thing) or any(name in vars(kind) for kind in classes)


def missing(things: Mapping[str, Any]) -> list[str]:
    """The listed names that pynetdicom does not have."""
    return [f"{group}.{name}" for _, _, group, name in LISTED if not has(things[group], name)]


def test_every_listed_name_is_there() -> None:
    """In the installed pynetdicom."""
    with upstream() as things:
        assert len(LISTED) > 60
        assert missing(things) == []


@pytest.mark.parametrize(
    "name", ["_process_recv_primitive", "_read_pdu_data", "kill_dul", "run_reactor"]
)
def test_a_method_that_upstream_takes_away_is_missed(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The check above fails."""
    with upstream() as things:
        monkeypatch.delattr(DULServiceProvider, name)
        assert set(missing(things)) == {f"dul.DULServiceProvider.{name}"}


@pytest.mark.parametrize("name", ["_dul_ready", "_accepted_cx", "_reactor_checkpoint", "_kill"])
def test_an_attribute_that_upstream_takes_away_is_missed(name: str) -> None:
    """The check above fails."""
    with upstream() as things:
        delattr(things["association.Association"], name)
        assert set(missing(things)) == {f"association.Association.{name}"}


def test_the_events_and_states_are_those_of_the_state_machine() -> None:
    """The literals of state_machine.py are keys of upstream's table."""
    ours = {name: value for name, value in vars(state_machine).items() if name.isupper()}
    table = ours.pop("TRANSITION_TABLE")
    literals = {
        value for each in ours.values() for value in ([each] if isinstance(each, str) else each)
    }
    known = {part for key in table for part in key}
    assert {literal[:3] for literal in literals} == {"Evt", "Sta"}
    assert literals <= known


def our_classes() -> Iterator[type]:
    for found in pkgutil.walk_packages(ich_node.network.__path__, "ich_node.network."):
        for kind in vars(importlib.import_module(found.name)).values():
            if isinstance(kind, type) and kind.__module__ == found.name:
                yield kind


def list_of(kind: type) -> ModuleType:
    """The module whose docstring lists what the class uses."""
    return acceptor if kind.__module__.startswith(acceptor.__name__) else requestor


def test_every_override_is_listed() -> None:
    """A method or property of ours with the name of one of pynetdicom's is an `override` of the
    list; and the list names no others.
    """
    with upstream() as things:
        found = set()
        for kind in our_classes():
            bases = [base for base in kind.__mro__ if base.__module__.startswith("pynetdicom.")]
            for name in vars(kind).keys() - vars(object).keys():
                for base in bases:
                    group = f"{base.__module__.removeprefix('pynetdicom.')}.{base.__name__}"
                    if name in vars(base) or (
                        base is bases[0] and name in vars(things.get(group, base))
                    ):
                        found.add((list_of(kind).__name__, "override", group, name))
                        break
    ignored = {"__module__", "__doc__", "__annotations__", "daemon_threads", "__parameters__"}
    found = {entry for entry in found if entry[-1] not in ignored}
    assert found == {entry for entry in LISTED if entry[1] == "override"}


def test_no_private_name_is_used_that_is_not_listed() -> None:
    """Each attribute whose name is private in pynetdicom is in the list of its file. It also finds
    attributes of our subclasses that would hide one of pynetdicom's.
    """
    private = set()
    for name in (
        "ae",
        "association",
        "dimse",
        "dimse_messages",
        "dul",
        "fsm",
        "timer",
        "transport",
    ):
        source = inspect.getsource(importlib.import_module(f"pynetdicom.{name}"))
        private |= attributes(source) | {
            node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)
        }
    private = {name for name in private if name.startswith("_") and not name.startswith("__")}
    unlisted = {}
    for path in Path(ich_node.network.__path__[0]).rglob("*.py"):
        names = {name for module in LISTS for _, _, name in listed(module)}
        if found := (attributes(path.read_text()) & private) - names:
            unlisted[path.name] = found
    assert unlisted == {}


def attributes(source: str) -> set[str]:
    return {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}


class Calls:
    """Counts the calls of every override in ich_node.network, as `override` has marked them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.called: set[str] = set()
        self.overrides: set[str] = set()
        for kind in our_classes():
            for name, member in list(vars(kind).items()):
                getter = member.fget if isinstance(member, property) else member
                if getattr(getter, "__override__", False):
                    where = f"{kind.__name__}.{name}"
                    self.overrides.add(where)
                    patch.setattr(kind, name, self._counted(member, where))

    @property
    def uncalled(self) -> set[str]:
        return self.overrides - self.called

    def _counted(self, member: Any, where: str) -> Any:
        if isinstance(member, property):
            setter = None if member.fset is None else self._counted(member.fset, where)
            return property(self._counted(member.fget, where), setter)

        def counted(*arguments: Any, **options: Any) -> Any:
            self.called.add(where)
            return member(*arguments, **options)

        return counted


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(monkeypatch)


StartListener = Callable[[float], Listener]


@pytest.fixture
def listening(tmp_path: Path, tls: TlsSettings) -> Iterator[StartListener]:
    """Starts a listener with and without TLS that aborts an association after so many silent
    seconds.
    """
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    with ExitStack() as listeners:

        def start(idle_seconds: float = 60) -> Listener:
            listener = Listener(
                scp=ScpSettings(
                    bind_address="127.0.0.1", port=0, idle_timeout_seconds=idle_seconds
                ),
                sources=(Source(name="ct", ae_title="CT1", storage_commitment=True),),
                series=SeriesSettings(),
                spool=Spool(tmp_path / "spool"),
                ledger=ledger.receiving,
                clock=lambda: datetime.now(UTC),
                tls=tls,
            )
            return listeners.enter_context(listener)

        yield start
    ledger.dispose()


def opened(
    port: int, own: TlsSettings | None = None, handlers: Sequence[EventHandlerType] = ()
) -> AbstractContextManager[Association]:
    """An association as this node opens them; released at the end."""
    return association_with(
        DicomDestination(
            name="node", ae_title="ICHNODE", host="127.0.0.1", port=port, tls=own is not None
        ),
        calling_ae="CT1",
        sop_classes=[VERIFICATION, CT, PUSH_MODEL],
        transfer_syntaxes=[ExplicitVRLittleEndian, ImplicitVRLittleEndian],
        tls=own or TlsSettings(),
        handlers=handlers,
    )


def released(listener: Listener, _: TlsSettings) -> None:
    """C-ECHO, C-STORE, and N-ACTION with its N-EVENT-REPORT."""
    reported = threading.Event()

    def on_report(_: Event) -> tuple[int, None]:
        reported.set()
        return 0x0000, None

    ds = head_slice(0)
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    request = Dataset()
    request.TransactionUID, request.ReferencedSOPSequence = "2.25.4711", [item]
    with opened(listener.port, handlers=[(evt.EVT_N_EVENT_REPORT, on_report)]) as association:
        assert association.send_c_echo().Status == 0x0000
        assert association.send_c_store(ds).Status == 0x0000
        status, _ = association.send_n_action(
            request, REQUEST_COMMITMENT, PUSH_MODEL, PUSH_MODEL_INSTANCE
        )
        assert status.Status == 0x0000
        assert reported.wait(20)


def aborted(listener: Listener, _: TlsSettings) -> None:
    """By the requestor, within an object."""
    with connect(listener.port, associate_rq()) as peer:
        assert answer(peer)[0] == 0x02
        peer.sendall(c_store_rq()[0] + fragment(bytes(100), is_last=False) + ABORT)
        assert answer(peer) == b""


def timed_out(listener: Listener, _: TlsSettings) -> None:
    """The requestor is silent until the listener aborts."""
    with connect(listener.port, associate_rq()) as peer:
        assert answer(peer)[0] == 0x02
        assert answer(peer)[0] == 0x07


def over_tls(listener: Listener, own: TlsSettings) -> None:
    with opened(listener.tls_port, own) as association:
        assert association.send_c_echo().Status == 0x0000
        assert association.send_c_store(head_slice(0)).Status == 0x0000


Scenario = Callable[[Listener, TlsSettings], None]
SCENARIOS: dict[Scenario, float] = {released: 60, aborted: 60, timed_out: 0.3, over_tls: 60}
# Of the acceptor, for certain services or TLS alone.
OCCASIONAL = {"BoundedDimse.send_msg", "BoundedIdentifier.write", "TlsServer.accepted"}


def run(scenario: Scenario, listening: StartListener, ours: Authority, ct1: Certificate) -> None:
    """To the end of the acceptor's threads."""
    own = TlsSettings(certificate=ct1.certificate, key=ct1.key, ca=ours.ca)
    scenario(listening(SCENARIOS[scenario]), own)
    wait_until(
        lambda: not any("Acceptor" in thread.name for thread in threading.enumerate()),
        what="the end of the association",
    )


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_association_calls_the_acceptor_s_overrides(
    scenario: Scenario, calls: Calls, listening: StartListener, ours: Authority, ct1: Certificate
) -> None:
    """Whether it is released, aborted or times out, with and without TLS."""
    run(scenario, listening, ours, ct1)
    of_acceptor = {
        f"{kind.__name__}.{name}"
        for kind in our_classes()
        if list_of(kind) is acceptor
        for name in vars(kind)
    }
    assert len(of_acceptor & calls.overrides) > 10
    assert calls.uncalled & of_acceptor - OCCASIONAL == set()


def test_every_override_is_called(
    calls: Calls, listening: StartListener, ours: Authority, ct1: Certificate
) -> None:
    """In these associations, of the acceptor and of the requestor."""
    for scenario in SCENARIOS:
        run(scenario, listening, ours, ct1)
    assert {entry[-1] for entry in LISTED if entry[1] == "override"} <= {
        where.split(".")[1] for where in calls.overrides
    }
    assert calls.uncalled == set()


def test_an_override_that_upstream_no_longer_calls_is_missed(
    calls: Calls,
    listening: StartListener,
    ours: Authority,
    ct1: Certificate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if upstream had renamed _read_pdu_data, and now called it by the new name."""
    renamed = DULServiceProvider._read_pdu_data
    source = textwrap.dedent(inspect.getsource(DULServiceProvider._is_transport_event))
    names = {"cast": cast}
    exec(source.replace("self._read_pdu_data()", "self._read_pdu()"), names)
    monkeypatch.setattr(DULServiceProvider, "_read_pdu", renamed, raising=False)
    monkeypatch.setattr(DULServiceProvider, "_is_transport_event", names["_is_transport_event"])
    run(timed_out, listening, ours, ct1)
    assert "Reactor._read_pdu_data" in calls.uncalled
    assert "Reactor.run_reactor" not in calls.uncalled
