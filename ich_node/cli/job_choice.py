"""Which jobs an operator means: by the number in `jobs list`, a series UID or its end, a study UID,
or an accession number.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from ich_node.errors import ConfigError

if TYPE_CHECKING:  # SQLAlchemy, which `--help` must not wait for
    from ich_node.ledger import Job, Ledger, SearchKey

WORDS = (
    "A number of `jobs list`, a series UID or the end of one, a study UID, or an accession number."
)
LONGEST_NUMBER = 18
SHORTEST_END = 8


def job_ids(context: typer.Context, words: Sequence[str]) -> list[int]:
    """One job for each word. Of a series that came in several revisions the newest is meant.

    Raises ConfigError for a word that names no job, or several.
    """
    ledger = context.obj.existing_ledger()
    key = ledger.search_keys.for_looking(context.obj.config.database.search_key)
    return list(dict.fromkeys(_one(ledger, key, word).id for word in words))


def jobs_of(ledger: "Ledger", key: "SearchKey | None", word: str) -> list["Job"]:
    """All jobs that the word names. Raises ConfigError if there is none, or if the word can be
    understood in two ways.

    `job=`, `accession=` and `uid=` before it say how it is meant.
    """
    kind, equals, value = word.partition("=")
    if equals and kind.lower() in ("job", "accession", "uid"):
        found = {
            "job": _by_number,
            "accession": _by_accession,
            "uid": _by_uid,
        }[kind.lower()](ledger, key, value)
    else:
        found = _by_any(ledger, key, word.strip())
    if not found:
        raise ConfigError(_not_found(ledger, key, word))
    return found


def _one(ledger: "Ledger", key: "SearchKey | None", word: str) -> "Job":
    found = jobs_of(ledger, key, word)
    if len(found) == 1:
        return found[0]
    which = ", ".join(f"{job.id} ({_outcome(job)})" for job in found)
    raise ConfigError(f"'{word}' names {len(found)} jobs; give the number of one: {which}")


def _by_any(ledger: "Ledger", key: "SearchKey | None", word: str) -> list["Job"]:
    if word.startswith(("…", "..")):
        return _by_uid(ledger, key, word)
    numbered = _by_number(ledger, key, word)
    of_accession = _by_accession(ledger, key, word)
    others = [job for job in of_accession if job not in numbered]
    if numbered and others:
        raise ConfigError(
            f"{word} is the number of a job, and the accession number of job"
            f" {', '.join(str(job.id) for job in others)}; write job={word} or accession={word}"
        )
    return numbered or of_accession or _by_uid(ledger, key, word)


def _by_number(ledger: "Ledger", _: "SearchKey | None", word: str) -> list["Job"]:
    if not (word.isascii() and word.isdigit() and len(word) <= LONGEST_NUMBER):
        return []
    job = ledger.operator.get(int(word))
    return [] if job is None else [job]


def _by_accession(ledger: "Ledger", key: "SearchKey | None", word: str) -> list["Job"]:
    term = None if key is None else key.accession(word)
    return [] if term is None else ledger.searching.by_accession(term)


def _by_uid(ledger: "Ledger", _: "SearchKey | None", word: str) -> list["Job"]:
    uid = word.strip().lstrip("….") if word.startswith(("…", "..")) else word.strip()
    return ledger.searching.by_uid(uid) if uid else []


def _not_found(ledger: "Ledger", key: "SearchKey | None", word: str) -> str:
    newest = ledger.searching.newest_id()
    if newest is None:
        return f"there is no job '{word}': nothing was received yet"
    sentence = (
        f"there is no job '{word}': it is no number (up to {newest}), accession number or UID"
    )
    if 0 < len(word.strip("….")) < SHORTEST_END and not word.isdigit():
        sentence += f"; of a UID give the last {SHORTEST_END} characters or more"
    if key is None or ledger.searching.has_jobs_without_search_terms():
        sentence += (
            "; series that were received before this version was installed cannot be found by"
            " their accession number"
        )
    return f"{sentence}; `ich-node jobs list` shows what there is"


def _outcome(job: "Job") -> str:
    answer = job.answer.replace("_", " ") if job.answer else ""
    return ", ".join(filter(None, (job.state.words, answer)))
