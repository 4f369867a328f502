"""`make packages-test`: the RPM package with its scripts, by the real rpm under a booted systemd.

The machine is a Debian 12, not a RHEL: whether RHEL has what the package requires, and what SELinux
says, is not tried here.
"""

from tests.packaging.walk import CONFIG_FILE, STATE, Walk, said, told

RPM = ("rpm", "--nodeps", "--force-debian")


def installed(walk: Walk, package: str) -> None:
    printed = walk.run(*RPM, "-i", package)
    assert "nothing runs yet" in printed, printed
    walk.must_have_rights()
    assert walk.states() == ["inactive"] * 4
    assert not walk.run("rpm", "-V", "--nodeps", "ich-node")
    said("installed by rpm; nothing runs yet; every file is as the package says")


def erased(walk: Walk) -> None:
    printed = walk.run(*RPM, "-e", "ich-node")
    assert "stay" in printed, printed
    assert walk.states() == ["inactive"] * 4
    assert not walk.shell("ls -d /opt/ich-node /usr/bin/ich-node 2>/dev/null", check=False)
    assert "edited by the admin" in walk.run("cat", f"{CONFIG_FILE}.rpmsave")
    assert "ich-node.sqlite" in walk.run("ls", f"{STATE}/var")
    said("erased: the program is gone; data and the changed configuration are there")


def story(walk: Walk, package: str, newer: str) -> None:
    installed(walk, package)
    walk.start()
    walk.read(1)
    walk.upgrade(*RPM, "-U", newer)
    walk.read(2)
    walk.upgrade_stopped(*RPM, "-U", "--oldpackage", package)
    erased(walk)


if __name__ == "__main__":
    told("rpm", ["python3", "rpm"], story)
