"""A placement that employment records moves the household's route in intake: nobody says anything twice."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid5

import pytest

import contracts
from contracts import codes, sealing
from deploy.local import Stack
from services.intake import service as intake_service
from tests.examples import (
    DAY,
    NOW,
    REFERRAL_ID,
    SERVICE_ID,
    consent_granted,
    need_identified,
    person_registered,
    service_published,
)
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
from tests.examples_intake import CHILD, CHILD_ID, household_recorded, need_referred, needs_referred
from tests.examples_route import ROUTE_ID, route_assessed, route_opened, route_planned
from tests.services.conftest import Clock
from tests.services.network import WholeNetwork

FOLLOWS, FINDS_WORK = "redcross", "oportunidades"
PARTICIPATION = {"participation_id": uuid5(REFERRAL_ID, "participation")}


@pytest.fixture
def network(stack: Stack, hub_clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[WholeNetwork]:
    keys = {name: sealing.new_key() for name in ("hub", FINDS_WORK)}
    monkeypatch.setattr(intake_service, "hub_key", lambda: keys["hub"])
    monkeypatch.setattr(intake_service, "receipt_secret", lambda: b"a secret of the tests")
    monkeypatch.setattr(intake_service, "public_keys", lambda: {FINDS_WORK: sealing.public_part(keys[FINDS_WORK])})
    with closing(WholeNetwork(stack, "placed")) as network:
        hub = sealing.public_part(keys["hub"])
        network.says(FOLLOWS, person_registered(hub), person_registered(hub, person=CHILD, person_id=CHILD_ID))
        yield network


def statuses(network: WholeNetwork) -> list[contracts.RouteStatus]:
    """What the organisation that follows the household has been told, in order."""
    told = [one for one in network.inboxes[FOLLOWS] if isinstance(one.data, contracts.RouteStatus)]
    assert [one.sequence for one in told] == list(range(1, len(told) + 1))
    return [one.data for one in told]


def test_a_placement_closes_the_referral_and_the_household_graduates(network: WholeNetwork, hub_clock: Clock) -> None:
    work: dict[str, Any] = {"need_codes": ("integration.employment",), "answered_by": "hub"}
    network.says(FINDS_WORK, service_published(**work), employer_registered(), vacancy_opened())
    network.says(
        FOLLOWS,
        household_recorded(),
        route_opened(),
        route_assessed(3),
        route_planned(codes.Track.EMPLOYMENT),
        need_identified(need_code="integration.employment"),
        consent_granted(recipients=(FINDS_WORK,)),
        needs_referred(need_referred(recipient=FINDS_WORK, service_id=SERVICE_ID)),
    )
    hub_clock.now = NOW + 90 * DAY
    network.says(FOLLOWS, route_assessed(4, assessed_at=hub_clock.now))
    assert statuses(network)[-1].missing == ("track_open_employment",)

    network.says(
        FINDS_WORK,
        *(step_taken(step, **PARTICIPATION) for step in (CV, GUIDANCE, SHORTLISTED)),
        put_forward(**PARTICIPATION),
        interviewed(),
        placed(),
    )

    told = statuses(network)[-1]
    assert (told.route_id, told.state, told.missing) == (ROUTE_ID, codes.RouteState.GRADUATED, ())
    assert network.nodes["reports"].query("select state from route") == [{"state": "graduated"}]
    network.says(FOLLOWS, contracts.ReferralClosed(referral_id=REFERRAL_ID, outcome=codes.Outcome.NEED_MET))
    assert statuses(network)[-1] is told
    assert not [
        one for inbox in network.inboxes.values() for one in inbox if isinstance(one.data, contracts.MessageRefused)
    ]
