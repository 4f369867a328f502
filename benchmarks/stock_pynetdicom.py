"""pynetdicom as it comes, writing what it gets as it is, each file synced."""

import os
import sys
from pathlib import Path

from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event


def main(port: int, folder: Path) -> None:
    def store(event: Event) -> int:
        assert isinstance(event.request, C_STORE)
        with (folder / str(event.request.AffectedSOPInstanceUID)).open("wb") as file:
            file.write(event.encoded_dataset())
            file.flush()
            os.fsync(file.fileno())
        return 0x0000

    entity = AE("STOCK")
    entity.maximum_pdu_size = 131_072
    entity.add_supported_context(CTImageStorage, ExplicitVRLittleEndian)
    entity.start_server(("127.0.0.1", port), evt_handlers=[(evt.EVT_C_STORE, store)])


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
