"""What an operator does with models. Whatever verifies weights runs as a command."""

import secrets
from pathlib import Path

from starlette.datastructures import FormData
from starlette.requests import Request

from ich_node.errors import BundleError
from ich_node.model.bundle_file import KEPT_IN, read_header
from ich_node.model.rule_numbers import SENTENCES, rule_number
from ich_node.web.command import run_command
from ich_node.web.page import Acted, Message, acts
from ich_node.web.pages.model import bundle_named, bundles_of
from ich_node.web.site import Site
from ich_node.web.visitor import visitor_of

VERIFY_SECONDS = 300.0  # a large bundle on a busy machine


def activate(request: Request, site: Site, form: FormData) -> Acted:
    _with_file(request, site, form, "activate")
    active = bundles_of(site)[0]
    return Acted(
        to="/model",
        message=Message(name="model_activated", facts={"title": active.title}),
        target=f"model {active.sha256}",
    )


def roll_back(request: Request, site: Site, form: FormData) -> Acted:
    """The one that was active before, as the ledger knows it."""
    history = site.ledger.activations.activations()
    before = next((each for each in history if each.sha256 != history[0].sha256), None)
    if before is not None:
        read_header(Path(before.path))  # or there is nothing to go back to
    active = site.ledger.activations.rollback_bundle(
        who=f"{visitor_of(request).who} (site)", why=_text(form, "why"), now=site.clock()
    )
    return Acted(
        to="/model",
        message=Message(
            name="model_activated", facts={"title": f"{active.name} {active.sha256[:12]}"}
        ),
        target=f"model {active.sha256}",
    )


def start_shadow(request: Request, site: Site, form: FormData) -> Acted:
    _with_file(request, site, form, "shadow")
    shadow = site.ledger.shadows.history()[0]
    return Acted(
        to="/model",
        message=Message(
            name="shadow_started", facts={"title": f"{shadow.name} {shadow.bundle_sha256[:12]}"}
        ),
        target=f"model {shadow.bundle_sha256}",
    )


def stop_shadow(_request: Request, site: Site, _form: FormData) -> Acted:
    stopped = site.ledger.shadows.stop(now=site.clock())
    title = f"{stopped.name} {stopped.bundle_sha256[:12]}" if stopped else ""
    return Acted(
        to="/model",
        message=Message(name="shadow_stopped", facts={"title": title}),
        target=f"model {stopped.bundle_sha256}" if stopped else "",
    )


def set_rule(request: Request, site: Site, form: FormData) -> Acted:
    """A new bundle in the spool's folder, named by its hash as the others there."""
    parent = _file(site, form)
    out = site.config().spool.path / KEPT_IN / f"{secrets.token_hex(8)}.new"
    options = [
        f"--{name}={rule_number(name, text):.15g}"
        for name in SENTENCES
        if (text := _text(form, name))
    ]
    try:
        run_command(
            site,
            "model",
            "set-rule",
            f"--out={out}",
            f"--bundle={parent}",
            f"--why={_text(form, 'why')}",
            *options,
            who=visitor_of(request).who,
            timeout=VERIFY_SECONDS,
        ).done()
        made = read_header(out)
        out.rename(out.with_name(f"{made.sha256}.safetensors"))
    finally:
        out.unlink(missing_ok=True)
    return Acted(
        to=f"/model/bundle/{made.sha256}",
        message=Message(
            name="model_made",
            facts={"title": f"{made.name} {made.sha256[:12]}", "threshold": made.threshold},
        ),
        target=f"model {made.sha256}",
    )


def _with_file(request: Request, site: Site, form: FormData, command: str) -> None:
    """`ich-node model COMMAND FILE`, which verifies the bundle. Raises IchNodeError."""
    run_command(
        site,
        "model",
        command,
        f"--why={_text(form, 'why')}",
        "--",
        str(_file(site, form)),
        who=visitor_of(request).who,
        timeout=VERIFY_SECONDS,
    ).done()


def _file(site: Site, form: FormData) -> Path:
    """Of the bundle that the form names by its hash, or by a path. Raises BundleError."""
    if path := _text(form, "file"):
        read_header(Path(path))
        return Path(path)
    bundle = bundle_named(bundles_of(site), _text(form, "sha256"))
    if bundle.header is None:
        raise BundleError(bundle.problem)
    return bundle.path


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


routes = [
    acts("/model/activate", "model activated", activate),
    acts("/model/rollback", "model rolled back", roll_back),
    acts("/model/shadow", "shadow started", start_shadow),
    acts("/model/shadow/stop", "shadow stopped", stop_shadow),
    acts("/model/set-rule", "model rule set", set_rule),
]
