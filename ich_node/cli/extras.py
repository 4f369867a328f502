"""Libraries that only some commands need: they come with an extra of their own."""

from ich_node.errors import ConfigError

EXTRA_OF = {
    "bayes_opt": "training",
    "nibabel": "training",
    "threadpoolctl": "training",
    "matplotlib": "plots",
}


def missing_library(error: ModuleNotFoundError) -> ConfigError | None:
    """What to install; None if it is no library of an extra, and so a mistake of ours."""
    library = (error.name or "").partition(".")[0]
    if library not in EXTRA_OF:
        return None
    return ConfigError(
        f"this command needs {library}, which is not installed here; install it with: "
        f'pip install "ich-node[{EXTRA_OF[library]}]"'
    )
