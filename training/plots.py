"""matplotlib, which draws the pictures, comes with an extra of its own."""

from ich_node.errors import ConfigError


def check_plots(command: str) -> None:
    """Before hours of work: whether the pictures at its end can be drawn. Raises ConfigError."""
    try:
        import matplotlib.figure  # noqa: F401  # the first use costs 0.3 s
    except ImportError as error:
        raise ConfigError(
            f"`ich-node {command}` draws pictures with matplotlib, which is not installed here; "
            "install it with: pip install 'ich-node[plots]'"
        ) from error
