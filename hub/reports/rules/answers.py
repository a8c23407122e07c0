"""How reports say no, and whom they believe."""

from typing import Final

HUB: Final = "hub"


class Refused(Exception):
    """A rule says no. `code` is what the sender is told; nothing of the message is applied."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TooEarly(Exception):
    """What the runtime asks of every service. Nothing is too early to be kept here: counting joins what belongs."""


def check_speaks_for(organisation: str, *, by: str) -> None:
    """Raise Refused where an organisation's own service speaks of another: only the hub's speak of all."""
    if by not in (HUB, organisation):
        raise Refused("not_yours")


def check_delivery(delivered_by: str, *, by: str, together: bool) -> None:
    """Raise Refused where somebody reports what another has delivered, but at a jornada or in a programme.

    Whether both take part in those is seen when it is counted: facts come in any order.
    """
    if not together:
        check_speaks_for(delivered_by, by=by)
