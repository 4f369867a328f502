"""Receiving: an association is admitted, each object goes to the spool and the ledger, and only
then Success is answered.
"""

from ich_node.receive.listener import Listener, receive_forever

__all__ = ["Listener", "receive_forever"]
