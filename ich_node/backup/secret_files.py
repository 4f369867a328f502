"""Keys, certificates and passwords, into a backup and back: for each setting that names a file."""

import re
from pathlib import Path

from ich_node.backup.durable import make_private, write_file
from ich_node.backup.manifest import SECRETS, Manifest, SavedFile
from ich_node.backup.named_files import named_files
from ich_node.config.config import Config
from ich_node.config.users import me

MOST_BYTES = 1 << 20
WITHOUT_SECRETS = "keys, certificates and passwords: left out with --without-keys"


def save_secrets(built: Path, config: Config) -> tuple[list[SavedFile], list[str]]:
    """The files that config.toml names, with a sentence for each that cannot be copied. One that is
    not there was not made yet.
    """
    make_private(built / SECRETS)
    saved: list[SavedFile] = []
    problems = []
    for each in named_files(config):
        try:
            status = each.path.stat()
            if status.st_size > MOST_BYTES:
                problems.append(f"{each.setting}: {each.path} has more than 1 MB")
                continue
            data = each.path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(f"{each.setting}: {each.path}: {error.strerror}")
            continue
        plain = re.sub(r"[^\w.-]", "_", each.path.name, flags=re.ASCII)[:100]
        file = f"{SECRETS}/{len(saved):02d}-{plain}"
        write_file(built / file, data)
        saved.append(
            SavedFile(
                setting=each.setting,
                path=str(each.path),
                file=file,
                mode=status.st_mode & 0o777,
            )
        )
    return saved, problems


def restore_secrets(place: Path, manifest: Manifest, config: Config) -> list[str]:
    """Each to where config.toml names it now; one that is there stays. A sentence for each that was
    written, or could not be. place: of the backup.
    """
    now = {each.setting: each.path for each in named_files(config)}
    sentences = []
    for saved in manifest.secrets:
        path = now.get(saved.setting)
        if path is None:
            sentences.append(f"{saved.setting}: config.toml does not name it; not restored")
            continue
        if path.exists():
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, (place / saved.file).read_bytes())
        except OSError as error:
            sentences.append(
                f"{saved.setting}: cannot make {path}: {error.strerror}; as root:"
                f" install -m 640 -g {me()} {place / saved.file} {path}"
            )
        else:
            sentences.append(f"{saved.setting}: {path}")
    return sentences
