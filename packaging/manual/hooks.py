"""Hooks of MkDocs (mkdocs.yml): pages from files outside docs/, and links as GitHub wants them.

A document links to another by the path in the repository, so that the link works on GitHub. Here
the link becomes one to the page of that file. A file that is no page is copied below files/, and a
folder gets a page that lists its files.
"""

from functools import cache
from typing import Any

import elsewhere
import settings_page
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import ich_node


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    config.copyright = f"ich-node {ich_node.__version__}. {config.copyright} Licence: Apache-2.0."
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what stands outside docs/."""
    for uri, path in elsewhere.ASSETS.items():
        files.append(File.generated(config, uri, abs_src_path=str(elsewhere.REPOSITORY / path)))
    for uri, content in elsewhere.pages().items():
        files.append(File.generated(config, uri, content=content))
    settings = settings_page.text(
        (elsewhere.REPOSITORY / "config.toml").read_text(encoding="utf-8")
    )
    files.append(File.generated(config, "settings.md", content=settings))
    for path in elsewhere.linked_files():
        uri = elsewhere.uri_of(path)
        files.append(File.generated(config, uri, abs_src_path=str(elsewhere.REPOSITORY / path)))
    for path in elsewhere.linked_folders():
        content = elsewhere.listing(path)
        files.append(File.generated(config, elsewhere.uri_of(path), content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, files: Files, **_: Any) -> str:
    """Links to files become links to pages. What stands below files/ is not searched."""
    uri = page.file.src_uri
    if uri.startswith("files/"):
        page.meta["search"] = {"exclude": True}
    return elsewhere.with_links_to_pages(markdown, uri, _titles(files))


@cache
def _titles(files: Files) -> dict[str, str]:
    """Of pages and their sections."""
    texts = {each.src_uri: each.content_string for each in files.documentation_pages()}
    return elsewhere.titles(texts) | {elsewhere.HOME: "README"}
