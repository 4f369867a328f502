"""How a reading or a preview ends before it is complete."""

STOPPING = "the process stops"
OVERTAKEN = "a series of an earlier lane is ready"


class Interrupted(Exception):
    """The work on a series stops here, for this reason; what was computed so far is kept."""
