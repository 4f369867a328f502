"""The documentation as a site: complete, and usable where there is no Internet."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from lxml import html

from tests.support import REPOSITORY
from tests.support.browser import WCAG_AA, chromium, needs_chromium

# Of each kind one: axe takes long on the large ones.
SHOWN = ("index", "install", "limits", "radiologist", "routing", "security", "settings", "site")
NOTICE = "For research use only. Not a medical device."


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site. The build is strict: a page without a place in the navigation,
    a link or an anchor that leads nowhere ends it.
    """
    folder = tmp_path_factory.mktemp("manual")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    run = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return folder


def pages(built: Path) -> Iterator[tuple[str, html.HtmlElement]]:
    for path in sorted(built.rglob("*.html")):
        yield str(path.relative_to(built)), html.parse(str(path)).getroot()


def test_every_document_is_a_page_with_the_notice_and_a_way_back(built: Path) -> None:
    """Each has its title, says what ich-node is not, and leads to the first page."""
    found = dict(pages(built))
    documents = [path.stem for path in (REPOSITORY / "docs").glob("*.md")]
    others = ["index", "systemd", "changelog", "contributing", "training-log", "licence"]
    for name in (*documents, *others, "settings"):
        page = found[f"{name}.html"]
        assert len(page.findall(".//article//h1")) == 1, name
        banner = page.find(".//aside[@class='md-banner']")
        assert NOTICE in " ".join(banner.text_content().split()), name
        assert set(page.xpath("//a[contains(@class, 'md-logo')]/@href")) == {"index.html"}, name


def test_no_page_names_a_place_elsewhere_that_the_browser_fetches(built: Path) -> None:
    """Fonts, scripts, styles and pictures come with the site."""
    for name, page in pages(built):
        fetched = page.xpath("//@src | //link[not(@rel='canonical')]/@href | //object/@data")
        assert [each for each in fetched if re.match(r"(\w+:)?//", each)] == [], name
    for style in built.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_markdown_is_rendered_as_on_github(built: Path) -> None:
    """Python-Markdown wants an empty line before a list, and four spaces before a nested one."""
    for name, page in pages(built):
        for paragraph in page.findall(".//article//p"):
            lines = paragraph.text_content().splitlines()
            raw = [line for line in lines if re.match(r"\s*([-*+]|1\.) |\||#+ |```", line)]
            assert raw == [], name


def test_every_code_block_and_table_is_one(built: Path) -> None:
    for path in (REPOSITORY / "docs").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
        page = html.parse(str(built / f"{path.stem}.html")).getroot()
        assert len(page.xpath("//article//pre")) == len(re.findall(r"(?m)^ *```", text)) // 2, path
        heads = re.findall(r"(?m)^\|[ |:]*-[-|: ]*$", prose)
        assert len(page.xpath("//article//table")) == len(heads), path


def test_links_are_called_as_their_pages_are(built: Path) -> None:
    """On GitHub "[site.md](site.md#sign-in)"; a reader of the site knows no files."""
    for name, page in pages(built):
        words = [link.text_content() for link in page.findall(".//article//a")]
        assert [each for each in words if each.endswith(".md")] == [], name
    links = html.parse(str(built / "security.html")).getroot().findall(".//article//a")
    assert ("Sign in", "site.html#sign-in") in {(a.text_content(), a.get("href")) for a in links}


def test_what_stands_outside_docs_is_linked(built: Path) -> None:
    """A page of its own, a copy of a file, a list of a folder; from there back again."""

    def links(name: str) -> set[str]:
        page = html.parse(str(built / name)).getroot()
        return {link.get("href") for link in page.findall(".//article//a")}

    assert "systemd.html" in links("monitoring.html")
    assert "scaling.html" in links("systemd.html")
    assert "images/overlay.png" in {
        image.get("src") for image in html.parse(str(built / "index.html")).iter("img")
    }
    assert "files/benchmarks/results/index.html" in links("performance.html")
    listed = [each for each in links("files/benchmarks/results/index.html") if each[0] != "#"]
    assert listed
    assert all((built / "files" / "benchmarks" / "results" / each).is_file() for each in listed)
    assert (built / "config.toml").read_bytes() == (REPOSITORY / "config.toml").read_bytes()


def test_no_page_names_a_path_of_the_machine_that_built_it(built: Path) -> None:
    for path in (*built.rglob("*.html"), *built.rglob("search_index.js*")):
        text = path.read_text(encoding="utf-8")
        places = (str(REPOSITORY), "/home/")
        assert [place for place in places if place in text] == [], path


def test_the_page_of_settings_has_every_row_of_config_toml(built: Path) -> None:
    """With its type and default from the code, and its comment."""
    page = html.parse(str(built / "settings.html")).getroot()
    rows = [
        [cell.text_content() for cell in row.findall("td")] for row in page.findall(".//tbody/tr")
    ]
    text = (REPOSITORY / "config.toml").read_text(encoding="utf-8")
    assert [row[0] for row in rows] == re.findall(r"^(?:# )?([a-z_]+) = ", text, re.MULTILINE)
    quiet = next(row for row in rows if row[0] == "idle_timeout_seconds")
    assert quiet[1:] == [
        "number, above 0",
        "60",
        "an association without any message for this long is aborted",
    ]
    summary = next(row for row in rows if row[0] == "sr_class")
    assert summary[1:3] == ["comprehensive3d, comprehensive, enhanced", '"comprehensive3d"']
    assert next(row for row in rows if row[0] == "certificate_subject")[2] == "none"


@needs_chromium
def test_the_search_works_from_a_file_and_no_request_leaves(built: Path) -> None:
    """In a hospital without Internet: a word is found, and its page opens."""
    with chromium() as browser:
        page = browser.new_page()
        asked: list[str] = []
        wrong: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((built / "index.html").as_uri())
        page.locator("input.md-search__input").fill("gantry")
        found = page.locator("a.md-search-result__link").first
        found.wait_for()
        found.click()
        page.wait_for_url(lambda url: "index.html" not in url)
        assert "gantry" in page.locator("article").inner_text().lower()
        assert wrong == []
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


@needs_chromium
@pytest.mark.extended
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible(built: Path, scheme: Literal["light", "dark"]) -> None:
    """WCAG 2.2 AA, by axe-core. Wide tables scroll; Chromium lets the keyboard reach what scrolls,
    which axe does not know.
    """
    options = {
        "runOnly": {"type": "tag", "values": WCAG_AA["runOnly"]},
        "rules": {"scrollable-region-focusable": {"enabled": False}},
    }
    with chromium() as browser:
        page = browser.new_page(color_scheme=scheme)
        for name in SHOWN:
            page.goto((built / f"{name}.html").as_uri())
            found = Axe().run(page, options=options).response["violations"]
            wrong = [(each["id"], each["nodes"][0]["html"]) for each in found]
            assert wrong == [], name
