"""A run as one page to file: one HTML file that needs no other."""

from functools import cache

import jinja2
from markupsafe import Markup, escape

from ich_node.commission.checks import CheckPart
from ich_node.commission.record import Record
from ich_node.health.amounts import span


@cache
def _template() -> jinja2.Template:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("ich_node.commission", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["code"] = with_code
    made.filters["span"] = span
    made.filters["local"] = lambda at, form="%Y-%m-%d %H:%M:%S": at.astimezone().strftime(form)
    return made.get_template("report.html")


def report_of(record: Record) -> str:
    """Of a run that has ended."""
    return _template().render(record=record, parts=list(CheckPart))


def with_code(words: str) -> Markup:
    """What stands between backticks, as code."""
    parts = words.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )
