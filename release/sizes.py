"""What an environment takes on disk, by library: `python -m release.sizes PREFIX`, in MB (10^6)."""

import os
import sys
from collections import Counter
from importlib import metadata
from pathlib import Path

SHOWN = 12
# Of torch: what only those need who build or test torch. The packages leave it out.
TORCH_PARTS = {
    "headers": ("include",),
    "tests": ("test",),
    "programs": ("bin",),
}


def sizes(prefix: Path) -> Counter[str]:
    """Bytes of all files of each library; those of the environment itself are `Python environment`.
    pip counts as a library.
    """
    (site,) = prefix.resolve().glob("lib/python*/site-packages")
    owner: dict[str, str] = {}
    for library in metadata.distributions(path=[str(site)]):
        name = library.name
        owner |= {os.path.normpath(f"{site}/{file}"): name for file in library.files or ()}
    folders = {os.path.dirname(path): name for path, name in owner.items()}
    found: Counter[str] = Counter()
    for folder, _, files in os.walk(prefix.resolve()):
        source = folder.removesuffix("/__pycache__")
        for file in files:
            path = f"{folder}/{file}"
            name = owner.get(path) or folders.get(source, "Python environment")
            found[name] += os.lstat(path).st_size
    return found


def parts_of_torch(prefix: Path) -> Counter[str]:
    """Bytes of what a package may leave out."""
    (torch,) = prefix.glob("lib/python*/site-packages/torch")
    return Counter(
        {
            part: sum(
                path.stat().st_size
                for folder in folders
                for path in (torch / folder).rglob("*")
                if path.is_file()
            )
            for part, folders in TORCH_PARTS.items()
        }
    )


def table(prefix: Path) -> str:
    """Markdown."""
    by_library = sizes(prefix)
    of_torch = parts_of_torch(prefix)
    largest = by_library.most_common(SHOWN)
    others = by_library.total() - sum(size for _, size in largest)
    rows = [
        *largest,
        (f"{len(by_library) - len(largest)} others", others),
        ("**all**", by_library.total()),
    ]
    lines = ["| what | MB |", "|---|---|"]
    for name, size in rows:
        lines.append(f"| {name} | {size / 1e6:,.0f} |")
        if name == "torch":
            inside = ", ".join(f"{part} {bytes_ / 1e6:.0f}" for part, bytes_ in of_torch.items())
            lines[-1] = f"| torch (of this {inside}) | {size / 1e6:,.0f} |"
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table(Path(sys.argv[1])))
