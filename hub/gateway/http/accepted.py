"""What a request accepts: decided in one place, for whoever has to know whether its answer has an end."""

import re
from collections.abc import Iterable

EVENTS = b"text/event-stream"
_NOT_AT_ALL = re.compile(rb"q[ \t]*=[ \t]*0(\.0*)?")


def wants_events(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether one of the Accept headers names server-sent events, and with no quality of 0; names are in lower case."""
    accepted = b",".join(value for name, value in headers if name == b"accept")
    for one in accepted.lower().split(b","):
        kind, *settings = (part.strip() for part in one.split(b";"))
        if kind == EVENTS:
            return not any(_NOT_AT_ALL.fullmatch(setting) for setting in settings)
    return False
