"""What somebody has decided is said before what the console says by itself, however much of that has come before."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import contracts
from hub.console.store import acts
from hub.console.store.acts import ActState
from messaging import clock, database
from tests.hub.console.kit import Browser, Console, Running

WHO = "iom"
ARRIVED = 30
Said = contracts.ReferralReceived | contracts.ReferralAccepted


def keep(
    connection: database.Connection,
    staff: str | None,
    what: Sequence[Said],
) -> frozenset[UUID]:
    decided = [acts.decision(one, one.referral_id, organisation=WHO, staff=staff, at=clock.now()) for one in what]
    return acts.keep(connection, WHO, staff, decided, timedelta())


def test_who_waits_before_a_screen_is_not_behind_all_that_arrives(console: Console, running: Running) -> None:
    somebody = console.enrol(Browser(running), "turn.iom", "partner_staff", organisation=WHO)
    with database.connect(console.url) as connection:
        keep(connection, None, [contracts.ReferralReceived(referral_id=UUID(int=n)) for n in range(1, ARRIVED)])
        (decided,) = keep(connection, somebody.code, [contracts.ReferralAccepted(referral_id=UUID(int=ARRIVED))])
        due = acts.due(connection, WHO, 5)
        assert [one["message_id"] for one in due].index(decided) == 0
        assert len(due) == 5
        connection.rollback()


def test_what_has_to_be_said_before_a_decision_is_not_behind_all_that_arrives_either(
    console: Console, running: Running
) -> None:
    somebody = console.enrol(Browser(running), "first.iom", "partner_staff", organisation=WHO)
    with database.connect(console.url) as connection:
        keep(connection, None, [contracts.ReferralReceived(referral_id=UUID(int=n)) for n in range(1, ARRIVED)])
        (arrived,) = keep(connection, None, [contracts.ReferralReceived(referral_id=UUID(int=ARRIVED))])
        (decided,) = keep(connection, somebody.code, [contracts.ReferralAccepted(referral_id=UUID(int=ARRIVED))])
        due = [one["message_id"] for one in acts.due(connection, WHO, ARRIVED + 1)]
        assert due[0] == arrived
        assert decided not in due
        acts.learn(connection, arrived, ActState.ACCEPTED, None, None, timedelta(hours=1))
        assert acts.due(connection, WHO, 1)[0]["message_id"] == decided
        connection.rollback()
