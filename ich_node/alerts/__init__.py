"""Somebody is told of a trouble when it begins and when it ends.

::

    watch.py          a task of `send`: troubles -> incidents -> what each alert is to be told
    telling.py        tells one alert, in a thread of its own: a slow service delays nobody else
    message.py        incidents -> title and text, by the templates title.jinja and text.jinja
    channels/         how a message goes out: mail, webhook, Apprise
    try_out.py        a test message
    heartbeat.py      a task of `send`: asks [heartbeat] url while the services run
    background.py     threads for what waits for the network
"""

from ich_node.alerts.heartbeat import HeartbeatSender
from ich_node.alerts.watch import IncidentWatch

__all__ = ["HeartbeatSender", "IncidentWatch"]
