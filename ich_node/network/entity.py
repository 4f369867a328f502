"""How this node identifies itself on the network and in File Meta Information (PS3.7 D.3.3.2,
PS3.10 §7.1); and the settings of pynetdicom that both acceptor and requestor need.

These names of pynetdicom are replaced:

_config
  set       LOG_HANDLER_LEVEL      "none": it would log each message
  set       LOG_REQUEST_IDENTIFIERS   False: identifiers contain patients' names
  set       LOG_RESPONSE_IDENTIFIERS  False

timer
  set       time                   the monotonic clock, not the time of day
"""

import logging
import time
from types import SimpleNamespace

from pynetdicom import AE, _config, timer

from ich_node.dicom.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME


def application_entity(ae_title: str, kind: type[AE] = AE) -> AE:
    """A pynetdicom AE with our implementation identity, which logs neither identifiers nor bytes of
    a peer.
    """
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    # pynetdicom logs a traceback for each broken PDU: peers could fill the disk. Our own code logs
    # what matters.
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    # pynetdicom measures its timeouts with the time of day. If that is set back, silent peers keep
    # their associations as much longer; if it is set forward, all associations time out at once.
    vars(timer)["time"] = SimpleNamespace(time=time.monotonic)
    entity = kind(ae_title=ae_title)
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return entity
