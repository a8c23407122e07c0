"""What custody is asked and answers: one JSON object in a line each way, then the connection ends.

    {"do": "open", "organisation": "redcross", "staff": "rc-07", "session": "…", "purpose": "case", "blocks": ["…"]}
    {"blocks": [{"block": "…", "kind": "person", "content": {…}}, {"block": "…", "code": "unknown"}]}

    {"do": "search", "organisation": "redcross", "staff": "rc-07", "session": "…", "purpose": "box", "text": "Ana Díaz"}
    {"hits": [{"block": "…", "message": "…", "referral": "…", "person": "…", "terms": 2}], "of": 2, "more": false}

    {"do": "seal_anew", "organisation": "redcross", …, "purpose": "redirected", "block": "…", "recipient": "fuvadis"}
    {"sealed": "eyJ…"}

    {"code": "not_recorded"}

Of a block: `unknown` (there is none that the organisation may see), `no_key`, `cannot_open`. Of all that is asked:
`not_a_request`, `not_hosted`, `busy`, `not_recorded` (the audit could not be written, so nothing was opened), `failed`.
Of one that is to be sealed anew: those of a block, `no_recipient` (whoever it is for does not take part),
`no_recipient_key`.
"""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

MOST_ASKED: Final = 16 * 1024  # bytes of a line that asks
MOST_ANSWERED: Final = 8 * 1024 * 1024  # of one that answers: as many of the longest blocks as may be asked for
MOST_BLOCKS: Final = 100
MOST_HITS: Final = 50

Organisation = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{1,39}$")]
Staff = Annotated[str, Meta(pattern="^[A-Za-z0-9-]{2,40}$")]
Purpose = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{1,39}$")]
Blocks = Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=MOST_BLOCKS)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]


class _Asked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="do"):
    """Who asks, as it is recorded."""

    organisation: Organisation
    staff: Staff
    session: UUID
    purpose: Purpose
    """What it is wanted for: the page, as a code."""

    def __repr__(self) -> str:  # what is searched for is nobody's business where this is printed
        return f"<{type(self).__name__}>"


class Open(_Asked, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="open"):
    """Open blocks: those of one page, which are one entry of the audit."""

    blocks: Blocks


class SealAnew(_Asked, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="seal_anew"):
    """Open the block of a person, and seal what is in it to another organisation: it is shown to nobody."""

    block: UUID
    recipient: Organisation


class Search(_Asked, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="search"):
    """Find blocks by words of a name, a telephone or its last four digits, a document's number, or several of these."""

    text: Text
    coordinates: bool = False
    """Whether also by names that the organisation was told to coordinate."""


Asked = Open | SealAnew | Search

_decoder = msgspec.json.Decoder(Asked)


class NotDone(Exception):
    """Why nothing of what was asked is answered: a code, as above."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read(line: bytes) -> Asked:
    """Read what is asked. Raises NotDone(`not_a_request`)."""
    try:
        asked: Asked | None = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        asked = None
    if asked is None:  # outside the except block: the error may quote what was asked
        raise NotDone("not_a_request")
    return asked


def written(said: Any) -> bytes:
    """Write what is asked or answered, as a line."""
    return msgspec.json.encode(said) + b"\n"
