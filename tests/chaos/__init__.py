"""Faults by the dozen, seeded: processes are killed, the PACS refuses, loses and goes away, the
ledger locks, lines break, the disk fills, the clock is moved.

`make chaos` runs `ich-node run` with two destinations (one asked for storage commitment), prints
the figures, and exits with 1 if something was lost, wrong, stuck or there twice.
tests/walk/test_chaos.py runs a short form.

The troubles and their order come from the seed; when each of them strikes a running system does
not. The harness shortens waits that the node counts in minutes (backoff, the leases of processes
that it killed) by moving their ends in the ledger.
"""
