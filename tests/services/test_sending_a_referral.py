"""A referral is sent: to a service its recipient offers, under a consent that covers it, once."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

import contracts
from contracts import codes, uuid7
from messaging import database
from messaging.transaction import Transaction, transaction
from services.referrals import rules, store
from tests.examples import (
    ANOTHER,
    CONSENT_ID,
    NOW,
    RECIPIENT,
    SEALED,
    SENDER,
    a_draft,
    confidential_request,
    consent_recorded,
    organisation_recorded,
    referral_requested,
    say,
    send,
    service_published,
)
from tests.services.conftest import ServiceUnderTest
from tests.services.stories import bring_to, prepare, state_of
from tests.waiting import eventually

HOUR = timedelta(hours=1)


def test_a_referral_is_offered_to_its_recipient_and_confirmed_to_its_sender_as_number_one(
    referrals: ServiceUnderTest,
) -> None:
    prepare(referrals)
    asked = referral_requested()
    offered, status = referrals.hear(asked, source=SENDER)
    assert (offered.recipient, offered.sequence, offered.data.sender) == (RECIPIENT, 1, SENDER)
    assert offered.data.request == asked
    assert (offered.data.receive_by, offered.data.answer_by) == (NOW + 72 * HOUR, NOW + 14 * 24 * HOUR)
    assert (status.recipient, status.sequence, status.data.state) == (SENDER, 1, "sent")
    assert state_of(referrals) == "sent"


def test_the_hub_keeps_nothing_of_the_sealed_block(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "closed")
    kept = referrals.rows("select referral::text from referral") + referrals.rows("select history::text from history")
    assert kept
    assert not any(SEALED[:20] in str(row) for row in kept)


def test_an_old_version_is_sent_as_the_newest(referrals: ServiceUnderTest) -> None:
    prepare(referrals)
    fields = {
        name: value
        for name, value in dict(referral_requested()).items()
        if name not in ("contact", "accessibility", "follow_up")
    }
    old = contracts.ReferralRequestedV1(**fields, language="es", phone_ok=False)
    offered, _ = referrals.hear(old, source=SENDER)
    assert offered.data.request.contact.channel == codes.ContactChannel.THROUGH_SENDER


def test_the_same_request_under_another_message_id_is_refused_as_a_repeat(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "received")
    with pytest.raises(rules.Refused, match=r"^already_sent$"):
        referrals.hear(referral_requested(), source=SENDER)
    assert state_of(referrals) == "received"


def test_a_second_open_referral_for_the_same_person_service_and_recipient_is_refused(
    referrals: ServiceUnderTest,
) -> None:
    bring_to(referrals, "accepted")
    with pytest.raises(rules.Refused, match=r"^open_referral_exists$"):
        referrals.hear(referral_requested(referral_id=uuid7()), source=SENDER)


@pytest.mark.parametrize("state", sorted(rules.ENDED - {"redirected", "expired", "consent_withdrawn"}))
def test_a_new_referral_may_follow_one_that_has_ended(referrals: ServiceUnderTest, state: str) -> None:
    bring_to(referrals, state)
    assert len(referrals.hear(referral_requested(referral_id=uuid7()), source=SENDER)) == 2


def test_a_case_code_stands_for_the_person_within_its_sender_only(referrals: ServiceUnderTest) -> None:
    prepare(referrals)
    groups = (codes.FieldGroup.CONTACT, codes.FieldGroup.PROTECTION)
    consents = {SENDER: uuid7(), ANOTHER: uuid7()}
    for organisation, consent_id in consents.items():
        covering = consent_recorded(
            consent_id=consent_id, person_id=None, case_code="GBV-0001", field_groups=groups, granted_to=organisation
        )
        referrals.hear(covering, source="hub")
    for organisation, consent_id in consents.items():
        referrals.hear(confidential_request(referral_id=uuid7(), consent_id=consent_id), source=organisation)
    with pytest.raises(rules.Refused, match=r"^open_referral_exists$"):
        referrals.hear(confidential_request(referral_id=uuid7(), consent_id=consents[SENDER]), source=SENDER)


def test_the_index_and_the_rules_agree_on_what_is_open(referrals: ServiceUnderTest) -> None:
    indexes = referrals.rows("select indexdef from pg_indexes where indexname like 'one_open_referral%%'")
    assert len(indexes) == 2
    for index in indexes:
        assert {state for state in rules.State if f"'{state}'" in index["indexdef"]} == rules.ENDED


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"recipient": ANOTHER}, "service_not_of_recipient"),
        ({"recipient": SENDER}, "recipient_is_sender"),
        ({"person_id": uuid7()}, "consent_of_another_person"),
        ({"shares": (codes.FieldGroup.HEALTH,)}, "consent_not_for_fields"),
        ({"answer_by": NOW}, "answer_by_passed"),
    ],
)
def test_what_the_consent_or_the_service_does_not_cover_is_refused_and_nothing_is_kept(
    referrals: ServiceUnderTest, asked: dict[str, Any], code: str
) -> None:
    prepare(referrals)
    with pytest.raises(rules.Refused, match=rf"^{code}$"):
        referrals.hear(referral_requested(**asked), source=SENDER)
    assert referrals.rows("select 1 from referral") == []


def test_an_organisation_cannot_send_under_anothers_consent(referrals: ServiceUnderTest) -> None:
    prepare(referrals)
    with pytest.raises(rules.Refused, match=r"^consent_not_granted_to_you$"):
        referrals.hear(referral_requested(), source=ANOTHER)


def test_a_service_that_is_no_longer_offered_takes_no_referrals(referrals: ServiceUnderTest) -> None:
    prepare(referrals)
    referrals.hear(service_published(active=False), source=RECIPIENT, said_at=NOW + HOUR)
    with pytest.raises(rules.Refused, match=r"^service_inactive$"):
        referrals.hear(referral_requested(), source=SENDER)


def test_who_has_been_removed_from_the_network_is_sent_nothing_until_it_is_back(
    referrals: ServiceUnderTest,
) -> None:
    prepare(referrals)
    referrals.hear(organisation_recorded(RECIPIENT, number=3, status=codes.OrganisationStatus.REMOVED), source="hub")
    with pytest.raises(rules.Refused, match=r"^service_inactive$"):
        referrals.hear(referral_requested(), source=SENDER)
    assert referrals.rows("select from directory") == []

    referrals.hear(organisation_recorded(RECIPIENT, number=4), source="hub")
    assert referrals.hear(referral_requested(), source=SENDER)


def test_who_is_suspended_is_sent_what_it_reads_when_it_is_back(referrals: ServiceUnderTest) -> None:
    prepare(referrals)
    referrals.hear(organisation_recorded(RECIPIENT, number=3, status=codes.OrganisationStatus.SUSPENDED), source="hub")
    assert RECIPIENT in {one.recipient for one in referrals.hear(referral_requested(), source=SENDER)}


def test_an_override_is_sent_without_consent_and_kept_for_the_audit(referrals: ServiceUnderTest) -> None:
    prepare(referrals)
    override = contracts.ConsentOverride(
        authorised_by="RC-77", reason=codes.OverrideReason.LIFE_AT_RISK, expires_after_hours=6
    )
    referrals.hear(referral_requested(consent_id=None, override=override), source=SENDER)
    overridden, sent = referrals.rows("select * from history order by history_id")
    assert (overridden["what"], overridden["organisation"], overridden["reason"]) == (
        "consent_overridden",
        SENDER,
        "life_at_risk",
    )
    assert overridden["details"] == {"authorised_by": "RC-77", "expires_at": (NOW + 6 * HOUR).isoformat()}
    assert (sent["what"], sent["sequence"]) == ("sent", 1)


def test_an_override_that_waited_too_long_is_refused(referrals: ServiceUnderTest) -> None:
    prepare(referrals)
    override = contracts.ConsentOverride(
        authorised_by="RC-77", reason=codes.OverrideReason.LIFE_AT_RISK, expires_after_hours=6
    )
    with pytest.raises(rules.Refused, match=r"^override_expired$"):
        referrals.hear(referral_requested(consent_id=None, override=override), source=SENDER, said_at=NOW - 7 * HOUR)


# -- what referrals learns from others ------------------------------------------------------------------------------


def test_a_service_changes_only_by_a_newer_word_of_its_own_organisation(referrals: ServiceUnderTest) -> None:
    referrals.hear(service_published(), source=RECIPIENT)
    with pytest.raises(rules.Refused, match=r"^superseded$"):
        referrals.hear(service_published(active=False), source=RECIPIENT, said_at=NOW - HOUR)
    with pytest.raises(rules.Refused, match=r"^service_of_another$"):
        referrals.hear(service_published(active=False), source=ANOTHER, said_at=NOW + HOUR)
    assert referrals.rows("select organisation, active from service") == [{"organisation": RECIPIENT, "active": True}]


def test_a_consent_recorded_twice_is_kept_once(referrals: ServiceUnderTest) -> None:
    referrals.hear(consent_recorded(), source="hub")
    referrals.hear(consent_recorded(recipients=(ANOTHER,)), source="hub")
    assert referrals.rows("select recipients from consent") == [{"recipients": [RECIPIENT]}]


# -- at the same time -------------------------------------------------------------------------------------------------


def meanwhile(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def waiting_long(url: str) -> database.Connection:
    """Connect as a process does, but wait for a lock for as long as a slow machine lets whoever holds it take."""
    connection = database.connect(url)
    connection.execute("set lock_timeout = 0")
    connection.execute("set statement_timeout = 0")
    connection.commit()
    return connection


def blocked(connection: psycopg.Connection[Any]) -> bool:
    waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    return connection.execute(waiting).fetchone() is not None


def test_two_processes_that_send_at_the_same_time_open_one_referral(committed: str) -> None:
    cause = say(referral_requested())
    second_answer: list[str] = []

    def second() -> None:
        with waiting_long(committed) as connection:
            try:
                store.insert_referral(Transaction(connection), send(a_draft(referral_id=uuid7())), {}, cause)
            except rules.Refused as refused:
                second_answer.append(refused.code)

    with database.connect(committed) as first, database.connect(committed) as watcher:
        watcher.autocommit = True
        with transaction(first) as tx:
            store.insert_referral(tx, send(a_draft()), {}, cause)
            thread = meanwhile(second)
            eventually(lambda: blocked(watcher))
        thread.join()
    assert second_answer == ["open_referral_exists"]


def test_nothing_is_sent_under_a_consent_that_is_ending_at_the_same_moment(committed: str) -> None:
    seen: list[rules.Consent | None] = []

    def sender() -> None:
        with waiting_long(committed) as connection:
            seen.append(store.lock_consent(Transaction(connection), CONSENT_ID))

    with database.connect(committed) as ending, database.connect(committed) as watcher:
        watcher.autocommit = True
        with transaction(ending) as tx:
            consent = store.lock_consent(tx, CONSENT_ID)
            assert consent is not None
            store.end_consent(tx, consent, ended_at=NOW)
            tx.keep()
            tx.flush()
            thread = meanwhile(sender)
            eventually(lambda: blocked(watcher))
        thread.join()
    assert [consent.ended_at for consent in seen if consent] == [NOW]
