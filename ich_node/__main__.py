"""`ich-node`, and `python -m ich_node`. A probe is answered before the command line is imported."""

import os
import sys


def main() -> None:
    """Run the command line of this process."""
    from ich_node.processes.probe import probe

    answer = probe(sys.argv[1:], os.environ)
    if answer is not None:
        code, lines = answer
        sys.stdout.writelines(f"{line}\n" for line in lines)
        sys.exit(code)
    from ich_node.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
