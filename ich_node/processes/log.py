"""JSON lines on stderr, one event each: UIDs yes, patients never.

What an exception or a warning of a library says may quote a header value, and so a name: only its
type and its place are logged. The errors of this node, and those of the operating system, say
themselves what they are.
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

LOUD_LIBRARIES = ("pydicom", "highdicom", "pynetdicom", "PIL")

log = structlog.get_logger(__name__)


def set_up_logging(level: str, process: str) -> None:
    """Everything through structlog, libraries from WARNING up; `process` is bound to every line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
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
                structlog.processors.JSONRenderer(),
            ],
            keep_exc_info=True,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("ich_node").setLevel(level.upper())
    for library in LOUD_LIBRARIES:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    warnings.showwarning = _say_where  # type: ignore[assignment]  # it is called by position
    sys.excepthook = _process_ends
    threading.excepthook = _thread_ends
    structlog.contextvars.bind_contextvars(process=process)


def _without_values(exc_info: structlog.typing.ExcInfo) -> str:
    """The traceback, with the text of those errors alone that quote no values."""
    lines: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        lines += [
            f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
        words = f": {error}" if isinstance(error, IchNodeError | OSError) else ""
        lines.append(f"{type(error).__name__}{words}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(lines)


def _say_where(
    _message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object
) -> None:
    """In place of warnings.showwarning."""
    log.debug("warning", category=category.__name__, at=f"{Path(filename).name}:{lineno}")


def _process_ends(
    kind: type[BaseException], error: BaseException, place: TracebackType | None
) -> None:
    log.critical("process_ends", exc_info=(kind, error, place))


def _thread_ends(args: threading.ExceptHookArgs) -> None:
    error = args.exc_value or args.exc_type()
    log.error(
        "thread_ended",
        thread=args.thread and args.thread.name,
        exc_info=(args.exc_type, error, args.exc_traceback),
    )
