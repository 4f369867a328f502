"""One file a page; the order is that of the menu."""

from ich_node.web.pages import journal, now

ROUTES = [*now.routes, *journal.routes]
