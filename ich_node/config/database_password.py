"""[database] password_file: the password of the ledger's user comes from a file, and not from the
URL: a secret of Docker, Podman or Kubernetes, or a credential of systemd.
"""

from pathlib import Path
from urllib.parse import quote

from ich_node.config.secret_files import require_private
from ich_node.errors import ConfigError

SETTING = "[database] password_file"


def with_password(url: str, path: Path | None) -> str:
    """The URL with the password in the file; None: as it is. Raises ConfigError."""
    if path is None:
        return url
    scheme, _, rest = url.partition("://")
    user, at, place = rest.partition("@")
    if scheme.startswith("sqlite"):
        raise ConfigError(f"{SETTING}: SQLite has no passwords; set [database] url, or remove it")
    if not user or not at or "/" in user:
        raise ConfigError(
            f"{SETTING}: [database] url names no user: write {scheme}://USER@HOST/..."
        )
    if ":" in user:
        raise ConfigError(f"{SETTING}: [database] url has a password, too; remove one of them")
    try:
        password = path.read_text(encoding="utf-8").rstrip("\r\n")
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(f"{SETTING}: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{SETTING}: {path} is not text in UTF-8") from error
    require_private(path, mode, setting=SETTING)
    if not password:
        raise ConfigError(f"{SETTING}: {path} is empty")
    return f"{scheme}://{user}:{quote(password, safe='')}@{place}"
