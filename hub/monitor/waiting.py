"""Who waits for us because a service has given up a message: the one rule, for alerts, Estado, Fallos and Operación.

    whose([("failed", "redcross"), ("id_reused", "fuvadis"), ("failed", "hub")])    -> ("redcross",)
    whose([("failed", "-")])                                                        -> ("-",)

Whoever has said the message waits until somebody decides. Nobody waits for what was refused when it came: its sender
was told then. What the hub says for itself, and what could not be read, keeps nobody waiting whom anybody could name.
What goes on by itself waits for what is missing, and not for us. Of a confidential case somebody waits, and who that is
is not shown.
"""

from collections.abc import Iterable
from typing import Final

from hub.monitor.log.counting import NOBODY
from messaging.identity import HUB
from messaging.topology import NAME

NOT_SHOWN: Final = NOBODY
"""In place of an organisation whose case is confidential, as services' views and the message log have it."""
TOLD: Final = ("id_reused", "erased")
"""The reasons for which something lies there and nobody waits."""


def whose(given_up: Iterable[tuple[str, str | None]]) -> tuple[str, ...]:
    """The organisations that wait, each once, of what was given up: the reason, and who has said it."""
    return tuple(sorted({source for reason, source in given_up if source and _waits(reason, source)}))


def _waits(reason: str, source: str) -> bool:
    return reason not in TOLD and source != HUB and (source == NOT_SHOWN or NAME.fullmatch(source) is not None)
