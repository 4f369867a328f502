"""Files at rest."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from ich_node.errors import ConfigError, SpoolFull
from ich_node.spool import Spool

DATA = b"DICM" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


def files(spool):
    return sorted(
        str(path.relative_to(spool._root)) for path in spool._root.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize(
    "chunks", [DATA, [DATA], (DATA[:7], b"", DATA[7:]), iter([DATA[:1], DATA[1:]])]
)
def test_put_and_read(spool, chunks):
    """Bytes, whole or in pieces, come back as they were, under a name that is their hash."""
    stored = spool.put(chunks)
    assert (stored.path, stored.sha256, stored.size_bytes, stored.is_new) == (
        f"objects/{SHA256[:2]}/{SHA256}.dcm", SHA256, len(DATA), True,
    )  # fmt: skip
    assert spool.read(stored.path) == DATA
    assert spool.absolute(stored.path).read_bytes() == DATA
    assert files(spool) == [stored.path]


def test_same_bytes_again(spool):
    """The same bytes are kept once; the file stays and its time is set to now."""
    stored = spool.put(DATA)
    os.utime(spool.absolute(stored.path), (0, 0))
    before = spool.absolute(stored.path).stat()
    again = spool.put(DATA)
    after = spool.absolute(stored.path).stat()
    assert (again.path, again.is_new) == (stored.path, False)
    assert after.st_ino == before.st_ino
    assert after.st_mtime > before.st_mtime
    assert files(spool) == [stored.path]


def test_truncated_copy_is_repaired(spool):
    """A stored file that lost bytes is replaced when its object comes again."""
    stored = spool.put(DATA)
    os.truncate(spool.absolute(stored.path), 100)
    assert spool.put(DATA).is_new
    assert spool.read(stored.path) == DATA


def test_threads_put_the_same_and_other_bytes(spool):
    """Many writers at once leave each object once and whole."""
    objects = [bytes([number % 10]) * 50_000 for number in range(60)]
    with ThreadPoolExecutor(8) as threads:
        stored = list(threads.map(spool.put, objects))
    assert len(files(spool)) == 10
    assert [spool.read(each.path) for each in stored] == objects


def test_private(spool):
    """Only the user of the node may read the spool."""
    spool.put(DATA)
    modes = {
        path.is_dir(): path.stat().st_mode & 0o777
        for path in [spool._root, *spool._root.rglob("*")]
    }
    assert modes == {True: 0o700, False: 0o600}


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../secret",
        "objects/../../secret",
        "objects/ab/../../../secret",
        "incoming/x.part",
        "",
        f"objects/ab/{SHA256}.dcm\n",
    ],
)
def test_only_its_own_names(spool, path):
    """A path that the spool did not return is not opened."""
    with pytest.raises(ValueError, match="is not the path of an object"):
        spool.absolute(path)
    with pytest.raises(ValueError, match="is not the path of an object"):
        spool.read(path)


def test_missing_object(spool):
    """An object that is not there is an error, not empty bytes."""
    with pytest.raises(FileNotFoundError):
        spool.read(f"objects/{SHA256[:2]}/{SHA256}.dcm")


def test_reserve(tmp_path):
    """The spool stops before the disk is full, and keeps nothing of what it refuses."""
    free = Spool(tmp_path).free_bytes()
    spool = Spool(tmp_path / "spool", reserve_bytes=2 * free)
    with pytest.raises(SpoolFull, match=r"bytes left; its reserve is"):
        spool.put(DATA)
    assert files(spool) == []


def test_sender_that_breaks_off(spool):
    """When the source of the bytes fails in the middle, its error is raised and nothing is left."""

    def chunks():
        yield DATA
        raise ConnectionResetError(errno.ECONNRESET, "reset")

    with pytest.raises(ConnectionResetError):
        spool.put(chunks())
    assert files(spool) == []


def test_full_disk(spool):
    """A full disk is SpoolFull, in the middle of an object too, and no incomplete file remains."""
    code = """
        import resource, sys
        from pathlib import Path
        from ich_node.errors import SpoolFull
        from ich_node.spool import Spool
        spool = Spool(Path(sys.argv[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            spool.put([b"x" * 60_000] * 3)
        except SpoolFull as error:
            print(error)
        print(spool.put(b"small").is_new)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(spool._root)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "the spool has no room for another object: File too large\nTrue\n"
    assert files(spool) == [
        f"objects/{(digest := hashlib.sha256(b'small').hexdigest())[:2]}/{digest}.dcm"
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_full_file_system(tmp_path):
    """A file system without room is SpoolFull until there is room again."""
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"cannot mount a tmpfs here: {made.stderr.strip()}")
    try:
        spool = Spool(mount)
        kept = spool.put(b"1" * 600_000)
        with pytest.raises(SpoolFull, match="No space left on device"):
            spool.put(b"2" * 600_000)
        assert files(spool) == [kept.path]
        spool.absolute(kept.path).unlink()
        assert spool.read(spool.put(b"2" * 600_000).path) == b"2" * 600_000
    finally:
        subprocess.run(["umount", mount], check=True)


def test_folder_that_cannot_be_made(tmp_path):
    """A spool path that is no folder is a mistake in the configuration."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"\[spool\] path: cannot make the folder"):
        Spool(tmp_path / "file" / "spool")


WRITER = """
import os, sys
from pathlib import Path
from ich_node.spool import Spool
spool = Spool(Path(sys.argv[1]))
for number in range(100_000):
    print(spool.put(str(number).encode() * 20_000).path, flush=True)
"""


def test_kill_leaves_nothing_half(spool):
    """After kill -9 at any moment every file under a final name is complete, everything that was
    acknowledged is there, and the rest is removed by the sweep.
    """
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(spool._root)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        acknowledged = [process.stdout.readline().strip() for _ in range(10)]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert all(spool.absolute(path).is_file() for path in acknowledged)
        for path in files(spool):
            if path.startswith("objects/"):
                assert hashlib.sha256(spool.read(path)).hexdigest() in path
    spool.sweep_temporaries(older_than=datetime.now(UTC) + timedelta(seconds=1))
    assert all(path.startswith("objects/") for path in files(spool))


def test_sweep_spares_what_is_being_written(spool):
    """Only files older than the given time are swept: another process may be writing the younger
    ones.
    """
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for name, age in (("old", timedelta(hours=2)), ("young", timedelta(minutes=1))):
        part = spool._root / "incoming" / f"{name}.part"
        part.write_bytes(b"half")
        os.utime(part, times=((now - age).timestamp(),) * 2)
    assert spool.sweep_temporaries(older_than=now - timedelta(hours=1)) == 1
    assert files(spool) == ["incoming/young.part"]


def test_remove(spool):
    """An object that was not put since then is removed; one that was put again stays."""
    now = datetime.now(UTC)
    old, put_again = spool.put(b"old").path, spool.put(b"put again").path
    for path in (old, put_again):
        os.utime(spool.absolute(path), (0, 0))
    spool.put(b"put again")
    assert [
        spool.remove(path, last_put=(now - timedelta(hours=1)).timestamp())
        for path in (old, put_again, old)
    ] == [
        True,
        False,
        False,
    ]
    assert files(spool) == [put_again]


def test_a_removal_that_was_cut_short_is_undone(spool):
    """A file that a process had renamed when it died is restored."""
    stored = spool.put(DATA)
    spool.absolute(stored.path).rename(spool._root / "incoming" / f"{stored.sha256}.dcm.aside")
    spool.sweep_temporaries(older_than=datetime.now(UTC))
    assert files(spool) == [stored.path]


REMOVER = """
import sys
import time
from pathlib import Path
from ich_node.spool import Spool
spool = Spool(Path(sys.argv[1]))
while True:
    for path, _ in list(spool.objects()):
        spool.remove(path, last_put=time.time() - 60)
"""


def test_what_is_put_while_others_remove_is_there(spool):
    """A remover runs against a writer of the same bytes: what `put` returned for is there for as
    long as it counts as fresh.
    """
    remover = subprocess.Popen([sys.executable, "-c", REMOVER, str(spool._root)])
    try:
        for number in range(600):
            stored = spool.put(str(number % 3).encode())
            if number % 50 == 0:
                with suppress(FileNotFoundError):  # the remover may just be looking at it
                    os.utime(spool.absolute(stored.path), (0, 0))  # long ago: now it may go
            else:
                assert wait_for_file(spool.absolute(stored.path))
    finally:
        remover.kill()
        remover.wait()


def wait_for_file(path):
    """Whether it is there, or comes back in a moment: a remover may just be looking at it."""
    return any(path.exists() or time.sleep(0.001) for _ in range(100))


def test_descriptors_are_closed(spool):
    """Many objects, new and known, leave no file open."""
    before = len(os.listdir("/proc/self/fd"))
    for number in range(50):
        spool.put(str(number % 20).encode())
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_part_that_fails_leaves_nothing(spool):
    """Its owner need not know: a write that fails closes it."""
    before = len(os.listdir("/proc/self/fd"))
    part = spool.begin()
    part.write(DATA)
    with pytest.raises(TypeError):
        part.write("text")
    assert files(spool) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_part_that_is_closed_leaves_nothing(spool):
    """Once or twice, or by the end of its block."""
    with spool.begin() as part:
        part.write(DATA)
        part.close()
    assert files(spool) == []
