"""One file a page; the order is that of the menu."""

from ich_node.web.pages import (
    config,
    journal,
    now,
    owed,
    owed_actions,
    probes,
    refused,
    rules,
    viewer,
)

ROUTES = [
    *now.routes,
    *owed.routes,
    *refused.routes,
    *rules.routes,
    *config.routes,
    *journal.routes,
    *probes.routes,
    *owed_actions.routes,
    *viewer.routes,
]
