"""A referral for work finds its way to a job and back to its sender, and nobody types anything twice.

Once where the hub's employment service answers for the recipient, once where the recipient runs a copy of its own.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import psycopg
import pytest

import contracts
from contracts import sealing, uuid7
from demo.stage import Ground
from deploy.local.own import OwnService
from tests.examples import PERSON, consent_granted, person_registered, referral_requested, service_published
from tests.examples_employment import (
    CV,
    GUIDANCE,
    SHORTLISTED,
    employer_registered,
    interviewed,
    placed,
    put_forward,
    step_taken,
    vacancy_opened,
)
from tests.messaging.partners import Partner
from tests.waiting import eventually

SENDER, SERVED_BY_THE_HUB, SERVES_ITSELF = "redcross", "barranquilla", "oportunidades"
STATE = "select state, outcome from referral where referral_id = %s"
PLACED = "select placed from participation where referral_id = %s"


@dataclass(frozen=True)
class Recipient:
    """Whom somebody is referred to, and where the employment service keeps what becomes of it."""

    organisation: str
    answered_by: str
    employment_url: str


@pytest.fixture(params=[SERVED_BY_THE_HUB, SERVES_ITSELF])
def recipient(ground: Ground, request: pytest.FixtureRequest) -> Iterator[Recipient]:
    with ExitStack() as running:
        if request.param == SERVED_BY_THE_HUB:
            yield Recipient(request.param, "hub", ground.stack.service_database_url("employment"))
        else:
            credentials = ground.home(request.param) / "credentials.json"
            own = running.enter_context(OwnService(ground.stack, "employment", credentials))
            yield Recipient(request.param, "organisation", own.database_url)


def say(ground: Ground, organisation: str, *said: Any) -> None:
    with closing(Partner(ground.stack, organisation)) as partner:
        for data in said:
            draft = contracts.Draft(data, str(getattr(data, contracts.contract_of(data).about or "")))
            partner.submit(contracts.stamp(draft, source=organisation, time=datetime.now(UTC)))


def asked(url: str, sql: str, referral_id: UUID) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(sql, (referral_id,)).fetchall()


def test_a_referral_for_work_ends_in_a_job_that_its_sender_hears_of(ground: Ground, recipient: Recipient) -> None:
    hub_key = sealing.load_key(ground.stack.state.organisations / "hub" / "private.jwk")
    recipients_key = sealing.load_key(ground.home(recipient.organisation) / "private.jwk")
    whose, whole = {"person_id": uuid7()}, {"consent_id": uuid7()}
    service_id, referral_id, now = uuid7(), uuid7(), datetime.now(UTC) + ground.offset
    need = "integration.employment"

    offer = {"service_id": service_id, "need_codes": (need,), "answered_by": recipient.answered_by}
    say(ground, recipient.organisation, service_published(**offer))
    valid = {"valid_from": now - timedelta(days=1), "valid_until": now + timedelta(days=300)}
    say(
        ground,
        SENDER,
        person_registered(sealing.public_part(hub_key), registered_at=now, **whose),
        consent_granted(recipients=(recipient.organisation,), **whose, **whole, **valid),
        referral_requested(
            referral_id=referral_id,
            recipient=recipient.organisation,
            service_id=service_id,
            need_code=need,
            sealed=sealing.seal(PERSON, sealing.public_part(recipients_key)),
            **whose,
            **whole,
        ),
    )

    participation = {"participation_id": uuid5(referral_id, "participation")}
    employer, vacancy, candidacy = {"employer_id": uuid7()}, {"vacancy_id": uuid7()}, {"candidacy_id": uuid7()}
    say(
        ground,
        recipient.organisation,
        employer_registered(**employer),
        vacancy_opened(**employer, **vacancy),
        *(step_taken(step, taken_at=now, **participation) for step in (CV, GUIDANCE, SHORTLISTED)),
        put_forward(put_forward_at=now, **candidacy, **participation, **vacancy),
        interviewed(interviewed_at=now, **candidacy),
        placed(starts_on=date(2026, 3, 16), **candidacy),
    )

    referrals_url = ground.stack.service_database_url("referrals")
    eventually(lambda: asked(referrals_url, STATE, referral_id) == [("completed", "need_met")])
    assert asked(recipient.employment_url, PLACED, referral_id) == [(True,)]
