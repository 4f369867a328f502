"""How this node names itself on the wire and in the file meta information that it writes (PS3.7
D.3.3.2, PS3.10 §7.1).
"""

import logging
import time
from types import SimpleNamespace

from pynetdicom import AE, _config, timer

from ich_node.dicom.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME


def application_entity(ae_title: str, kind: type[AE] = AE) -> AE:
    """A pynetdicom AE under our own name, which logs no identifiers and no hostile bytes."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    # The library logs a traceback for each broken PDU: outsiders could fill the disk. What matters
    # is logged by the caller.
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    # It counts its timeouts by the time of day: a clock put back would keep the slots of silent
    # peers for as long, one put forward would break every association at once.
    vars(timer)["time"] = SimpleNamespace(time=time.monotonic)
    entity = kind(ae_title=ae_title)
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return entity
