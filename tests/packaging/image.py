"""Executes a Containerfile without a container engine: each stage in a root folder of its own, each
RUN by chroot, in the order of the file. It reads the instructions from the file, so what it proves
is proved of that file.

    python -m tests.packaging.image BASE OUT [--build-arg NAME=VALUE]

BASE: the root folder that stands for the image of the first FROM (debootstrap makes one). OUT gets
`rootfs` and `image.json`. RUN sees this host's network, and where its pip looks for packages. Needs
root. Not done: layers, users of RUN, ADD, ONBUILD, SHELL: an instruction that is not known here is
an error.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.support import REPOSITORY

CONTAINERFILE = REPOSITORY / "packaging" / "container" / "Containerfile"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CERTIFICATES = "/build-certificates.pem"  # those of the image are being installed
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}|\$(\w+)")


@dataclass(frozen=True)
class Instruction:
    """line: where it begins in the file."""

    line: int
    name: str
    rest: str


@dataclass
class Stage:
    """What an image says of its containers, beside its files."""

    name: str = ""
    folder: str = ""
    arguments: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    labels: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = ""
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    stop_signal: str = ""


def instructions(text: str) -> Iterator[Instruction]:
    """Comments and continued lines as a builder understands them."""
    began, words = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or not line.strip():
            continue
        began = began or number
        words += line.removesuffix("\\") if line.endswith("\\") else line
        if line.endswith("\\"):
            continue
        name, _, rest = words.strip().partition(" ")
        yield Instruction(began, name.upper(), rest.strip())
        began, words = 0, ""


def expanded(text: str, values: Mapping[str, str]) -> str:
    """$NAME, ${NAME}, ${NAME:-DEFAULT}; unknown names are empty."""
    return VARIABLE.sub(
        lambda found: values.get(found[1] or found[3] or "", "") or found[2] or "", text
    )


class Builder:
    """build_arguments: as of --build-arg. binds: host folders that RUN sees, and the image has not:
    a resolver, pip's configuration.
    """

    def __init__(
        self,
        *,
        base: Path,
        out: Path,
        build_arguments: Mapping[str, str],
        binds: Sequence[str] = (),
        context: Path = REPOSITORY,
    ) -> None:
        self._base, self._out, self._context = base, out, context
        self._given, self._binds = dict(build_arguments), binds
        self._before_from: dict[str, str] = {}
        self._stages: list[Stage] = []
        self.unused = set(build_arguments)

    def build(self, text: str) -> Stage:
        """Raises CalledProcessError if a RUN fails, ValueError for what is not known here."""
        for step in instructions(text):
            sys.stdout.write(f"{step.line}: {step.name} {step.rest[:100]}\n")
            sys.stdout.flush()
            self._step(step)
        if self.unused:
            raise ValueError(f"no ARG takes the build argument {', '.join(sorted(self.unused))}")
        final = self._stages[-1]
        (self._out / "image.json").write_text(json.dumps(asdict(final), indent=1))
        if (self._out / "rootfs").exists():
            shutil.rmtree(self._out / "rootfs")
        Path(final.folder).rename(self._out / "rootfs")
        return final

    def _step(self, step: Instruction) -> None:
        if step.name == "FROM":
            self._begin(step.rest)
            return
        if step.name == "ARG":
            self._argument(step.rest)
            return
        stage = self._stages[-1]
        values = {**stage.arguments, **stage.environment}
        rest = step.rest if step.name == "RUN" else expanded(step.rest, values)
        match step.name:
            case "RUN":
                self._run(stage, rest)
            case "COPY":
                self._copy(stage, shlex.split(rest))
            case "ENV":
                stage.environment |= dict(word.split("=", 1) for word in shlex.split(rest))
            case "LABEL":
                stage.labels |= dict(word.split("=", 1) for word in shlex.split(rest))
            case "WORKDIR":
                stage.workdir = rest
                (Path(stage.folder) / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "USER":
                stage.user = rest
            case "ENTRYPOINT":
                stage.entrypoint = json.loads(rest)
            case "CMD":
                stage.command = json.loads(rest)
            case "HEALTHCHECK":
                stage.healthcheck = json.loads(rest.partition("CMD ")[2])
            case "VOLUME":
                stage.volumes += json.loads(rest)
            case "EXPOSE":
                stage.ports += rest.split()
            case "STOPSIGNAL":
                stage.stop_signal = rest
            case _:
                raise ValueError(f"line {step.line}: {step.name} is not known here")

    def _begin(self, rest: str) -> None:
        image, _, name = expanded(rest, self._before_from).partition(" AS ")
        before = next((stage for stage in self._stages if stage.name == image), None)
        source = Path(before.folder) if before else self._base
        folder = self._out / f"stage-{len(self._stages)}"
        shutil.rmtree(folder, ignore_errors=True)
        self._out.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(folder)], check=True)
        environment = dict(before.environment) if before else {"PATH": PATH}
        self._stages.append(Stage(name=name, folder=str(folder), environment=environment))

    def _argument(self, rest: str) -> None:
        name, _, default = rest.partition("=")
        known = self._stages[-1].arguments if self._stages else self._before_from
        known[name] = self._given.get(name, default or self._before_from.get(name, ""))
        self.unused.discard(name)

    def _run(self, stage: Stage, command: str) -> None:
        root = Path(stage.folder)
        mounts = [
            f"mount --rbind {shlex.quote(place)} {shlex.quote(str(root / inside.lstrip('/')))}"
            for place, _, inside in (bind.partition(":") for bind in self._binds)
        ]
        made = [root / bind.partition(":")[2].lstrip("/") for bind in self._binds]
        new = [path for path in made if not path.exists()]
        for path, bind in zip(made, self._binds, strict=True):
            is_folder = Path(bind.partition(":")[0]).is_dir()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(exist_ok=True) if is_folder else path.touch()
        script = "\n".join(
            [
                "set -e",
                f"mount -t proc proc {shlex.quote(str(root / 'proc'))}",
                f"mount --rbind /dev {shlex.quote(str(root / 'dev'))}",
                *mounts,
                f'exec chroot {shlex.quote(str(root))} /bin/sh -c "cd {stage.workdir} && exec'
                ' /bin/sh -c \\"\\$0\\"" "$0"',
            ]
        )
        variables = {**self._given_environment(), **stage.arguments, **stage.environment}
        subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "sh", "-c", script, command],
            env=variables,
            check=True,
        )
        for path in new:
            path.rmdir() if path.is_dir() else path.unlink()

    def _given_environment(self) -> dict[str, str]:
        """How this host's pip and apt find their registries."""
        kept = ("PIP_", "http_proxy", "https_proxy", "no_proxy")
        found = {name: value for name, value in os.environ.items() if name.startswith(kept)}
        if "PIP_CERT" in found:
            found["PIP_CERT"] = CERTIFICATES
        return {"DEBIAN_FRONTEND": "noninteractive", **found}

    def _copy(self, stage: Stage, words: list[str]) -> None:
        source = self._context
        if words[0].startswith("--from="):
            name = words.pop(0).removeprefix("--from=")
            source = Path(next(each for each in self._stages if each.name == name).folder)
        *froms, to = words
        target = Path(stage.folder) / to.lstrip("/")
        for pattern in froms:
            found = sorted(source.glob(pattern.lstrip("/")))
            if not found:
                raise ValueError(f"COPY {pattern}: there is none in {source}")
            for each in found:
                into = target / each.name if to.endswith("/") else target
                into.parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(["cp", "-a", str(each), str(into)], check=True)


def host_binds() -> list[str]:
    """The resolver, and what pip's configuration of this host names: files, and folders of wheels
    and indexes.
    """
    found = {"/etc/resolv.conf": "/etc/resolv.conf"}
    places = {
        Path("/etc/pip.conf"): "/etc/pip.conf",
        Path.home() / ".config/pip/pip.conf": "/etc/xdg/pip/pip.conf",
    }
    found |= {str(path): inside for path, inside in places.items() if path.exists()}
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    for word in re.findall(r"(?<=[\s'=])(?:file://)?(/[^\s']+)", listed.stdout.replace("\\n", " ")):
        path = Path(word)
        folder = path.parent if path.name == "simple" else path  # an index points beside itself
        if folder.is_dir():
            found[str(folder)] = str(folder)
    if certificates := os.environ.get("PIP_CERT"):
        found[certificates] = CERTIFICATES
    return [f"{host}:{inside}" for host, inside in found.items()]


def main(given: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.packaging.image")
    parser.add_argument("base", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args(given)
    builder = Builder(
        base=asked.base.absolute(),
        out=asked.out.absolute(),
        build_arguments=dict(each.split("=", 1) for each in asked.build_arg),
        binds=host_binds(),
    )
    builder.build(CONTAINERFILE.read_text())


if __name__ == "__main__":
    main(sys.argv[1:])
