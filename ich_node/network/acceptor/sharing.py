"""Several processes on one port ([scp] processes): what each may let in
(ich_node/processes/siblings.py has how they share it).

They know each other through ledger and spool alone, as several hosts do, so each holds its share of
the limits: together they take what one would. The shares are rounded up. None knows which series
the others carry. When an association ends, a series that another process still receives waits only
the grace or quiet time; its next object makes it wait again, and one that comes later than that
opens the next revision, as every late object does.
"""

from collections.abc import Sequence

from ich_node.config.settings import ScpSettings, Source


def shares(scp: ScpSettings, sources: Sequence[Source]) -> tuple[ScpSettings, tuple[Source, ...]]:
    """What one of [scp] processes may let in."""
    count = scp.processes
    own = scp.model_copy(
        update={
            "max_associations": _share(scp.max_associations, count),
            # a share must still hold the largest object
            "max_bytes_in_flight": max(
                _share(scp.max_bytes_in_flight, count), 2 * scp.max_object_bytes
            ),
        }
    )
    return own, tuple(
        source.model_copy(
            update={
                "max_associations": None
                if source.max_associations is None
                else _share(source.max_associations, count),
                "associations_per_minute": _share(source.associations_per_minute, count),
            }
        )
        for source in sources
    )


def _share(limit: int, count: int) -> int:
    return -(-limit // count)
