"""explain: what the node would do with a series, and which rule decides."""

import io
import json
import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ich_node.cli.job_choice import WORDS, job_ids
from ich_node.errors import ConfigError, NoLedger

if TYPE_CHECKING:
    from pydicom import Dataset

    from ich_node.cli.context import CliContext
    from ich_node.config.config import Config
    from ich_node.ledger import Instance

OUTCOMES = {"read": "would be read", "refused": "would be refused", "held": "would be held"}


def explain(
    context: typer.Context,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...|JOB...",
            help=f"DICOM files or folders, or jobs: {WORDS[0].lower()}{WORDS[1:]}",
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option(help="As if the files came from this source, a name of config.toml."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print what the node would read or refuse, and which rule decides; nothing is analysed."""
    node: CliContext = context.obj
    _check_source(node.config, source)
    paths = [Path(word) for word in what if Path(word).exists()]
    jobs = _jobs(context, [word for word in what if not Path(word).exists()])
    documents, skipped = _of_files(node, paths, source) if paths else ([], [])
    documents += [_of_job(node, job, source) for job in jobs]
    if as_json:
        typer.echo(json.dumps({"series": documents, "skipped": skipped}, ensure_ascii=False))
        return
    for document in documents:
        _print(document)
    for file in skipped:
        typer.echo(f"{file['path']}: {file['reason']}")


def _jobs(context: typer.Context, words: Sequence[str]) -> list[int]:
    """Raises ConfigError or NoLedger."""
    if not words:
        return []
    try:
        return job_ids(context, words)
    except NoLedger as error:
        if all(word.isdecimal() for word in words):
            raise
        raise ConfigError(f"there is no file or folder '{words[0]}', and {error.detail}") from error
    except ConfigError as error:
        sentence = error.detail.replace("there is no job", "there is no file, folder or job", 1)
        raise ConfigError(sentence) from error


def _of_files(
    node: "CliContext", paths: list[Path], source: str | None
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    from ich_node.files.find import find_series

    series_files, skipped = find_series(paths)
    documents = [
        {
            "study_instance_uid": files.study_instance_uid,
            "series_instance_uid": files.series_instance_uid,
            "objects": len(files.paths),
            **_explained(node.config, files.datasets(), source=source),
        }
        for files in series_files
    ]
    return documents, [{"path": str(file.path), "reason": file.reason} for file in skipped]


def _of_job(node: "CliContext", job_id: int, source: str | None) -> dict[str, Any]:
    ledger = node.existing_ledger().operator
    job = ledger.get(job_id)
    assert job is not None, "found a moment ago"
    released = any(
        each.released_at is not None
        for each in ledger.study(job)
        if each.series_instance_uid == job.series_instance_uid
    )
    datasets = _objects(node, ledger.instances(job), job_id)
    return {
        "job": job.id,
        "source": source or job.source,
        "study_instance_uid": job.study_instance_uid,
        "series_instance_uid": job.series_instance_uid,
        "objects": len(datasets),
        **_explained(node.config, datasets, source=source or job.source, released=released),
    }


def _objects(node: "CliContext", instances: "Sequence[Instance]", job_id: int) -> "list[Dataset]":
    """Raises ConfigError if they were removed."""
    from ich_node.series.object_file import read_object

    folder = node.config.spool.path
    try:
        if instances:
            return [
                read_object(
                    io.BytesIO((folder / each.path).read_bytes()),
                    sop_instance_uid=each.sop_instance_uid,
                )
                for each in instances
            ]
    except FileNotFoundError:
        pass
    raise ConfigError(
        f"the files of job {job_id} were removed after their time; send the series again"
    )


def _explained(
    config: "Config", datasets: "list[Dataset]", *, source: str | None, released: bool = False
) -> dict[str, Any]:
    from ich_node.files.explain import explained
    from ich_node.series.rules import SelectionRules
    from ich_node.study.site_rules import site_rules

    return explained(
        datasets,
        rules=SelectionRules(**config.selection.model_dump()),
        site_rules=site_rules(config),
        source=source,
        released=released,
    )


def _check_source(config: "Config", source: str | None) -> None:
    names = [each.name for each in config.sources]
    if source is not None and source not in names:
        there_are = ", ".join(names) or "none"
        raise ConfigError(f"--source: there is no source '{source}'; there are: {there_are}")


def _print(document: dict[str, Any]) -> None:
    from ich_node.files.explain import rule_sentence

    name = document["series_instance_uid"] or "(no SeriesInstanceUID)"
    typer.echo(f"job {document['job']}, series {name}" if "job" in document else f"series {name}")
    outcome = OUTCOMES[document["outcome"]]
    if document["outcome"] == "refused":
        outcome += f" ({document['reason']})"
    _print_wrapped(f"{document['objects']} objects: {outcome}: {document['detail']}")
    for rule in document["rules"]:
        _print_wrapped(rule_sentence(rule))
    for part in document["missing"]:
        _print_wrapped(f"not the whole head: {part['detail']}")
    for warning in document["warnings"]:
        _print_wrapped(f"warning: {warning['detail']}")
    for left in document["left_out"]:
        frame = f" frame {left['frame_number']}" if "frame_number" in left else ""
        _print_wrapped(f"left out {left['sop_instance_uid']}{frame}: {left['reason']}")


def _print_wrapped(text: str) -> None:
    """Indented, in the width of the terminal; longer words stay whole."""
    typer.echo(
        textwrap.fill(
            text,
            max(40, shutil.get_terminal_size().columns),
            initial_indent="  ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def add_to(app: typer.Typer) -> None:
    app.command()(explain)
