"""The Debian and RPM packages: what is in them, whose it is, and what their scripts do at which
time. Built of a program of two files; `make packages-test` installs the real ones.
"""

import itertools
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ich_node.config.load import load_config
from tests.support import REPOSITORY
from tests.support.peers import need

FOLDER = REPOSITORY / "packaging" / "nfpm"
sys.path.append(str(FOLDER))

import packages as built  # noqa: E402
import program  # noqa: E402

DEBIAN, RHEL = built.DISTRIBUTIONS
UNITS = [path.name for path in (REPOSITORY / "systemd").glob("ich-node*.*")]


def run(*command: str | Path) -> str:
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wheel") / "ich_node-1.4rc2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file in [REPOSITORY / "config.toml", *(REPOSITORY / "systemd").iterdir()]:
            name = file.relative_to(REPOSITORY)
            archive.write(file, f"ich_node/shipped/{name}")
        for name in ("LICENSE", "NOTICE"):
            archive.write(REPOSITORY / name, f"ich_node-1.4rc2.dist-info/licenses/{name}")
    return path


@pytest.fixture(scope="module")
def packages(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both, by the name of their packager."""
    folder = tmp_path_factory.mktemp("packages")
    binaries = folder / "tree/opt/ich-node/bin"
    binaries.mkdir(parents=True)
    (binaries / "ich-node").write_text("#!/bin/sh\n")
    (binaries / "ich-node").chmod(0o755)
    (binaries / "python3").symlink_to("/usr/bin/python3.11")
    built.stage(wheel, folder / "tree", FOLDER / "config.toml")
    return {
        each.packager: built.pack(wheel, folder / "tree", each, folder / "out")
        for each in built.DISTRIBUTIONS
    }


def listing(package: Path) -> Iterator[tuple[str, str, str]]:
    """Mode as ls prints it, owner, path."""
    if package.suffix == ".deb":
        for line in run(need("dpkg-deb"), "-c", package).splitlines():
            mode, owner, _, _, _, path = line.split(maxsplit=5)
            yield mode, owner, path.removeprefix(".").rstrip("/").partition(" -> ")[0]
    else:
        form = "[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILENAMES}\n]"
        for line in run(need("rpm"), "-qp", "--queryformat", form, package).splitlines():
            mode, owner, path = line.split(maxsplit=2)
            yield mode, owner, path


@pytest.mark.parametrize("packager", ["deb", "rpm"])
def test_what_is_in_a_package(packages: dict[str, Path], packager: str) -> None:
    found = {path: (mode, owner) for mode, owner, path in listing(packages[packager])}

    assert found["/usr/bin/ich-node"] == ("-rwxr-xr-x", "root/root")
    assert found["/opt/ich-node/bin/ich-node"] == ("-rwxr-xr-x", "root/root")
    assert found["/opt/ich-node/bin/python3"][0].startswith("l")
    assert found["/etc/ich-node/config.toml"] == ("-rw-r-----", "root/ich-node")
    for unit in UNITS:
        assert found[f"/usr/lib/systemd/system/{unit}"] == ("-rw-r--r--", "root/root")
    assert "/usr/share/doc/ich-node/copyright" in found
    assert "/usr/share/doc/ich-node/config.toml" in found
    if packager == "rpm":  # its folders belong to others, with rights of their own
        assert not found.keys() & {"/usr", "/usr/bin", "/etc", "/opt", "/usr/lib/systemd/system"}


def test_what_debian_needs_for_it(packages: dict[str, Path]) -> None:
    def field(name: str) -> str:
        return run(need("dpkg-deb"), "-f", packages["deb"], name).strip()

    assert packages["deb"].name == "ich-node_1.4~rc2-1~debian12_amd64.deb"
    assert field("Version") == "1.4~rc2-1~debian12"
    assert "python3 (>= 3.11), python3 (<< 3.12)" in field("Depends")
    assert "$" not in field("Depends")
    conffiles = run(need("dpkg-deb"), "-I", packages["deb"], "conffiles")
    assert conffiles.split() == ["/etc/ich-node/config.toml"]
    for script in ("preinst", "postinst", "prerm", "postrm"):
        packed = run(need("dpkg-deb"), "-I", packages["deb"], script)
        assert packed == (FOLDER / "deb" / script).read_text()


def test_what_rhel_needs_for_it(packages: dict[str, Path]) -> None:
    def query(*what: str) -> str:
        return run(need("rpm"), "-qp", *what, packages["rpm"])

    assert packages["rpm"].name == "ich-node-1.4~rc2-1.el9.x86_64.rpm"
    assert query("--queryformat", "%{VERSION} %{RELEASE}") == "1.4~rc2 1.el9"
    assert {"python3.11", "systemd", "glibc >= 2.28"} <= set(query("--requires").splitlines())
    assert query("--configfiles").split() == ["/etc/ich-node/config.toml"]
    flags = query("--queryformat", "[%{FILEFLAGS:fflags} %{FILENAMES}\n]")
    assert "cn /etc/ich-node/config.toml" in flags  # config, noreplace
    scripts = query("--scripts")
    for script in ("pre", "post", "preun", "postun", "posttrans"):
        assert (FOLDER / "rpm" / script).read_text().strip() in scripts


@pytest.mark.parametrize(
    ("wheel_version", "package_version"),
    [
        ("0.2.0", "0.2.0"),
        ("0.2.0rc1", "0.2.0~rc1"),
        ("0.2.0b2", "0.2.0~b2"),
        ("0.2.0.dev7+g1a2b3c", "0.2.0~dev7+g1a2b3c"),
        ("0.2.0rc1.dev3", "0.2.0~rc1~dev3"),
        ("0.2.0.post1", "0.2.0.post1"),
    ],
)
def test_versions(wheel_version: str, package_version: str) -> None:
    wheel = Path(f"ich_node-{wheel_version}-py3-none-any.whl")
    assert built.version_of(wheel) == package_version


def test_versions_are_ordered_by_dpkg_as_by_pip() -> None:
    ordered = ["0.1.0", "0.2.0.dev7+g1a2b", "0.2.0rc1.dev3", "0.2.0rc1", "0.2.0", "0.2.0.post1"]
    names = [built.version_of(Path(f"ich_node-{each}-py3.whl")) for each in ordered]
    for before, after in itertools.pairwise(names):
        for release in {each.release for each in built.DISTRIBUTIONS}:
            run(
                need("dpkg"),
                "--compare-versions",
                f"{before}-{release}",
                "lt",
                f"{after}-{release}",
            )


@pytest.mark.parametrize(
    "script",
    [path for kind in ("deb", "rpm") for path in sorted((FOLDER / kind).iterdir())],
    ids=lambda path: f"{path.parent.name}-{path.name}",
)
def test_the_scripts_are_shell_of_every_kind(script: Path) -> None:
    run("/bin/sh", "-n", script)
    run(need("shellcheck"), "--shell=sh", script)


def test_the_first_configuration_is_one() -> None:
    """As it is, and with its examples."""
    assert load_config(FOLDER / "config.toml").config.sources == ()


def test_its_examples_are_a_configuration(tmp_path: Path) -> None:
    text = (FOLDER / "config.toml").read_text()
    examples = tmp_path / "config.toml"
    examples.write_text(re.sub(r"(?m)^# (?=\[|\w+ = )", "", text))
    config = load_config(examples).config
    assert [each.ae_title for each in config.sources] == ["PACS"]
    assert [each.name for each in config.destinations] == ["pacs"]
    assert config.scp.ae_title == "ICHNODE"


def test_user_and_folders_are_those_of_the_units() -> None:
    unit = (REPOSITORY / "systemd" / "ich-node-receive.service").read_text()
    user = re.search(r"^User=(.*)$", unit, re.M)
    state = re.search(r"^StateDirectory=(.*)$", unit, re.M)
    assert user
    assert state
    assert f"u {user[1]} " in (FOLDER / "sysusers.conf").read_text()
    folders = (FOLDER / "tmpfiles.conf").read_text()
    assert f"d /var/lib/{state[1]} 0700 {user[1]} {user[1]}" in folders
    assert f"{program.PREFIX}/bin/ich-node" in unit


def test_what_is_left_out_has_a_reason_and_no_pattern_twice() -> None:
    lists = tomllib.loads((FOLDER / "left_out.toml").read_text())
    entries = [*lists["left_out"], *lists["stripped"]]
    patterns = [pattern for entry in entries for pattern in entry["what"]]
    assert len(patterns) == len(set(patterns))
    assert all(entry["why"] for entry in entries)


def test_a_list_that_no_longer_fits_says_so(tmp_path: Path) -> None:
    with pytest.raises(program.PackageError, match=r"nothing matches 'torch/include' any more"):
        list(program._leave_out(tmp_path))


def test_a_tree_that_names_its_folder_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "fine").write_text("#!/opt/ich-node/bin/python3\n")
    program._must_name_no_path_of(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").write_text(f"#!{tmp_path}/bin/python3\n")
    with pytest.raises(program.PackageError, match="tool names the folder"):
        program._must_name_no_path_of(tmp_path)
