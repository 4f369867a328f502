"""The channel of an [[alerts]] entry."""

from ich_node.alerts.channels.by_apprise import AppriseChannel
from ich_node.alerts.channels.channel import Channel
from ich_node.alerts.channels.mail import MailChannel
from ich_node.alerts.channels.webhook import WebhookChannel
from ich_node.config.alerts import Alert, AppriseAlert, MailAlert, WebhookAlert


def open_channel(alert: Alert) -> Channel:
    match alert:
        case MailAlert():
            return MailChannel(alert=alert)
        case WebhookAlert():
            return WebhookChannel(alert=alert)
        case AppriseAlert():
            return AppriseChannel(alert=alert)
