"""A registration and a consent become a referral and a receipt with nobody retyping anything, on the real network.

Once as an organisation says one after the other, once as it takes somebody down at a jornada.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

import contracts
from contracts import Draft, Message, codes, sealing, uuid7
from demo.stage import Ground
from tests.messaging.partners import Partner
from tests.waiting import eventually
from tools.receipts import receipt_page

SOMEBODY = {
    "given_names": "Maikel Alejandro",
    "family_names": "Zambrano Quiva",
    "documents": [{"type": "PT", "number": "7304418"}],
    "birth_date": "1979-05-16",
    "phone": "+573015550199",
    "notes": "Speaks of what he has been through",
}


class System:
    """An organisation's own system, as small as it can be."""

    def __init__(self, ground: Ground, organisation: str) -> None:
        state = ground.stack.state
        self.hub_key = json.loads(state.directory_file.read_text())["organisations"]["hub"]["public_key"]
        self.own_key = sealing.load_key(ground.home(organisation) / "private.jwk")
        self._partner = Partner(ground.stack, organisation)
        self._inbox: dict[UUID, Message[Any]] = {}

    def say(self, data: Any) -> None:
        about = str(getattr(data, str(contracts.contract_of(data).about)))
        now = datetime.now(UTC)
        self._partner.submit(contracts.stamp(Draft(data, about), source=self._partner.organisation, time=now))

    def heard(self, kind: type, **about: UUID) -> list[Message[Any]]:
        """What has come to the inbox of this kind and about these ids, each message once."""
        self._inbox |= {message.id: message for message in self._partner.read(atleast=0)}
        return [
            message
            for message in self._inbox.values()
            if isinstance(message.data, kind) and all(getattr(message.data, name) == one for name, one in about.items())
        ]

    def close(self) -> None:
        self._partner.close()


@pytest.fixture
def systems(ground: Ground) -> Iterator[tuple[System, ...]]:
    with ExitStack() as opened:
        yield tuple(opened.enter_context(closing(System(ground, name))) for name in ("redcross", "iom"))


def test_a_need_reaches_its_recipient_with_what_the_consent_covers_and_the_person_has_a_receipt(
    systems: tuple[System, ...],
) -> None:
    redcross, iom = systems
    now = datetime.now(UTC)
    person_id, consent_id, need_id, service_id, referral_id = (uuid7() for _ in range(5))
    iom.say(
        contracts.ServicePublished(
            service_id=service_id, name="Vivienda", need_codes=("shelter.rent",), active=True, zones=("08001",)
        )
    )
    sealed = sealing.seal(SOMEBODY, redcross.hub_key)
    redcross.say(contracts.PersonRegistered(person_id=person_id, registered_at=now, sealed=sealed))
    redcross.say(
        contracts.ConsentGranted(
            consent_id=consent_id,
            person_id=person_id,
            purposes=(codes.ConsentPurpose.REFER,),
            recipients=("iom",),
            field_groups=(codes.FieldGroup.IDENTITY, codes.FieldGroup.CONTACT),
            valid_from=now - timedelta(hours=1),
            given_by=codes.ConsentGivenBy.PERSON,
            manner=codes.ConsentManner.SIGNED,
            language="es",
        )
    )
    redcross.say(
        contracts.NeedIdentified(
            need_id=need_id,
            person_id=person_id,
            need_code="shelter.rent",
            urgency=codes.Urgency.NORMAL,
            identified_at=now,
        )
    )
    asked = contracts.NeedReferred(
        referral_id=referral_id, need_id=need_id, recipient="iom", service_id=service_id, consent_id=consent_id
    )
    redcross.say(contracts.NeedsReferred(batch_id=uuid7(), referrals=(asked,)))

    (offered,) = eventually(lambda: iom.heard(contracts.ReferralOffered, referral_id=referral_id))
    assert (offered.data.sender, offered.data.request.need_id) == ("redcross", need_id)
    covered = ("given_names", "family_names", "birth_date", "phone")
    block = sealing.open_sealed(offered.data.request.sealed, iom.own_key)
    assert block == {name: SOMEBODY[name] for name in covered}

    (status,) = eventually(lambda: redcross.heard(contracts.ReferralStatus, referral_id=referral_id))
    assert status.data.state == codes.ReferralState.SENT
    (receipt,) = eventually(lambda: redcross.heard(contracts.ConsentReceiptIssuedV1, consent_id=consent_id))
    assert receipt.data.receipt_code in receipt_page(receipt.data, names={})


def test_a_need_found_at_a_jornada_reaches_its_recipient_once_and_is_struck_out_with_the_attendance(
    systems: tuple[System, ...],
) -> None:
    redcross, iom = systems
    came_at = datetime.now(UTC) - timedelta(hours=2)
    jornada_id, attendance_id, person_id, consent_id, need_id, service_id, referral_id = (uuid7() for _ in range(7))
    iom.say(
        contracts.ServicePublished(
            service_id=service_id, name="Arriendo", need_codes=("shelter.rent",), active=True, zones=("08001",)
        )
    )
    redcross.say(
        contracts.JornadaPlanned(
            jornada_id=jornada_id,
            organiser="redcross",
            planned_at=came_at - timedelta(days=9),
            kind=codes.JornadaKind.OUTREACH_TRIP,
            name="Jornada de salud",
            zone="08001",
            place="Cancha La Chinita",
            starts_at=came_at,
            ends_at=came_at + timedelta(hours=1),
        )
    )
    refer = contracts.ReferTo(referral_id=referral_id, recipient="iom", service_id=service_id)
    somebody = contracts.AttendanceRecorded(
        attendance_id=attendance_id,
        jornada_id=jornada_id,
        organiser="redcross",
        person_id=person_id,
        present_at=came_at,
        check_in=codes.CheckIn.LIST,
        sealed=sealing.seal(SOMEBODY, redcross.hub_key),
        consent=contracts.ConsentTaken(
            consent_id=consent_id,
            purposes=(codes.ConsentPurpose.REGISTER, codes.ConsentPurpose.REFER),
            recipients=("redcross", "iom"),
            field_groups=(codes.FieldGroup.IDENTITY,),
            given_by=codes.ConsentGivenBy.PERSON,
            manner=codes.ConsentManner.SIGNED,
            language="es",
        ),
        needs=(
            contracts.NeedFound(need_id=need_id, need_code="shelter.rent", urgency=codes.Urgency.URGENT, refer=refer),
        ),
    )
    redcross.say(somebody)
    redcross.say(somebody)  # the same list sent again

    (offered,) = eventually(lambda: iom.heard(contracts.ReferralOffered, referral_id=referral_id))
    assert (offered.data.sender, offered.data.request.person_id) == ("redcross", person_id)
    block = sealing.open_sealed(offered.data.request.sealed, iom.own_key)
    assert block == {name: SOMEBODY[name] for name in ("given_names", "family_names", "birth_date")}

    redcross.say(
        contracts.AttendanceStruckOut(
            attendance_id=attendance_id,
            jornada_id=jornada_id,
            organiser="redcross",
            reason=codes.StrikeReason.WRONG_PERSON,
        )
    )

    def error_reasons(system: System) -> list[Any]:
        statuses = [one.data for one in system.heard(contracts.ReferralStatus, referral_id=referral_id)]
        return [one.error_reason for one in statuses if one.state == codes.ReferralState.ENTERED_IN_ERROR]

    for system in systems:
        assert eventually(partial(error_reasons, system)) == [codes.ErrorReason.WRONG_PERSON]
    assert len(iom.heard(contracts.ReferralOffered, referral_id=referral_id)) == 1
