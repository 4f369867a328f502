"""One file a page; the order is that of the menu."""

from ich_node.web.pages import (
    config,
    journal,
    now,
    one_series,
    owed,
    owed_actions,
    probes,
    refused,
    rules,
    series,
    series_actions,
    series_verdicts,
    studies,
    viewer,
)

ROUTES = [
    *now.routes,
    *series.routes,
    *one_series.routes,
    *series_actions.routes,
    *series_verdicts.routes,
    *viewer.routes,
    *studies.routes,
    *owed.routes,
    *owed_actions.routes,
    *refused.routes,
    *rules.routes,
    *config.routes,
    *journal.routes,
    *probes.routes,
]
