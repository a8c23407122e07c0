"""JSON lines on stderr that name things by their ids and never quote what a message or an exception says."""

import json
import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

# What may stand in a line of our own beside its text. A field that is not listed here is left out.
FIELDS = (
    "carried", "code", "contract", "correlation", "count", "digest", "error", "exchange", "message", "organisation",
    "outcome", "parked", "process", "queue", "received", "redelivered", "referral", "request", "seconds", "source",
    "state", "version", "what", "where",
)  # fmt: skip


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        # The arguments of other libraries' lines hold whatever they were working on, so only their templates are kept.
        ours = record.name.startswith("ruta")
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "says": record.getMessage() if ours else _template(record.msg),
        }
        line |= {name: str(getattr(record, f"_{name}")) for name in FIELDS if hasattr(record, f"_{name}")}
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = describe(record.exc_info[1])
        return json.dumps(line)


def set_up(process: str) -> None:
    """Send this process's log to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    sys.excepthook = lambda kind, error, trace: _say_uncaught(error)
    sys.unraisablehook = lambda args: _say_uncaught(args.exc_value)
    threading.excepthook = lambda args: _say_uncaught(args.exc_value)
    traceback.print_exc = lambda *_, **__: _say_uncaught(sys.exc_info()[1])  # eventlet calls it here and there
    logging.getLogger("nameko").setLevel(logging.WARNING)
    logging.getLogger("amqp").setLevel(logging.WARNING)


def _say_uncaught(error: BaseException | None) -> None:
    """Python's own way would print all that the exception says."""
    what = describe(error) if error else "unknown"
    logging.getLogger("ruta").critical("nobody caught this", extra=fields(error=what))


def _template(message: object) -> str:
    return message if isinstance(message, str) else type(message).__name__


def fields(**named: object) -> dict[str, object]:
    """Return the `extra` of a log call; the names are those of FIELDS."""
    return {f"_{name}": value for name, value in named.items()}


def describe(error: BaseException) -> str:
    """Say what an exception is and where it came from, and nothing of what it says: its text may quote a person.

    `UniqueViolation[23505] at store.py:41 save_referral < service.py:30 record_acceptance`
    """
    code = getattr(error, "sqlstate", None)
    name = type(error).__name__ + (f"[{code}]" if code else "")
    places = _places(error.__traceback__)
    return f"{name} at {places}" if places else name


def cause(error: BaseException) -> str:
    """Say of an exception what those of one cause have in common.

    Where the database said no, that is what it stumbled over and not where: statements go out in pipelines, and the
    answer is met by whichever comes next.

    `UniqueViolation[23505] of referral.referral_pkey`, and else as `describe` has it
    """
    code = getattr(error, "sqlstate", None)
    if not code:
        return describe(error)
    said = getattr(error, "diag", None)
    of = [getattr(said, name, None) for name in ("table_name", "column_name", "constraint_name")]
    named = ".".join(filter(None, of))
    return f"{type(error).__name__}[{code}]" + (f" of {named}" if named else "")


def _places(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)[-4:]
    return " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in reversed(frames))
