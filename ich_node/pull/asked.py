"""What an operator asks for: days, accession numbers or one study."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from ich_node.dicom.legal_uid import is_legal_uid
from ich_node.errors import ConfigError

MOST_DAYS = 366
MOST_LINES = 10_000
MOST_CHARACTERS = 64
# In a query they mean any characters, or several values (PS3.4 C.2.2.2).
WILDCARDS = "*?\\"


@dataclass(frozen=True, kw_only=True)
class Day:
    """Studies of one day."""

    day: date

    @property
    def words(self) -> str:
        return self.day.isoformat()


@dataclass(frozen=True, kw_only=True)
class Accession:
    """The study with this accession number, which stands on a line of the operator's file. It is
    never printed: the line is.
    """

    line: int
    number: str

    @property
    def words(self) -> str:
        return f"line {self.line}"


@dataclass(frozen=True, kw_only=True)
class OneStudy:
    """The study with this UID."""

    uid: str

    @property
    def words(self) -> str:
        return f"study {self.uid}"


Asked = Day | Accession | OneStudy


def days(since: datetime, until: datetime) -> list[Asked]:
    """Each calendar day between two local times. Day by day, a source that limits its answers is
    less likely to leave something out. Raises ConfigError.
    """
    first, last = since.astimezone().date(), until.astimezone().date()
    if first > last:
        raise ConfigError(f"--since {first} is after --until {last}: exchange them")
    count = (last - first).days + 1
    if count > MOST_DAYS:
        raise ConfigError(f"--since {first} --until {last}: {count} days; at most {MOST_DAYS}")
    return [Day(day=first + timedelta(days=number)) for number in range(count)]


def accessions(path: Path) -> list[Asked]:
    """One accession number a line; `#` begins a comment. Raises ConfigError, which names the line
    and not what stands there.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(
            f"--accessions {path}: this is no text file in UTF-8 (a spreadsheet? export it as CSV"
            " with one column)"
        ) from None
    except OSError as error:
        raise ConfigError(f"--accessions: cannot read {path}: {error.strerror}") from error
    lines: dict[str, int] = {}
    for line, written in enumerate(text.splitlines(), start=1):
        number = written.partition("#")[0].strip().strip('"').strip()
        if not number:
            continue
        if len(number) > MOST_CHARACTERS or not number.isprintable():
            raise ConfigError(f"--accessions {path}, line {line}: this is no accession number")
        if any(character in WILDCARDS for character in number):
            raise ConfigError(
                f"--accessions {path}, line {line}: an accession number has no * ? or backslash;"
                " write each number out"
            )
        lines.setdefault(number, line)
    if not lines:
        raise ConfigError(f"--accessions {path}: there is no accession number in it, one a line")
    if len(lines) > MOST_LINES:
        raise ConfigError(f"--accessions {path}: {len(lines)} numbers; at most {MOST_LINES}")
    return [Accession(line=line, number=number) for number, line in lines.items()]


def one_study(uid: str) -> list[Asked]:
    """Raises ConfigError."""
    if not is_legal_uid(uid.strip()):
        raise ConfigError(
            "--study: not a Study Instance UID (digits and dots, at most 64); accession numbers go"
            " into a file: --accessions FILE"
        )
    return [OneStudy(uid=uid.strip())]
