"""What pages ask custody for, in the name of whoever looks: to find people, and to open what is sealed.

Custody records each question by itself and first. A page asks before it notes anything about people: both write their
keys, and would wait for each other. Where custody hangs, a few pages wait for it, and all others are served.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from hub.console.custody.client import Asking, Custody, CustodyError, Found, Opened
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from messaging.log import fields

log = logging.getLogger("ruta.console")

Answer = TypeVar("Answer")

ANSWERS_WITHIN: Final = 4.0  # seconds; the transaction of a page waits for less than ten
AT_ONCE: Final = 4  # pages that wait for custody; one more is told at once that it is away

_room = threading.BoundedSemaphore(AT_ONCE)


def search(visit: Visit, settings: Settings, text: str, *, coordinates: bool) -> Found:
    """Find blocks of the organisation of whoever looks. Raises CustodyError."""
    return _ask(settings, lambda custody: custody.search(_asking(visit, "box"), text, coordinates=coordinates))


def open_blocks(visit: Visit, settings: Settings, purpose: str, blocks: Sequence[UUID]) -> Mapping[UUID, Opened]:
    """Have blocks of a page opened, which is one row of the audit. Raises CustodyError."""
    return _ask(settings, lambda custody: custody.open(_asking(visit, purpose), blocks)) if blocks else {}


def seal_anew(visit: Visit, settings: Settings, purpose: str, block: UUID, recipient: str) -> str:
    """Have a person's block sealed to another organisation, as a message takes it. Raises CustodyError."""
    return _ask(settings, lambda custody: custody.seal_anew(_asking(visit, purpose), block, recipient))


def _asking(visit: Visit, purpose: str) -> Asking:
    assert visit.session is not None
    return Asking(visit.staff.organisation, visit.staff.code, visit.session.id, purpose)


def _ask(settings: Settings, ask: Callable[[Custody], Coroutine[Any, Any, Answer]]) -> Answer:
    code = "away"
    if settings.custody is not None and _room.acquire(blocking=False):
        try:
            return asyncio.run(ask(Custody(settings.custody, within=ANSWERS_WITHIN)))
        except CustodyError as error:
            code = error.code
        finally:
            _room.release()
    log.warning("custody has not done it", extra=fields(code=code))
    raise CustodyError(code)
