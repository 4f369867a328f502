"""Which bundle is active, and who activated it."""

import pytest

from ich_node.errors import ConfigError
from ich_node.ledger import Activation
from tests.support.ledger_examples import SECOND, T0


def activate(ledger, name, at):
    return ledger.activations.activate_bundle(
        path=f"/bundles/{name}", sha256=name * 64, name=name, who="admin", why=f"try {name}", now=at
    )


def test_nobody_chose(ledger):
    """A fresh ledger has no active bundle and nothing to go back to."""
    assert ledger.activations.active_bundle() is None
    assert ledger.activations.activations() == []
    with pytest.raises(ConfigError, match="no other bundle was activated before"):
        ledger.activations.rollback_bundle(who="admin", why="", now=T0)


def test_last_activation_holds(ledger):
    """The last activation counts, and every earlier one is kept with who and why."""
    activate(ledger, "a", T0)
    activate(ledger, "b", T0 + SECOND)
    newest, oldest = ledger.activations.activations()
    assert ledger.activations.active_bundle() == newest
    assert newest == Activation(
        at=T0 + SECOND, name="b", sha256="b" * 64, path="/bundles/b", who="admin", why="try b"
    )
    assert oldest.name == "a"


def test_rollback(ledger):
    """Going back is a new entry that repeats the last different bundle, however often the current
    one was activated.
    """
    for second, name in enumerate("abb"):
        activate(ledger, name, T0 + second * SECOND)
    activation = ledger.activations.rollback_bundle(
        who="admin", why="b misses", now=T0 + 9 * SECOND
    )
    assert activation == Activation(
        at=T0 + 9 * SECOND,
        name="a",
        sha256="a" * 64,
        path="/bundles/a",
        who="admin",
        why="b misses",
    )
    assert ledger.activations.active_bundle() == activation
    assert [earlier.name for earlier in ledger.activations.activations()] == ["a", "b", "b", "a"]


def test_only_one_bundle_ever(ledger):
    """With one bundle in the history there is nothing to go back to."""
    activate(ledger, "a", T0)
    activate(ledger, "a", T0 + SECOND)
    with pytest.raises(ConfigError, match="none to go back to"):
        ledger.activations.rollback_bundle(who="admin", why="", now=T0 + 2 * SECOND)
