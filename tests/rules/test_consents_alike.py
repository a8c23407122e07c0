"""A consent is refused under the same code by every service that holds it against a referral; each has its own rule."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product
from uuid import UUID

from contracts import uuid7
from messaging.answers import Refused
from services.events.rules.attendance import Person, record
from services.intake.rules.consents import Consent
from services.intake.rules.needs import Need
from services.intake.rules.referring import check_consent as intake_checks
from services.referrals.rules.sending import check_consent as referrals_checks
from tests.examples import ANOTHER, CONSENT_ID, DAY, NEED_ID, NOW, PERSON_ID, RECIPIENT, SENDER, a_consent, a_draft
from tests.examples_events import a_jornada, said_with_a_referral

MOMENT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
NEED = Need(NEED_ID, PERSON_ID, None, "health.consultation", "normal", SENDER, NOW, None)

WHOSE = [PERSON_ID, uuid7(), None]
GRANTED_TO = [SENDER, ANOTHER, RECIPIENT]
FROM = [NOW - DAY, NOW, NOW + HOUR, NOW + HOUR + MOMENT, NOW + DAY]
UNTIL = [None, NOW - DAY, NOW, NOW + MOMENT, NOW + DAY]
ENDED = [None, "withdrawn", "erased", "lapsed"]
PURPOSES = [{"refer"}, {"serve", "refer"}, {"serve"}, set[str](), {"REFER"}]
RECIPIENTS = [{RECIPIENT}, {ANOTHER, RECIPIENT}, {ANOTHER}, set[str]()]


def code_of(check: Callable[[], object]) -> str | None:
    """The code by which something is refused; None where it is not."""
    try:
        check()
    except Refused as refusal:
        return refusal.code
    return None


def in_intake(
    whose: UUID | None,
    granted_to: str,
    start: datetime,
    until: datetime | None,
    ended: str | None,
    purposes: set[str],
    recipients: set[str],
) -> str | None:
    consent = Consent(
        consent_id=CONSENT_ID,
        person_id=whose,
        case_code=None if whose else "CASE-1",
        granted_to=granted_to,
        purposes=purposes,
        recipients=recipients,
        field_groups={"identity"},
        valid_from=start,
        valid_until=until,
        given_by="person",
        manner="signed",
        language="es",
        evidence_sha256=None,
        end_reason=ended,
    )
    return code_of(lambda: intake_checks(consent, NEED, by=SENDER, recipient=RECIPIENT, at=NOW))


def in_referrals(
    whose: UUID | None,
    granted_to: str,
    start: datetime,
    until: datetime | None,
    ended: str | None,
    purposes: set[str],
    recipients: set[str],
) -> str | None:
    consent = a_consent(
        person_id=whose,
        case_code=None if whose else "CASE-1",
        granted_to=granted_to,
        purposes=purposes,
        recipients=recipients,
        valid_from=start,
        valid_until=until,
        ended_at=NOW if ended else None,
    )
    return code_of(lambda: referrals_checks(consent, a_draft(), by=SENDER, shares={"identity"}, at=NOW))


def test_intake_and_referrals_refuse_any_consent_under_the_same_code() -> None:
    tried = [
        one
        for one in product(WHOSE, GRANTED_TO, FROM, UNTIL, ENDED, PURPOSES, RECIPIENTS)
        if not (one[4] == "lapsed" and (one[3] is None or one[3] > NOW))  # none lapses before its time
    ]
    codes = [(in_intake(*one), in_referrals(*one)) for one in tried]
    assert [(one, two) for one, two in zip(tried, codes, strict=True) if two[0] != two[1]] == []
    assert {code for code, _ in codes} == {
        None,
        "consent_of_another_person",
        "consent_not_granted_to_you",
        "consent_expired",
        "consent_withdrawn",
        "consent_not_valid_yet",
        "consent_not_for_purpose",
        "consent_not_for_recipient",
    }


def test_what_a_consent_taken_at_a_jornada_does_not_allow_events_and_intake_refuse_under_the_same_code() -> None:
    def in_events(purposes: set[str], recipients: set[str]) -> str | None:
        said = said_with_a_referral(consented_purposes=frozenset(purposes), consented_recipients=frozenset(recipients))
        assert {one.recipient for one in said.referrals} == {RECIPIENT}
        return code_of(lambda: record(said, a_jornada(), None, Person(), by=SENDER))

    for purposes, recipients in product(PURPOSES, RECIPIENTS):
        of_intake = in_intake(PERSON_ID, SENDER, NOW, None, None, purposes, recipients)
        assert in_events(purposes, recipients) == of_intake
