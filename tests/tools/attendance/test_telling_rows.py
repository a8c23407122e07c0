"""The message of a row: the same ids each time, and nothing of the person in clear."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

import contracts
from contracts import codes, sealing
from tests.tools.attendance.test_checking_rows import ONLY, REFERS, RENT, checked
from tools.attendance.entry import Entry
from tools.attendance.telling import Teller, corrected, namespace

JORNADA = UUID("01950000-0000-7000-8000-000000000010")
HUB_KEY = sealing.new_key()
OUR_KEY = sealing.new_key()
DRAWN_BY_CHANCE = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def teller(**overrides: object) -> Teller:
    return replace(
        Teller(
            organisation="redcross",
            jornada_id=JORNADA,
            organiser="iom",
            check_in=codes.CheckIn.SPREADSHEET,
            file_sha256="9f" * 32,
            hub_key=sealing.public_part(HUB_KEY),
            people=namespace(OUR_KEY),
        ),
        **overrides,  # type: ignore[arg-type]
    )


def opened(said: contracts.AttendanceRecorded) -> contracts.PersonBlock:
    assert said.sealed is not None
    return contracts.read_block(contracts.PersonBlock, sealing.open_sealed(said.sealed, HUB_KEY))


def test_the_details_travel_sealed_to_the_hub_and_nothing_of_them_in_clear() -> None:
    said = teller().attendance(checked(), 12)
    # The sealed block and the ids are left out: in their random letters a short word stands by chance.
    clear = DRAWN_BY_CHANCE.sub("", said.model_dump_json(exclude={"sealed"}))
    assert not any(word in clear for word in ("Yuleisy", "Guerrero", "4815162", "1991-"))
    person = opened(said)
    assert (person.given_names, person.phone, person.place) == ("Yuleisy Andreína", "+573004815162", "08001")
    assert person.documents == (contracts.Document(type=codes.DocumentType.PT, number="4815162"),)


def test_it_is_a_message_that_the_gateway_reads() -> None:
    said = teller(shared_with=("iom", "redcross")).attendance(checked(), 12)
    message = contracts.stamp(
        contracts.Draft(said, str(said.attendance_id)), source="redcross", time=datetime(2026, 3, 8, tzinfo=UTC)
    )
    assert contracts.parse(message.to_json()).data == said
    assert said.row == contracts.Row(file_sha256="9f" * 32, line=12)
    assert said.consent is not None
    assert (said.consent.recipients, codes.ConsentPurpose.REFER in said.consent.purposes) == (("redcross", "iom"), True)


def test_leave_to_refer_elsewhere_is_another_consent() -> None:
    ids_of = [
        consent.consent_id
        for shared_with in ((), ("iom",), ("iom", "fuvadis"), ("fuvadis", "iom"))
        if (consent := teller(shared_with=shared_with).attendance(checked(), 2).consent)
    ]
    assert len({*ids_of[:3]}) == 3
    assert ids_of[2] == ids_of[3]


def test_without_leave_to_refer_nobody_is_referred() -> None:
    consent = teller().attendance(checked(), 2).consent
    assert consent is not None
    assert (consent.recipients, codes.ConsentPurpose.REFER in consent.purposes) == (("redcross",), False)


def test_a_need_is_said_with_where_it_goes_under_the_same_id_each_time() -> None:
    entry = checked(**REFERS, necesidades="Vacunación, Arriendo")
    stays, goes = teller(shared_with=("iom",)).attendance(entry, 2).needs
    assert stays.refer is None
    assert goes.refer is not None
    assert (goes.need_code, goes.refer.recipient, goes.refer.service_id) == ("shelter.rent", "iom", RENT.service_id)
    assert teller().attendance(entry, 40).needs == (stays, goes)


def test_of_who_has_not_consented_nothing_is_said_but_that_they_came() -> None:
    said = teller().attendance(checked(consentimiento="no", **ONLY), 2)
    assert (said.sealed, said.consent, said.served, said.needs, said.etpv_steps) == (None, None, (), (), ())


def ids(entry: Entry, by: Teller | None = None) -> tuple[UUID, UUID]:
    said = (by or teller()).attendance(entry, 2)
    return said.person_id, said.attendance_id


@pytest.mark.parametrize(
    "overrides",
    [
        {"numero_documento": " 4815162 "},
        {"numero_documento": "4815162.0"},
        {"numero_documento": "004815162"},
        {"tipo_documento": "Permiso por Protección Temporal (PPT)"},
        {"nombres": "YULEISY", "telefono": None, "fecha_nacimiento": None},
    ],
)
def test_the_same_document_is_the_same_person_however_it_is_written(overrides: dict[str, str | None]) -> None:
    assert ids(checked(**overrides)) == ids(checked())


@pytest.mark.parametrize("overrides", [{"numero_documento": "4815163"}, {"tipo_documento": "CE"}])
def test_another_document_is_another_person(overrides: dict[str, str | None]) -> None:
    assert ids(checked(**overrides))[0] != ids(checked())[0]


def test_without_a_document_names_birth_date_and_phone_say_who_it_is() -> None:
    nobody = {"tipo_documento": "none", "numero_documento": None}
    person = ids(checked(**nobody))
    assert ids(checked(**nobody, nombres="yuleisy  andreina")) == person
    assert ids(checked(**nobody, telefono="3004815163")) != person
    assert ids(checked(**nobody, fecha_nacimiento="1991-07-25")) != person


def test_zeros_in_front_are_kept_in_what_is_sent_and_make_no_other_person() -> None:
    with_zeros = checked(numero_documento="004815162")
    assert ids(with_zeros) == ids(checked())
    assert opened(teller().attendance(with_zeros, 2)).documents[0].number == "004815162"
    passports = [checked(tipo_documento="Pasaporte", numero_documento=number) for number in ("0123456", "123456")]
    assert ids(passports[0]) != ids(passports[1])


def test_the_digest_of_details_is_the_same_while_they_are_and_shows_nothing_to_others() -> None:
    def digest(by: Teller, **overrides: str | None) -> str | None:
        return by.attendance(checked(**overrides), 2).details_digest

    ours = digest(teller())
    assert ours is not None
    assert digest(teller(), servicios=None) == ours  # no detail of the person
    assert digest(teller(file_sha256="8e" * 32)) == ours
    assert digest(teller(), numero_documento="004815162") == ours
    others = [
        digest(teller(), nombres="Ana"),
        digest(teller(), telefono="3004815163"),
        digest(teller(jornada_id=UUID(int=7))),
        digest(teller(people=namespace(sealing.new_key()))),
    ]
    assert len({ours, *others}) == 5
    assert digest(teller(), consentimiento="no", **ONLY) is None


def test_at_another_jornada_it_is_the_same_person_and_another_attendance() -> None:
    elsewhere = teller(jornada_id=UUID(int=JORNADA.int + 1))
    (person, attendance), (same, other) = ids(checked()), ids(checked(), elsewhere)
    assert (same == person, other == attendance) == (True, False)


def test_ids_cannot_be_made_from_a_document_without_the_organisations_key() -> None:
    assert ids(checked(), teller(people=namespace(sealing.new_key())))[0] != ids(checked())[0]


def test_a_correction_says_the_same_of_the_same_attendance() -> None:
    said = teller().attendance(checked(), 2)
    again = corrected(said, datetime(2026, 3, 9, tzinfo=UTC))
    assert (again.attendance_id, again.served, again.sealed) == (said.attendance_id, said.served, said.sealed)
