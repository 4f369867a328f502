"""Addresses for machines, which carry no cookie: each has a check of its own."""

from starlette.types import Scope

# metrics and health: an allow-list of addresses; verdicts: a signature
FOR_MACHINES = frozenset({"/metrics", "/healthz", "/readyz", "/verdicts"})


def is_for_machines(scope: Scope) -> bool:
    return scope["path"] in FOR_MACHINES
