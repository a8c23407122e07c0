"""How far a referral has come: that it is there, that somebody has opened it, and that they decided, are three."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from hub.console.web.delivery import Reached
from hub.console.web.saying import Saying
from messaging.topology import Organisation, System

AT = datetime(2026, 11, 28, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
REFERRAL = uuid4()
OWN = Organisation("iom", "OIM", ("*",))
HOSTED = Organisation("iom", "OIM", ("*",), systems=(System("iom", "console", ("*",), ()),))


def marks(
    *states: str, organisation: Organisation = HOSTED, opened: datetime | None = None, state: str | None = None
) -> Sequence[str]:
    """The marks of a referral whose recipient has said so, an hour after the other."""
    steps = [{"state": "sent", "changed_by": "redcross", "changed_at": AT}]
    steps += [{"state": one, "changed_by": "iom", "changed_at": AT + HOUR * n} for n, one in enumerate(states, 1)]
    referral = {"referral_id": REFERRAL, "recipient": "iom", "state": state or ("sent", *states)[-1]}
    reached = Reached({} if opened is None else {REFERRAL: opened}, {"iom": organisation})
    said = [*reached.marks(referral, steps, Saying("es", AT, {"iom": organisation}))]
    assert [label for label, _ in said] == ["Llegó a OIM", "La abrieron", "Decidieron"]
    return [value.rpartition(", ")[2] for _, value in said]


NOT_YET, NOBODY_KNOWS = "todavía no", "no se sabe: usan su propio sistema"


def test_what_was_received_is_neither_opened_nor_decided() -> None:
    assert marks() == [NOT_YET, NOT_YET, NOT_YET]
    assert marks("received") == ["10:00", NOT_YET, NOT_YET]
    assert marks("received", opened=AT + HOUR / 2 + HOUR) == ["10:00", "10:30", NOT_YET]
    assert marks("received", "accepted", opened=AT + HOUR / 2 + HOUR) == ["10:00", "10:30", "11:00"]


def test_whose_own_system_does_not_say_who_opened_it_has_when_they_answer() -> None:
    assert marks("received", organisation=OWN) == ["10:00", NOBODY_KNOWS, NOT_YET]
    assert marks("received", "info_requested", organisation=OWN) == ["10:00", "11:00", NOT_YET]


@pytest.mark.parametrize("state", ["expired", "consent_withdrawn"])
def test_what_has_ended_is_not_waited_for(state: str) -> None:
    assert marks("received", state=state) == ["10:00", "no", "no"]
