"""The tree /opt/ich-node of the packages: a virtual environment with the wheel and what it needs.

It is made in another folder and belongs to another machine, so nothing in it may name a path of
this one: links and first lines say /usr/bin and /opt/ich-node.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PREFIX = Path("/opt/ich-node")
HERE = Path(__file__).parent
EXTRAS = ("openvino", "postgresql", "apprise", "training", "plots")
PYTHON_CACHE = "__pycache__"


class PackageError(Exception):
    """The packages cannot be built; the message says why and what to do."""


@dataclass(frozen=True)
class Group:
    """What goes by one reason of left_out.toml. bytes: what it saves."""

    what: tuple[str, ...]
    why: str
    bytes: int


@dataclass(frozen=True)
class Program:
    """The made tree. python: "3.11". left_out, stripped: with what each saved."""

    root: Path
    python: str
    packages: Path
    left_out: tuple[Group, ...]
    stripped: tuple[Group, ...]


def make(wheel: Path, root: Path, *, python: str, constraints: Path, torch_index: str) -> Program:
    """root: becomes the tree; PREFIX stands for it on the machines that it goes to.

    python: a command of the version that those machines have. torch_index: where torch without
    CUDA is, should pip's own indices not have it. Raises PackageError.
    """
    version = _asked(python, "import sys; print('%d.%d' % sys.version_info[:2])")
    if root.exists():
        shutil.rmtree(root)
    _called([python, "-m", "venv", "--without-pip", "--symlinks", str(root)])
    packages = root / "lib" / f"python{version}" / "site-packages"
    _install(wheel, root, constraints, torch_index)
    _must_be_without_cuda(packages)
    _as_if_made_there(root, packages, version)
    left_out = tuple(_leave_out(packages))
    stripped = tuple(_strip(packages))
    _compile(root, packages, python)
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    _must_name_no_path_of(root)
    return Program(root, version, packages, left_out, stripped)


def _install(wheel: Path, root: Path, constraints: Path, torch_index: str) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(root / "bin" / "python"), "install"]
    options = ["--quiet", "--disable-pip-version-check", "--no-compile", "-c", str(constraints)]
    # Only "+cpu" says that a torch is without CUDA; the site's own index or wheels may have it.
    report = subprocess.run(
        [*pip, *options, "--dry-run", "--no-deps", "--report", "-", "torch"],
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(report.stdout)["install"] if report.returncode == 0 else []
    if not any(each["metadata"]["version"].endswith("+cpu") for each in found):
        options += ["--extra-index-url", torch_index]
    _called([*pip, *options, f"{wheel}[{','.join(EXTRAS)}]"])


def _must_be_without_cuda(packages: Path) -> None:
    unwanted = [path.name for path in packages.iterdir() if path.name.split("-")[0] == "triton"]
    if unwanted or (packages / "nvidia").is_dir():
        raise PackageError(
            "pip took torch with CUDA, which is 5 GB: give an index that has torch without,"
            " e.g. TORCH_INDEX=https://download.pytorch.org/whl/cpu"
        )


def _as_if_made_there(root: Path, packages: Path, version: str) -> None:
    """Replace what names the place where the tree was made."""
    (root / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}\n"
    )
    binaries = root / "bin"
    for path in binaries.iterdir():
        path.unlink()
    (binaries / "python3").symlink_to(f"/usr/bin/python{version}")
    (binaries / "python").symlink_to("python3")
    (binaries / "ich-node").write_text(
        f"#!{PREFIX}/bin/python3 -I\n"
        "import sys\n\nfrom ich_node.__main__ import main\n\nsys.exit(main())\n"
    )
    (binaries / "ich-node").chmod(0o755)
    for folder in ("include", "share", "etc"):
        shutil.rmtree(root / folder, ignore_errors=True)
    (root / "lib64").unlink(missing_ok=True)
    for path in packages.glob("*.dist-info/direct_url.json"):
        path.unlink()


def _groups(kind: str) -> Iterator[tuple[tuple[str, ...], str]]:
    for entry in tomllib.loads((HERE / "left_out.toml").read_text())[kind]:
        yield tuple(entry["what"]), entry["why"]


def _matches(packages: Path, patterns: Sequence[str]) -> Iterator[Path]:
    for pattern in patterns:
        found = sorted(packages.glob(pattern))
        if not found:
            raise PackageError(
                f"{HERE / 'left_out.toml'}: nothing matches {pattern!r} any more; a library has"
                " changed: look at what takes its place, and mend the list"
            )
        yield from found


def _leave_out(packages: Path) -> Iterator[Group]:
    for what, why in _groups("left_out"):
        saved = 0
        for path in _matches(packages, what):
            if not path.exists():  # went with its folder
                continue
            saved += size(path)
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        yield Group(what, why, saved)


def _strip(packages: Path) -> Iterator[Group]:
    for what, why in _groups("stripped"):
        saved = 0
        for path in _matches(packages, what):
            before = size(path)
            _called(["strip", "--strip-unneeded", str(path)])
            saved += before - size(path)
        yield Group(what, why, saved)


def _compile(root: Path, packages: Path, python: str) -> None:
    """With the bytecode beside it, which nobody may write in there later. It holds however the
    package manager sets the times of the files (PEP 552).
    """
    where = ["-s", str(root), "-p", str(PREFIX)]
    options = ["-q", "-q", "-j", "2", "--invalidation-mode", "unchecked-hash"]
    done = [python, "-m", "compileall", *options, *where, str(packages)]
    subprocess.run(done, check=False)  # 1: libraries carry templates that are not Python
    if not (packages / "ich_node" / PYTHON_CACHE).is_dir():
        raise PackageError(f"{python} -m compileall wrote no bytecode of ich_node")


def _must_name_no_path_of(root: Path) -> None:
    """Fail if a file or link in there names the folder in which it was made."""
    made_in = str(root).encode()
    for path in root.rglob("*"):
        named = os.readlink(path).encode() if path.is_symlink() else b""
        if not path.is_symlink() and path.is_file():
            named = path.read_bytes()
        if made_in in named:
            raise PackageError(f"{path} names the folder in which it was made")


def size(path: Path) -> int:
    """Bytes of the files in it; of a file, its own."""
    if not path.is_dir() or path.is_symlink():
        return path.lstat().st_size
    return sum(each.lstat().st_size for each in path.rglob("*") if not each.is_dir())


def _called(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PackageError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")


def _asked(python: str, what: str) -> str:
    try:
        done = subprocess.run([python, "-c", what], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise PackageError(f"{python} does not run; which Python shall they need?") from error
    return done.stdout.strip()
