"""`Prefer: wait=5` (RFC 7240): the answer waits so many seconds for what becomes of the message."""

import asyncio
import logging
import re
from uuid import UUID

from hub.gateway.http.entrance import Scope, headers_of
from hub.gateway.http.keys import Caller
from hub.gateway.http.problems import language_of
from hub.gateway.http.submissions import Answer
from messaging.log import describe, fields

log = logging.getLogger("ruta.gateway")

LONGEST = 10  # seconds; who prefers more is told that it was so many
LOOK_AGAIN = 2.0  # seconds without a signal: one may be lost with the connection that listens
_WAIT = re.compile(rb'(?:^|,)[ \t]*wait[ \t]*=[ \t]*"?([0-9]{1,4000})"?[ \t]*(?:;[^,]*)?(?=,|$)', re.IGNORECASE)


def seconds(prefer: bytes | None) -> int | None:
    """How long the answer is to wait; None where nothing is said of it, or nothing that can be read."""
    found = _WAIT.search(prefer) if prefer else None
    return min(int(found[1]), LONGEST) if found else None


async def outcome(scope: Scope, caller: Caller, answer: Answer, within: int) -> Answer:
    """Return what became of the message where that is final in time; what it was answered otherwise.

    It is accepted already: whatever goes wrong here, its sender hears that it is.
    """
    state = scope["app"].state
    until = asyncio.get_running_loop().time() + within
    language, message_id = language_of(headers_of(scope)), UUID(str(answer.content["id"]))
    while not state.signals.ended:
        woken = state.signals.outcome(caller.organisation)  # before one looks: nothing is missed in between
        try:
            document = await state.outcome_of(
                state.pool, caller.organisation, message_id, system=caller.system, language=language
            )
            if document is not None and document["final"]:
                return Answer(200, document)
            left = until - asyncio.get_running_loop().time()
            if left <= 0:
                break
            await asyncio.wait((woken,), timeout=min(left, LOOK_AGAIN))
        except Exception as error:
            log.warning("what became of a message cannot be told", extra=fields(error=describe(error)))
            break
        finally:
            woken.cancel()
    return answer
