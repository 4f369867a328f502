"""Two hosts on one PostgreSQL are upgraded one after the other while series arrive at both; every
series is read once, and every result comes to the destination once.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from ich_node.ledger.schema import HEAD
from tests.load.scaling import sent
from tests.load.soak import SLICES, made_slice, named
from tests.support.peers import free_port, wait_until
from tests.upgrades.archive import archive
from tests.upgrades.host import LONG, Host, Peek, host
from tests.upgrades.versions import NEXT, this

pytestmark = [pytest.mark.extended, pytest.mark.timeout(3600)]
MOST_WAITING = 4  # series
SERVICES = ("receive", "analyse", "send")
ONE_AFTER_ANOTHER = ("receive", "analyse", "send", "web")


class Modalities:
    """Send series to whichever host takes them, until they are told to stop; not many more than are
    read.
    """

    def __init__(self, ports: Sequence[int], numbers: Iterator[int], peek: Peek) -> None:
        self._ports, self._numbers, self._peek = ports, numbers, peek
        self._lock, self._stop = threading.Lock(), threading.Event()
        self.series: list[str] = []

    @contextmanager
    def sending(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._send) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _send(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                number = next(self._numbers)
            head = [made_slice(index, bleeds=number % 5 == 0) for index in range(SLICES)]
            series, tries = named(head, number), 0
            while not sent(self._ports[(number + tries) % len(self._ports)], series):
                tries += 1
                self._stop.wait(0.2)
            with self._lock:
                self.series.append(str(series[0].SeriesInstanceUID))
            while not self._stop.wait(1) and self._peek.waiting() > MOST_WAITING:
                pass


def waited(host_: Host, service: str) -> bool:
    return any(
        event["event"] == "ledger_waits_for_older_processes" for event in host_.events(service)
    )


@pytest.mark.parametrize("names", [("1d33a97", "this"), ("this", "next")], ids=" to ".join)
def test_hosts_are_upgraded_one_after_the_other(names, tmp_path, postgres, code, numbers):
    """Where the new version migrates, its services wait, while the old host goes on; after
    `ich-node migrate` both work, an old process that dies is started again, and the old host is
    upgraded last.
    """
    first, second = (this() if name == "this" else code(name) for name in names)
    url, migrates = postgres(), second.name == "next"
    peek = Peek(url=url)
    with archive() as kept, ExitStack() as stack:
        ports = [free_port(), free_port()]
        ways = {"url": url, "pacs_port": kept.pacs.port}

        def added(name: str, version, number: int) -> Host:
            return stack.enter_context(host(name, version, tmp_path, port=ports[number], **ways))

        a, b = added("a", first, 0), added("b", second, 1)
        modalities = Modalities(ports, numbers, peek)

        def progress(more: int, what: str) -> None:
            until = len(kept.came) + more
            wait_until(lambda: len(kept.came) >= until, seconds=LONG, what=what)

        a.start(*SERVICES)
        a.listens()
        with modalities.sending():
            progress(6, "host a's work alone")
            b.start(*SERVICES)
            if migrates:
                wait_until(
                    lambda: all(waited(b, each) for each in SERVICES),
                    seconds=LONG,
                    what="the waiting of host b",
                )
                ready = b.run("ready", "receive")
                assert (ready.returncode, "or for `ich-node migrate`" in ready.stdout) == (1, True)
                progress(6, "host a's work under a host that waits")
                assert peek.schema() == HEAD
                migrated = b.run("migrate")
                assert migrated.returncode == 0, migrated.stderr
                assert f"migrated from schema {HEAD} to {NEXT}" in migrated.stdout
            b.listens()
            progress(12, "the work of both")
            a.kill("analyse")  # and started again by systemd, with the old program
            a.start("analyse")
            progress(12, "the work of both, after a restart")
            a.stop(*SERVICES)
            nothing_to_do = b.run("migrate")
            assert nothing_to_do.stdout.startswith("nothing to do"), nothing_to_do
            progress(6, "host b's work alone")
            a2 = added("a", second, 0)
            a2.start(*SERVICES)
            a2.listens()
            progress(12, "the work of both, upgraded")
        wait_until(
            lambda: (
                set(peek.states()) == set(modalities.series)
                and set(peek.states().values()) == {"DONE"}
                and not peek.results("PENDING")
                and not peek.results("SENDING")
            ),
            seconds=LONG,
            what="the end",
        )
        assert kept.wrong(peek.results("SENT")) == []
        assert peek.finished_twice() == []
        assert len(set(modalities.series)) == len(modalities.series) > 10


def test_the_services_of_one_host_come_up_together(tmp_path, code, numbers):
    """systemd restarts them one after the other, with a program that migrates; one of the old ones
    was killed, and left its heartbeat. Nobody runs `migrate`.
    """
    url, second = f"sqlite:///{tmp_path}/ledger.sqlite", code("next")
    peek = Peek(url=url)
    with archive() as kept, ExitStack() as stack:
        ways = {"url": url, "port": free_port(), "pacs_port": kept.pacs.port}
        site = f"[web]\nport = {free_port()}\n"
        old = stack.enter_context(host("a", this(), tmp_path, more=site, **ways))
        new = stack.enter_context(host("a", second, tmp_path, more=site, **ways))
        old.start(*ONE_AFTER_ANOTHER)
        old.listens()
        wait_until(
            lambda: all(old.run("ready", each).returncode == 0 for each in ONE_AFTER_ANOTHER),
            seconds=LONG,
            what="the start of all",
        )
        for service in ONE_AFTER_ANOTHER[:-1]:
            old.stop(service)
            new.start(service)
            wait_until(lambda: waited(new, service), seconds=LONG, what=f"{service}'s waiting")  # noqa: B023
        assert peek.schema() == HEAD
        old.kill("web")
        new.start("web")
        wait_until(
            lambda: all(new.run("ready", each).returncode == 0 for each in ONE_AFTER_ANOTHER),
            seconds=LONG,
            what="the start of all, upgraded",
        )
        assert peek.schema() == NEXT
        assert (tmp_path / f"ledger.sqlite.before-migrating-{HEAD}").exists()
        series = named([made_slice(index, bleeds=False) for index in range(SLICES)], next(numbers))
        assert sent(new.port, series)
        wait_until(lambda: peek.results("SENT"), seconds=LONG, what="a result")
