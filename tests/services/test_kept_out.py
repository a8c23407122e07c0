"""What the database keeps out of a batch costs the batch a second turn, however much it is, and itself a refusal."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, LiteralString
from uuid import UUID

import pytest

import contracts
from contracts import Message, uuid7
from contracts.codes import Power
from deploy.local import Stack
from messaging import transaction
from messaging.runtime import Delivery, Runtime
from messaging.transaction import KeptOut
from services.referrals.service import ReferralsService
from tests.examples import (
    RECIPIENT,
    consent_recorded,
    organisation_recorded,
    referral_requested,
    say,
    service_published,
)
from tests.services.conftest import Clock
from tests.services.databases import make_tables
from tests.services.outcomes.cases import handlers_of
from tests.services.outcomes.surroundings import folder_of


class Referrals:
    """Referrals as its process runs it, and how often each message was handled."""

    def __init__(self, url: str) -> None:
        self.handled: Counter[UUID] = Counter()
        handlers = {contract: self._counting(handler) for contract, handler in handlers_of(ReferralsService).items()}
        self.runtime = Runtime("kept out", url, handlers)
        self.apply(say(service_published(), source=RECIPIENT))

    def _counting(self, handler: Any) -> Any:
        def counting(service: Any, tx: Any, message: Message[Any]) -> Any:
            self.handled[message.id] += 1
            return handler(service, tx, message)

        return counting

    def apply(self, *messages: Message[Any]) -> Counter[str]:
        """Apply a batch; return what was said, by contract or by the code of a refusal."""
        deliveries = [Delivery(tag, one.to_json(), redelivered=False) for tag, one in enumerate(messages)]
        said: Counter[str] = Counter()
        for committed in self.runtime.apply(ReferralsService(), deliveries):
            for publication in committed.publications:
                answer = contracts.parse(publication.body)
                said[getattr(answer.data, "code", None) or answer.type.rpartition(".v")[0]] += 1
        return said

    def asks(self, number: int) -> list[contracts.ReferralRequested]:
        """Record consents of so many people; return a request for each."""
        people = [(uuid7(), uuid7()) for _ in range(number)]
        self.apply(*(say(consent_recorded(person_id=one, consent_id=consent), source="hub") for one, consent in people))
        return [referral_requested(referral_id=uuid7(), person_id=one, consent_id=consent) for one, consent in people]


@pytest.fixture
def referrals(stack: Stack, hub_clock: Clock) -> Iterator[Referrals]:
    stack.drop_database("kept_out")
    url = stack.create_database("kept_out")
    make_tables(url, folder_of("referrals"))
    referrals = Referrals(url)
    yield referrals
    referrals.runtime.close()
    stack.drop_database("kept_out")


def twice(asked: contracts.ReferralRequested) -> contracts.ReferralRequested:
    """The same request under another referral id."""
    return asked.model_copy(update={"referral_id": uuid7()})


def test_a_batch_with_rows_that_are_kept_out_is_handled_twice_and_no_more(
    referrals: Referrals, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_at_once: list[str] = []
    fetch = transaction.Transaction.fetch

    def noting(tx: transaction.Transaction, sql: LiteralString, params: Any = ()) -> Any:
        asked_at_once.append(sql)
        return fetch(tx, sql, params)

    monkeypatch.setattr(transaction.Transaction, "fetch", noting)
    known, new = referrals.asks(25), referrals.asks(175)
    referrals.apply(*(say(one) for one in known))
    doubles = [twice(one) for one in known], [twice(one) for one in new[:15]], [one.model_copy() for one in new[15:25]]
    batch = [say(one) for one in (*new[:100], *(one for some in doubles for one in some), *new[100:])]
    said = referrals.apply(*batch)
    assert (said["referral.offered"], said["open_referral_exists"], said["already_sent"]) == (175, 40, 10)
    assert {referrals.handled[message.id] for message in batch} == {2}
    assert asked_at_once == []


def test_where_nothing_is_kept_out_everything_is_handled_once(referrals: Referrals) -> None:
    batch = [say(one) for one in referrals.asks(50)]
    assert referrals.apply(*batch)["referral.offered"] == 50
    assert {referrals.handled[message.id] for message in batch} == {1}


def test_what_comes_in_only_because_another_was_kept_out_comes_in(referrals: Referrals) -> None:
    """A double that would have been redirected takes nobody's place: each message ends as if it had come alone."""
    known, elsewhere = referrals.asks(2)
    referrals.apply(say(service_published(service_id=(service := uuid7())), source="americares"))
    referrals.apply(say(known))
    double, fresh = twice(known), uuid7()
    to_americares: dict[str, Any] = {"person_id": known.person_id, "recipients": ("americares",)}
    referrals.apply(say(consent_recorded(consent_id=fresh, granted_to=RECIPIENT, **to_americares), source="hub"))

    def redirected(asked: contracts.ReferralRequested) -> list[Message[Any]]:
        data = contracts.ReferralRedirected(
            referral_id=asked.referral_id, new_referral_id=uuid7(), recipient="americares", service_id=service,
            consent_id=fresh, sealed=asked.sealed,
        )  # fmt: skip
        received = contracts.ReferralReceived(referral_id=asked.referral_id)
        return [say(received, source=RECIPIENT), say(data, source=RECIPIENT)]

    said = referrals.apply(say(double), *redirected(double), *redirected(known), say(elsewhere))
    assert (said["open_referral_exists"], said["referral.offered"]) == (1, 2)


def test_where_the_second_turn_is_wrong_each_message_is_handled_alone_and_asks_at_last(
    referrals: Referrals, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = transaction.Transaction.check

    def wrong(tx: transaction.Transaction) -> None:
        if tx._kept_out is not None:
            raise KeptOut(())
        check(tx)

    batch = [say(one) for one in referrals.asks(3)]
    monkeypatch.setattr(transaction.Transaction, "check", wrong)
    assert referrals.apply(*batch)["referral.offered"] == 3
    assert {referrals.handled[message.id] for message in batch} == {2 + 3}


def test_what_a_batch_is_told_of_an_organisation_holds_for_what_comes_after_it_and_not_before(
    referrals: Referrals,
) -> None:
    def publishes() -> Message[Any]:
        service_id = uuid7()
        return say(service_published(service_id=service_id, answered_by="hub"), source=RECIPIENT)

    def told(number: int, *powers: Power) -> Message[Any]:
        return say(organisation_recorded(RECIPIENT, number=number, powers=powers), source="hub")

    may, may_not, late = told(2, Power.RUN_PROGRAMMES), told(4), told(3, Power.RUN_PROGRAMMES)
    said = referrals.apply(publishes(), may, publishes(), publishes(), may_not, publishes(), late, publishes())
    assert said == {"answered_by_not_allowed": 3, "service.recorded": 2}
    assert referrals.apply(publishes()) == {"answered_by_not_allowed": 1}  # and in the next one
