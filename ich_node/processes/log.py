"""The log: JSON lines on stderr, one event each. UIDs are logged, patients never.

The message of a library's exception or warning may quote a header value, e.g. a patient's name:
only its type and its place are logged. The messages of this node's own errors, and of those of the
operating system, quote no values and are logged.
"""

import logging
import sys
import threading
import traceback
import warnings
from pathlib import Path
from types import TracebackType

import structlog

from ich_node.errors import IchNodeError

SILENCED_LIBRARIES = ("pydicom", "highdicom", "pynetdicom", "PIL")

log = structlog.get_logger(__name__)


def set_up_logging(level: str, process: str, *, format: str = "auto", time: str = "local") -> None:
    """Send everything through structlog, libraries from WARNING up.

    process: the name of the service, on every line. The others are settings of [log].
    """
    for_people = format == "console" or (format == "auto" and sys.stderr.isatty())
    utc = time == "utc" or not for_people
    form = "%Y-%m-%d %H:%M:%S %Z" if for_people else "iso"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt=form, utc=utc),
    ]
    structlog.configure(
        # the level may change while the process runs, so the loggers must not keep it
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(_without_values),
                *_renderers(for_people),
            ],
            keep_exc_info=True,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    set_level(level)
    for library in SILENCED_LIBRARIES:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    warnings.showwarning = _log_warning  # type: ignore[assignment]  # it is called by position
    sys.excepthook = _log_process_crash
    threading.excepthook = _log_thread_crash
    structlog.contextvars.bind_contextvars(process=process)


def set_level(level: str) -> None:
    """Of what this node logs."""
    logging.getLogger("ich_node").setLevel(level.upper())


def _renderers(for_people: bool) -> list[structlog.typing.Processor]:
    if not for_people:
        return [structlog.processors.JSONRenderer()]
    return [
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0, pad_level=False)
    ]


def _without_values(exc_info: structlog.typing.ExcInfo) -> str:
    """The traceback, with the messages of only those errors that quote no values."""
    lines: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        lines += [
            f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
        message = f": {error}" if isinstance(error, IchNodeError | OSError) else ""
        lines.append(f"{type(error).__name__}{message}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(lines)


def _log_warning(
    _message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object
) -> None:
    """Replaces warnings.showwarning."""
    log.debug("warning", category=category.__name__, at=f"{Path(filename).name}:{lineno}")


def _log_process_crash(
    kind: type[BaseException], error: BaseException, place: TracebackType | None
) -> None:
    log.critical("process_crashed", exc_info=(kind, error, place))


def _log_thread_crash(args: threading.ExceptHookArgs) -> None:
    error = args.exc_value or args.exc_type()
    log.error(
        "thread_crashed",
        thread=args.thread and args.thread.name,
        exc_info=(args.exc_type, error, args.exc_traceback),
    )
