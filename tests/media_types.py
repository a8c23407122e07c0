"""Ways to write a media type, which are tried wherever one is read: `{}` is the one that is wanted."""

from typing import Any, Final

MEDIA_TYPES: Final[list[tuple[Any, bool]]] = [
    ("{}", True),
    ("{}; charset=utf-8", True),
    ("{};charset=UTF-8", True),
    ('{} ; Charset="utf-8"', True),
    ("{}; version=1; charset=utf-8;", True),
    ('{};profile="a;b"', True),
    ("{};", True),
    ("{} ", True),
    ("{}; charset=utf-16", False),
    ("{}; charset=latin-1", False),
    ("{}; CHARSET=ISO-8859-1", False),
    ("{}; charset=utf-8; charset=latin-1", False),
    ("{}; charset=", False),
    ("{}; charset", False),
    ("{}; charset=utf-8 latin-1", False),
    ('{}; charset="utf-8', False),
    ("{} charset=utf-8", False),
    ("{}x", False),
    ("{}+xml", False),
    ("{}, text/plain", False),
    (" {}", False),
    ("{};" + "a=b;" * 10_000, False),
    ("text/plain", False),
    ("application/cloudevents-batch+json", False),
    ("", False),
    (7, False),
    (["{}"], False),
]
