"""Media types as senders may write them: `application/json` is also `Application/JSON; charset="UTF-8"`."""

import re

MAX_LENGTH = 255
"""The longest that AMQP carries in a property."""
_WORD = "[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_PARAMETER = re.compile(f'[ \t]*;[ \t]*(?:({_WORD})=({_WORD}|"[^"\\\\]*"))?')


def is_media_type(said: object, wanted: str) -> bool:
    """Whether a content type is `wanted` (in lower case), in UTF-8: by RFC 9110, in any case, with any parameters."""
    if not isinstance(said, str) or len(said) > MAX_LENGTH or said[: len(wanted)].lower() != wanted:
        return False
    charsets, at = set(), len(wanted)
    while at < len(said.rstrip(" \t")):
        parameter = _PARAMETER.match(said, at)
        if parameter is None:
            return False
        if (parameter[1] or "").lower() == "charset":
            charsets.add(parameter[2].strip('"').lower())
        at = parameter.end()
    return charsets <= {"utf-8"}
