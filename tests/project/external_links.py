"""`make links` asks every address of other sites that the documents link to. No test does: it needs
the Internet.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.support import REPOSITORY

LINK = re.compile(r"\]\((https?://[^)\s]+)\)|<(https?://[^>\s]+)>")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
AT_ONCE = 8
TIMEOUT_SECONDS = 20
GONE = {404, 410}
# Some servers answer a browser, and refuse everybody else.
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) ich-node documentation link check"}


@dataclass(frozen=True, kw_only=True)
class Link:
    """document: its path below the repository."""

    address: str
    document: str
    line: int

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """trouble: what is wrong, in words; None: the page is there. is_gone: the server says so."""

    link: Link
    trouble: str | None
    is_gone: bool = False


def main() -> int:
    """Print what does not answer. Returns the exit status: 1 if a page is gone."""
    documents = sorted(
        {
            *REPOSITORY.glob("*.md"),
            *(REPOSITORY / "docs").glob("*.md"),
            REPOSITORY / "systemd" / "README.md",
            REPOSITORY / "training" / "LOG.md",
        }
    )
    links = list(links_of(documents))
    addresses = {link.address for link in links}
    print(f"{len(links)} links to {len(addresses)} addresses")  # noqa: T201
    answers = asked(links)
    for each in answers:
        if each.trouble:
            words = "GONE" if each.is_gone else "cannot be judged"
            print(f"{words}: {each.link.address} ({each.link.place}): {each.trouble}")  # noqa: T201
    gone = [each for each in answers if each.is_gone]
    troubled = sum(each.trouble is not None for each in answers)
    print(f"{len(answers) - troubled} there, {len(gone)} gone, {troubled - len(gone)} unknown")  # noqa: T201
    return 1 if gone else 0


def links_of(documents: Iterable[Path]) -> Iterator[Link]:
    """Links to other sites, without those in code."""
    for path in documents:
        text = CODE.sub(_blank, path.read_text(encoding="utf-8"))
        name = str(path.relative_to(REPOSITORY)) if path.is_relative_to(REPOSITORY) else path.name
        for match in LINK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield Link(address=match[1] or match[2], document=name, line=line)


def _blank(code: re.Match[str]) -> str:
    return "\n" * code[0].count("\n")


def asked(links: Iterable[Link]) -> list[Asked]:
    """Each address once, in the order of the documents."""
    first = {link.address.partition("#")[0]: link for link in reversed(list(links))}
    with (
        httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=True, headers=BROWSER) as client,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        answers = pool.map(lambda link: _ask(client, link), first.values())
        return sorted(answers, key=lambda each: (each.link.document, each.link.line))


def _ask(client: httpx.Client, link: Link) -> Asked:
    try:
        with client.stream("GET", link.address) as response:
            status = response.status_code
    except httpx.HTTPError as error:
        return Asked(link=link, trouble=f"{urlsplit(link.address).hostname}: {error}")
    if status < 400:
        return Asked(link=link, trouble=None)
    return Asked(link=link, trouble=f"status {status}", is_gone=status in GONE)


if __name__ == "__main__":
    sys.exit(main())
