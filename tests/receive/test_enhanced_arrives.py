"""Multi-frame CT of 157 MB: 300 uncompressed frames in one object, with the default limits."""

import sys
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import (
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    LegacyConvertedEnhancedCTImageStorage,
)

from ich_node.ledger import JobState
from ich_node.spool import Spool
from tests.support.enhanced import to_enhanced
from tests.support.heads import head_series
from tests.support.node import opened_ledger
from tests.support.peers import associated, free_port, running
from tests.support.proc import footprint, forget_peak

FRAMES = 300
CONFIG = """
[scp]
port = {port}
[[sources]]
name = "ct"
ae_title = "CT1"
[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
reserve_bytes = 0
"""
# far less than the object
MOST_GROWTH_MB = 60


def large(sop_class: str) -> Dataset:
    ds = to_enhanced(head_series(FRAMES))
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.Rows = ds.Columns = 512
    ds.PixelData = bytes(FRAMES * 512 * 512 * 2)
    return ds


@pytest.mark.parametrize(
    "sop_class", [EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage]
)
def test_an_object_of_300_frames_arrives_and_the_memory_stays(
    sop_class: str, tmp_path: Path
) -> None:
    port, config = free_port(), tmp_path / "config.toml"
    config.write_text(CONFIG.format(port=port, folder=tmp_path))
    command = [sys.executable, "-m", "ich_node", "--config", str(config), "receive"]
    ds = large(sop_class)
    with running(command, port=port, log=tmp_path / "log") as process:
        with associated(port, contexts=[(sop_class, (ExplicitVRLittleEndian,))]) as assoc:
            assert assoc.is_established
            forget_peak(process.pid)
            before_mb = footprint(process.pid).peak_mb
            assert assoc.send_c_store(ds).Status == 0x0000
        growth_mb = footprint(process.pid).peak_mb - before_mb
        assert growth_mb < MOST_GROWTH_MB
        with opened_ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
            (job,) = ledger.operator.list()
            (instance,) = ledger.operator.instances(job)
    assert job.state is JobState.WAITING
    assert instance.sop_class_uid == sop_class
    assert instance.size_bytes > len(ds.PixelData)
    assert Spool(tmp_path / "spool").absolute(instance.path).stat().st_size == instance.size_bytes
