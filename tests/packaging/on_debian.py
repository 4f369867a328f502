"""`make packages-test`: the Debian package through its years, on an empty Debian 12 with its own
systemd. Each step is asserted and told; the first that does not hold ends it with exit code 1.
"""

from tests.packaging.walk import CONFIG_FILE, STATE, Walk, said, told

APT = ("apt-get", "-y")


def installed(walk: Walk, package: str) -> None:
    printed = walk.run(*APT, "install", package)
    assert "nothing runs yet" in printed, printed
    walk.must_have_rights()
    assert walk.states() == ["inactive"] * 4
    assert not walk.run("dpkg", "--verify", "ich-node")
    said("installed by apt-get from one file, without network; nothing runs yet")


def beside_install_service(walk: Walk, package: str) -> None:
    """Units in /etc would hide those of the package, and its program would be overwritten."""
    unit = "/etc/systemd/system/ich-node-receive.service"
    walk.run("touch", unit)
    done = walk.machine.run(*APT, "install", package, check=False)
    assert done.returncode != 0, done.stdout
    assert "uninstall-service --apply" in done.stdout, done.stdout
    assert not walk.shell("ls -d /opt/ich-node 2>/dev/null", check=False)
    walk.run("rm", unit)
    said("refused where install-service has installed it, with what to do; nothing was changed")


def removed(walk: Walk) -> None:
    printed = walk.run(*APT, "remove", "ich-node")
    assert "stay as they are" in printed, printed
    assert walk.states() == ["inactive"] * 4
    left = walk.shell(
        f"ls -d /opt/ich-node /usr/bin/ich-node 2>/dev/null; ls {STATE}/var", check=False
    )
    assert "/opt/ich-node" not in left, left
    assert "ich-node.sqlite" in left, left
    assert "edited by the admin" in walk.run("cat", CONFIG_FILE)
    said("removed: the program is gone; data and configuration are there")


def installed_again(walk: Walk, package: str) -> None:
    before = walk.kept()
    walk.run(*APT, "install", package)
    walk.wait_for_services()
    assert walk.kept() == before
    assert walk.jobs() > 0
    said("installed again: it runs as before, with its data")


def purged(walk: Walk) -> None:
    printed = walk.run(*APT, "purge", "ich-node")
    assert f"keeps {STATE}" in printed, printed
    assert not walk.shell("ls -d /etc/ich-node 2>/dev/null", check=False)
    assert "ich-node.sqlite" in walk.run("ls", f"{STATE}/var")
    walk.run("sh", "-c", f"rm -r {STATE} && userdel ich-node")  # as it has said
    assert not walk.shell("systemctl list-unit-files --no-legend 'ich-node*'", check=False)
    left = walk.shell(
        "find /etc /usr /opt /var -name '*ich-node*' ! -path '*/systemd/*' 2>/dev/null", check=False
    )
    assert not left, left
    said("purged: configuration and keys are gone; the data stayed until it was removed by hand")


def story(walk: Walk, package: str, newer: str) -> None:
    beside_install_service(walk, package)
    installed(walk, package)
    walk.check_the_program()
    walk.start()
    walk.read(1)
    walk.upgrade("dpkg", "-i", newer)
    walk.read(2)
    walk.upgrade_stopped("dpkg", "-i", package)
    removed(walk)
    installed_again(walk, newer)
    walk.read(3)
    purged(walk)


if __name__ == "__main__":
    told("deb", ["python3"], story)
