"""How reports say no, and whom they believe."""

from collections.abc import Mapping, Set
from typing import Final
from uuid import UUID

HUB: Final = "hub"


class Refused(Exception):
    """A rule says no. `code` is what the sender is told; nothing of the message is applied."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TooEarly(Exception):
    """Not possible yet: `what`, under the subject `key`, may be on its way. `code` refuses it if that never comes."""

    def __init__(self, what: str, key: str) -> None:
        self.key = key
        self.code = f"{what}_unknown"
        super().__init__(self.code)


def check_speaks_for(organisation: str, *, by: str) -> None:
    """Raise Refused where an organisation's own service speaks of another: only the hub's speak of all."""
    if by not in (HUB, organisation):
        raise Refused("not_yours")


def check_delivery(delivered_by: str, *, by: str, together: bool) -> None:
    """Raise Refused where somebody reports what another has delivered, but at a jornada or in a programme.

    Whether both take part in the programme is seen when it is counted: facts come in any order.
    """
    if not together:
        check_speaks_for(delivered_by, by=by)


def check_takes_part(delivered_by: str, jornada_id: UUID, parties: Mapping[str, Set[str]], *, by: str) -> None:
    """Raise Refused where somebody reports what another has delivered at a jornada in which not both take part.

    `parties`: who takes part, by the word of each who speaks of it. Only what the hub says refuses anybody: by the word
    of an organisation alone a delivery waits, for the true one may be on its way.
    """
    if by in (HUB, delivered_by) or any({by, delivered_by} <= named for named in parties.values()):
        return
    if HUB in parties:
        raise Refused("not_a_partner")
    raise TooEarly("jornada", str(jornada_id))
