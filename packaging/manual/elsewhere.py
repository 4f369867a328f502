"""What stands outside docs/ and has a page, or a copy, in the site of the documentation.

A path is one in the repository ("systemd/README.md"), a uri one in the site ("systemd.md").
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pymdownx.slugs import slugify

REPOSITORY = Path(__file__).parents[2]
HOME = "index.md"
PAGES = {
    "README.md": HOME,
    "systemd/README.md": "systemd.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "training/LOG.md": "training-log.md",
    "LICENSE": "licence.md",
    "NOTICE": "licence.md",
    "config.toml": "settings.md",
}
ASSETS = {
    "config.toml": "config.toml",
    "icon.svg": "ich_node/web/static/icon.svg",
    "manual.css": "packaging/manual/assets/manual.css",
    "iframe-worker.js": "packaging/manual/assets/iframe-worker.js",
}
FILES = "files/"
NAMED = re.compile(r"\[`?([\w/.-]+\.(?:md|toml)(?:#[\w-]+)?)`?\](?=\(([^)#\s][^)\s]*)\))")
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
ANCHOR = slugify(case="lower")  # as mkdocs.yml has it
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s]+)(?=[)\s])")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def pages() -> dict[str, str]:
    """The text of each page whose file stands outside docs/, by uri; without that of the settings,
    which is made.
    """
    found = {
        uri: (REPOSITORY / path).read_text(encoding="utf-8")
        for path, uri in PAGES.items()
        if path.endswith(".md")
    }
    licence = "# Licence\n"
    for name in ("NOTICE", "LICENSE"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        licence += f"\n## {name}\n\n```text\n{text.rstrip()}\n```\n"
    return found | {"licence.md": licence}


def uri_of(path: str) -> str:
    """The place in the site of a path in the repository. A folder ends with a slash."""
    if path in PAGES:
        return PAGES[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"{FILES}{path}index.md" if path.endswith("/") else f"{FILES}{path}"


def path_of(uri: str) -> str:
    """The path in the repository of a page of the site."""
    for path, page in PAGES.items():
        if page == uri:
            return path
    if uri.startswith(FILES):
        return uri.removeprefix(FILES)
    return f"docs/{uri}"


def with_links_to_pages(markdown: str, uri: str, titles: Mapping[str, str]) -> str:
    """Links that are right in the repository become links that are right in the site. Where the
    words of a link are the name of the file, they become the title of its page, or of the section.
    titles: those of `titles`.
    """

    def titled(named: re.Match[str]) -> str:
        target, hash_, anchor = named[2].partition("#")
        place = uri_of(_resolved(target, uri)) + hash_ + anchor
        return f"[{titles.get(place, named[1])}]"

    def changed(link: str) -> str:
        target, hash_, anchor = link.partition("#")
        path = _resolved(target, uri)
        return _relative(uri_of(path), uri) + hash_ + anchor

    def with_links(text: str) -> str:
        return LINK.sub(lambda match: changed(match[1]), NAMED.sub(titled, text))

    return _outside_of_code(markdown, with_links)


def titles(files: Mapping[str, str]) -> dict[str, str]:
    """What a page, or a section of one, is called, by its place: "site.md", "site.md#sign-in".
    files: the texts by uri. Of a page the words before a colon.
    """
    found: dict[str, str] = {}
    for uri, text in files.items():
        for level, heading in HEADING.findall(CODE.sub("", text)):
            words = heading.strip()
            found.setdefault(f"{uri}#{ANCHOR(words, '-')}", words)
            if level == "#":
                found.setdefault(uri, words.partition(":")[0])
    return found


def linked_files() -> list[str]:
    """Files that are no pages of their own, and that a page names by a link. Those that are
    Markdown may name further ones.
    """
    return sorted(path for path in _linked() if not path.endswith("/"))


def linked_folders() -> list[str]:
    """Likewise, folders; each ends with a slash."""
    return sorted(path for path in _linked() if path.endswith("/"))


def listing(folder: str) -> str:
    """A page with the Markdown files of a folder, which are what people read of it, or with all."""
    files = sorted(each.name for each in (REPOSITORY / folder).iterdir() if each.is_file())
    readable = [name for name in files if name.endswith(".md")] or files
    return "\n".join([f"# {folder}", "", *(f"* [{name}]({name})" for name in readable), ""])


def _linked() -> set[str]:
    found: set[str] = set()
    texts = {f"docs/{page.name}": page for page in (REPOSITORY / "docs").glob("*.md")}
    texts |= {path: REPOSITORY / path for path in PAGES if path.endswith(".md")}
    waiting = [(uri_of(path), file.read_text(encoding="utf-8")) for path, file in texts.items()]
    while waiting:
        uri, text = waiting.pop()
        for path in _targets(text, uri):
            if path in found:
                continue
            found.add(path)
            if path.endswith("/"):
                waiting.append((uri_of(path), listing(path)))
            elif path.endswith(".md"):
                waiting.append((uri_of(path), (REPOSITORY / path).read_text(encoding="utf-8")))
    return found


def _targets(text: str, uri: str) -> Iterator[str]:
    """Paths that exist outside docs/ and have no page of their own."""
    for link in LINK.findall(CODE.sub("", text)):
        path = _resolved(link.partition("#")[0], uri)
        if path not in PAGES and not path.startswith("docs/") and (REPOSITORY / path).exists():
            yield path


def _resolved(target: str, uri: str) -> str:
    """The path in the repository that a link of a page means. A folder ends with a slash."""
    folder = posixpath.dirname(path_of(uri))
    path = posixpath.normpath(posixpath.join(folder, target))
    return f"{path}/" if (REPOSITORY / path).is_dir() else path


def _relative(uri: str, page: str) -> str:
    return posixpath.relpath(uri, posixpath.dirname(page) or ".")


def _outside_of_code(markdown: str, change: Callable[[str], str]) -> str:
    parts, end = [], 0
    for block in CODE.finditer(markdown):
        parts += [change(markdown[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*parts, change(markdown[end:])])
