"""Peers, processes and examples for the tests. No test lives here."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
