"""One run: modalities send, troubles strike, the node comes to rest, the judge looks."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ich_node.ledger import Ledger
from ich_node.spool import Spool
from tests.chaos.disk import Disk, small_disk
from tests.chaos.judge import MOST_JOBS, Judge, rests
from tests.chaos.ledger import BackDoor
from tests.chaos.modalities import Modalities, made_series
from tests.chaos.node import PeakMemory, running_node, until
from tests.chaos.peer import Peer
from tests.chaos.troubles import Troubles
from tests.support.moved_clock import moved_clock
from tests.support.node import opened_ledger
from tests.support.peers import free_port

SENDERS = 4
DISK_MB, DISK_MB_A_SERIES = 64, 4


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """figures: what happened; wrong: one sentence for each thing that must not be."""

    figures: dict[str, Any]
    wrong: list[str]


@dataclass(frozen=True, kw_only=True)
class Chaos:
    """In a folder of its own. url: of the ledger; None: an SQLite file on the small disk."""

    folder: Path
    url: str | None
    seed: int
    series: int
    wait_seconds: float = 3600

    def run(self) -> Outcome:
        """Raises TimeoutError if the node does not come to rest."""
        began, rng = time.monotonic(), random.Random(self.seed)
        port = free_port()
        peers = [
            Peer(ae_title=title, node_port=port, commits=title == "ARCHIVE")
            for title in ("PACS", "ARCHIVE")
        ]
        todo = [made_series(number, rng) for number in range(self.series)]
        all_series = {str(series[0].SeriesInstanceUID) for series in todo}
        modalities = Modalities(port=port, rng=random.Random(self.seed + 1), todo=todo)
        megabytes = DISK_MB + DISK_MB_A_SERIES * self.series
        with small_disk(self.folder / "disk", megabytes) as disk, moved_clock(self.folder) as clock:
            url = self.url or f"sqlite:///{disk.folder}/ledger.sqlite"
            ledger = BackDoor(url=url, clock=clock)
            for peer in peers:
                peer.start()
            spool = disk.folder / "spool"
            with running_node(
                self.folder, port=port, peers=peers, url=url, spool=spool, clock=clock
            ) as node:
                memory = PeakMemory(node=node)
                troubles = Troubles(
                    rng=rng,
                    node=node,
                    memory=memory,
                    peers=peers,
                    ledger=ledger,
                    disk=disk,
                    clock=clock,
                )
                self._strike(troubles, modalities)
                self._come_to_rest(node.ledger, ledger, all_series)
            for peer in peers:
                peer.stop()
            wrong, events = self._judge(url, disk, modalities, peers, all_series)
        return Outcome(
            figures=self._figures(began, modalities, peers, troubles, memory, events, wrong),
            wrong=wrong,
        )

    def _strike(self, troubles: Troubles, modalities: Modalities) -> None:
        threads = [threading.Thread(target=modalities.send_all) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            troubles.strike()
            time.sleep(troubles.rng.uniform(0.3, 1.5))
        for _ in range(max(12, self.series)):  # results are still being read and sent
            troubles.strike()
            time.sleep(troubles.rng.uniform(0.5, 2))
        troubles.end()

    def _come_to_rest(self, ledger: Ledger, back_door: BackDoor, all_series: set[str]) -> None:
        def comes_to_rest() -> bool:
            back_door.shorten_waits()
            return rests(ledger, all_series)

        until(comes_to_rest, self.wait_seconds, "the node does not come to rest")

    def _judge(
        self, url: str, disk: Disk, modalities: Modalities, peers: list[Peer], all_series: set[str]
    ) -> tuple[list[str], Counter[str]]:
        with opened_ledger(url) as ledger:
            judge = Judge(ledger, Spool(disk.folder / "spool"), modalities.acknowledged, peers)
            wrong = list(judge.wrong(all_series))
            events = Counter(
                event.event
                for job in ledger.operator.list(limit=MOST_JOBS)
                for event in ledger.operator.events(job.id)
            )
        return wrong, events

    def _figures(
        self,
        began: float,
        modalities: Modalities,
        peers: list[Peer],
        troubles: Troubles,
        memory: PeakMemory,
        events: Counter[str],
        wrong: list[str],
    ) -> dict[str, Any]:
        faults = Counter(
            {
                f"{peer.ae_title}: {mood}": count
                for peer in peers
                for mood, count in peer.faults.items()
            }
        )
        return {
            "seed": self.seed,
            "series": self.series,
            "objects acknowledged": len(modalities.acknowledged),
            "results kept": {peer.ae_title: len(peer.kept) for peer in peers},
            "seconds": round(time.monotonic() - began),
            "troubles": dict(sorted({**troubles.figures, **modalities.figures, **faults}.items())),
            "ledger": dict(sorted(events.items())),
            "peak memory, MB": dict(sorted(memory.peaks.items())),
            "wrong": len(wrong),
        }
