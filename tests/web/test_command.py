"""Commands of the command line, run for a visitor of the site."""

from datetime import UTC, datetime

import pytest

from ich_node.config.load import load_config
from ich_node.errors import Unavailable
from ich_node.spool import Spool
from ich_node.web.command import CommandFailed, run_command
from ich_node.web.site import Site
from tests.documents.states.a_busy_day import state as a_busy_day
from tests.support.node import opened_ledger


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with a_busy_day(tmp_path_factory.mktemp("commands")) as path:
        config = load_config(path).config
        with opened_ledger(config.database.url) as ledger:
            yield Site(
                config=lambda: config,
                config_path=path,
                ledger=ledger,
                spool=Spool(config.spool.path),
                clock=lambda: datetime.now(UTC),
            )


def test_the_ledger_names_the_visitor(site):
    done = run_command(site, "pause", "reading", "--why=-- a \"word\" of 'hers'", who="Ada")
    assert done.exit_code == 0, done.errors
    (pause,) = site.ledger.pauses.all()
    assert (pause.who, pause.why) == ("Ada (site)", "-- a \"word\" of 'hers'")


def test_a_refused_command_says_its_sentence(site):
    done = run_command(site, "jobs", "show", "4711", who="Ada")
    assert done.exit_code == 2
    assert "4711" in done.errors
    assert not done.errors.startswith("ich-node:")
    with pytest.raises(CommandFailed, match="4711"):
        done.done()


def test_a_command_that_takes_too_long_is_ended(site):
    with pytest.raises(Unavailable, match=r"longer than 0 s"):
        run_command(site, "jobs", "list", who="Ada", timeout=0.001)
