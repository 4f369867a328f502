"""A stand-in for a PACS: sends a study by C-STORE, and stores what it receives as files."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.events import Event, EventHandlerType

from ich_node.dicom.identity import VERIFICATION
from ich_node.errors import PeerUnavailable
from ich_node.network.requestor import Requestor

LOOPBACK = "127.0.0.1"


class PacsStandIn:
    """Listens on a free port of the loopback interface until the context is left.

    arrived: the files, in the order of arrival; batch_ended: set when an association was released.
    """

    def __init__(self, folder: Path, *, ae_title: str = "PACS") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.ae_title = ae_title
        self.arrived: list[Path] = []
        self.batch_ended = threading.Event()

    def __enter__(self) -> Self:
        entity = AE(ae_title=self.ae_title)
        entity.add_supported_context(VERIFICATION)
        for context in AllStoragePresentationContexts:
            entity.add_supported_context(str(context.abstract_syntax), [ExplicitVRLittleEndian])
        handlers: list[EventHandlerType] = [
            (evt.EVT_C_STORE, self._keep),
            (evt.EVT_RELEASED, self._note_end),
        ]
        server = entity.start_server((LOOPBACK, 0), block=False, evt_handlers=handlers)
        assert server is not None
        self._server = server
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def answers(self, port: int, *, called_ae: str) -> bool:
        """Whether a node answers C-ECHO on this port."""
        entity = AE(ae_title=self.ae_title)
        entity.add_requested_context(VERIFICATION)
        association = entity.associate(LOOPBACK, port, ae_title=called_ae)
        if not association.is_established:
            return False
        answer = association.send_c_echo()
        association.release()
        return bool(answer.get("Status") == 0x0000)

    def send(self, datasets: Sequence[Dataset], *, port: int, called_ae: str) -> None:
        """C-STORE the images in one association. Raises PeerUnavailable if one is not stored."""
        entity = Requestor(ae_title=self.ae_title)
        entity.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
        association = entity.associate(LOOPBACK, port, ae_title=called_ae)
        if not association.is_established:
            raise PeerUnavailable(f"the node does not accept an association on port {port}")
        for dataset in datasets:
            status = association.send_c_store(dataset).get("Status")
            if status != 0x0000:
                association.abort()
                raise PeerUnavailable(
                    "the node answered C-STORE with"
                    f" {f'0x{status:04X}' if status is not None else 'nothing'}"
                )
        association.release()

    def _keep(self, event: Event) -> int:
        """Files are named by their order of arrival: a UID of a peer is no safe file name."""
        path = self._folder / f"object-{len(self.arrived):03d}.dcm"
        path.write_bytes(event.encoded_dataset())
        self.arrived.append(path)
        return 0x0000

    def _note_end(self, _event: Event) -> None:
        self.batch_ended.set()
