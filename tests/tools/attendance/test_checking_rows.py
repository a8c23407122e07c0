"""A row says what happened in the words of the contracts, or is refused with a code and the column to blame."""

from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import pytest

from tools.attendance.entry import Entry, Referral, RefusedRow, check
from tools.attendance.offers import Offer, Offers
from tools.attendance.rows import Row

DAY = date(2026, 3, 7)
CELLS = {
    "nombres": "Yuleisy Andreína",
    "apellidos": "Guerrero Urdaneta",
    "tipo_documento": "PPT",
    "numero_documento": "4.815.162",
    "fecha_nacimiento": "24/07/1991",
    "sexo": "F",
    "nacionalidad": "Venezolana",
    "perfil": "Migrante",
    "telefono": "300 481 5162",
    "municipio": "Barranquilla",
    "servicios": "Consulta médica, Kit de higiene",
    "necesidades": "Arriendo",
    "urgencia": "Urgente",
    "pasos_etpv": "Prerregistro",
    "consentimiento": "Sí",
}
ONLY: dict[str, str | None] = {"servicios": None, "necesidades": None, "pasos_etpv": None}  # that they came


RENT, WORK, JOB_FAIR = (Offer(UUID(int=number), name, frozenset({need})) for number, name, need in (
    (1, "Auxilio de arriendo", "shelter.rent"),
    (2, "Ruta de empleo", "integration.employment"),
    (3, "Feria de empleo", "integration.employment"),
))  # fmt: skip
OFFERS: Final[Offers] = {"iom": (RENT, WORK, JOB_FAIR), "fuvadis": (JOB_FAIR,)}
REFERS = {"referir_a": "iom", "referir_servicio": "Auxilio de arriendo"}


def checked(**overrides: str | None) -> Entry:
    cells = {name: cell for name, cell in {**CELLS, **overrides}.items() if cell is not None}
    return check(Row(2, cells), day=DAY, offers=OFFERS, shared_with=("iom",))


def test_a_whole_row_in_spanish_is_said_in_codes() -> None:
    entry = checked()
    assert (entry.given_names, entry.document, entry.birth_date) == (
        "Yuleisy Andreína",
        ("PT", "4815162"),
        date(1991, 7, 24),
    )
    assert (entry.sex, entry.nationality, entry.profile, entry.phone, entry.municipality) == (
        "female",
        "VEN",
        "migrant",
        "+573004815162",
        "08001",
    )
    assert entry.services == (("health.consultation", None), ("wash.hygiene_kit", None))
    assert (entry.needs, entry.urgency, entry.steps) == (("shelter.rent",), "urgent", ("pre_registration",))
    assert entry.consent == ("person", "signed")
    assert entry.present_at == datetime(2026, 3, 7, 11, tzinfo=UTC)  # six in the morning: nobody wrote the hour


@pytest.mark.parametrize(
    ("overrides", "field", "value"),
    [
        ({"fecha_nacimiento": "1991-07-24"}, "birth_date", date(1991, 7, 24)),
        ({"fecha_nacimiento": "4-7-1991"}, "birth_date", date(1991, 7, 4)),
        ({"numero_documento": "4815162.0"}, "document", ("PT", "4815162")),
        ({"edad": "34.0", "fecha_nacimiento": None}, "age", 34),
        ({"nombres": "D\u2019Angelo"}, "given_names", "D\u2019Angelo"),
        ({"hora_atencion": "2:30 p. m."}, "present_at", datetime(2026, 3, 7, 19, 30, tzinfo=UTC)),
        ({"hora_atencion": "12:15 a. m."}, "present_at", datetime(2026, 3, 7, 5, 15, tzinfo=UTC)),
        ({"fecha_atencion": "2026-11-25T14:30:00.000-05:00"}, "present_at", datetime(2026, 11, 25, 19, 30, tzinfo=UTC)),
        ({"fecha_atencion": "2026-11-26T01:30:00.000Z"}, "present_at", datetime(2026, 11, 26, 1, 30, tzinfo=UTC)),
        ({"fecha_atencion": "2026-11-25T14:30", "hora_atencion": "2:30 p. m."}, "present_at",
         datetime(2026, 11, 25, 19, 30, tzinfo=UTC)),
        ({"telefono": "0058 412 1234567"}, "phone", "+584121234567"),
        ({"telefono": "+58 414-1234567"}, "phone", "+584141234567"),
        ({"telefono": "+57 300\u2011123\u20114567"}, "phone", "+573001234567"),  # as copied from a chat
        ({"telefono": "0414-1234567"}, "phone", "+584141234567"),
        ({"municipio": "8001"}, "municipality", "08001"),
        ({"municipio": "Soledad (Atlántico)"}, "municipality", "08758"),
        ({"municipio": "bogota"}, "municipality", "11001"),
        ({"nacionalidad": "COL"}, "nationality", "COL"),
        ({"servicios": "health.consultation wash.hygiene_kit", "prestador": "iom"}, "services",
         (("health.consultation", "iom"), ("wash.hygiene_kit", "iom"))),
        ({"tipo_documento": "Cédula de ciudadanía"}, "document", ("CC", "4815162")),
        ({"tipo_documento": "none", "numero_documento": None}, "without_document", True),
        ({"fecha_atencion": "8/3/2026", "hora_atencion": "9:30"}, "present_at",
         datetime(2026, 3, 8, 14, 30, tzinfo=UTC)),
        ({"fecha_nacimiento": None, "edad": "34"}, "age", 34),
        ({"edad": "34"}, "age", None),
    ],
)  # fmt: skip
def test_people_write_in_many_ways(overrides: dict[str, Any], field: str, value: object) -> None:
    assert getattr(checked(**overrides), field) == value


@pytest.mark.parametrize(
    ("overrides", "code", "column"),
    [
        ({"nombres": None}, "missing_name", "nombres"),
        ({"nombres": "Pe¤a"}, "bad_name", "nombres"),
        ({"apellidos": "Luc¡a"}, "bad_name", "apellidos"),
        ({"apellidos": "3001234567"}, "bad_name", "apellidos"),
        ({"fecha_nacimiento": "1991-07-24T05:00:00Z"}, "bad_date", "fecha_nacimiento"),
        ({"fecha_atencion": "2026-03-07T14:30", "hora_atencion": "9:30"}, "bad_hour", "hora_atencion"),
        ({"hora_atencion": "14:30 a. m."}, "bad_hour", "hora_atencion"),
        ({"hora_atencion": "9:00-11:00"}, "bad_hour", "hora_atencion"),
        ({"numero_documento": "1.043871235E9"}, "bad_document_number", "numero_documento"),
        ({"numero_documento": "4815162 4815163"}, "bad_document_number", "numero_documento"),
        ({"telefono": "605 330 1234 ext. 102"}, "bad_phone", "telefono"),
        ({"direccion": "#REF!"}, "formula", "direccion"),
        ({"fecha_nacimiento": "31/02/1991"}, "bad_date", "fecha_nacimiento"),
        ({"fecha_nacimiento": "24/07/91"}, "bad_date", "fecha_nacimiento"),
        ({"fecha_nacimiento": "1850-01-01"}, "bad_date", "fecha_nacimiento"),
        ({"fecha_nacimiento": "2026-03-08"}, "birth_in_the_future", "fecha_nacimiento"),
        ({"fecha_atencion": "ayer"}, "bad_date", "fecha_atencion"),
        ({"fecha_atencion": "1926-03-07"}, "bad_date", "fecha_atencion"),
        ({"hora_atencion": "25:00"}, "bad_hour", "hora_atencion"),
        ({"edad": "treinta"}, "bad_age", "edad"),
        ({"edad": "200"}, "bad_age", "edad"),
        ({"tipo_documento": "carnet"}, "unknown_document_type", "tipo_documento"),
        ({"tipo_documento": None}, "unknown_document_type", "tipo_documento"),
        ({"tipo_documento": "none"}, "unknown_document_type", "tipo_documento"),
        ({"numero_documento": None}, "missing_document_number", "numero_documento"),
        ({"numero_documento": "12"}, "bad_document_number", "numero_documento"),
        ({"numero_documento": "1,23E+09"}, "bad_document_number", "numero_documento"),
        ({"sexo": "?"}, "unknown_sex", "sexo"),
        ({"perfil": "turista"}, "unknown_profile", "perfil"),
        ({"nacionalidad": "marciana"}, "unknown_nationality", "nacionalidad"),
        ({"telefono": "llamar a Yuleisy"}, "bad_phone", "telefono"),
        ({"telefono": "123"}, "bad_phone", "telefono"),
        ({"municipio": "Macondo"}, "unknown_municipality", "municipio"),
        ({"municipio": "Villanueva"}, "unknown_municipality", "municipio"),  # there are four
        ({"servicios": "magia"}, "unknown_service", "servicios"),
        ({"servicios": "gbv.case_management"}, "confidential", "servicios"),
        ({"necesidades": "magia"}, "unknown_need", "necesidades"),
        ({"pasos_etpv": "magia"}, "unknown_step", "pasos_etpv"),
        ({"urgencia": "ya"}, "unknown_urgency", "urgencia"),
        ({"prestador": "Cruz Roja"}, "unknown_organisation", "prestador"),
        ({"consentimiento": "quizás"}, "unknown_consent", "consentimiento"),
        ({"consentimiento": "no"}, "consent_needed", "consentimiento"),
        ({"consentimiento": "no", **ONLY, "servicios": "Vacunación"}, "consent_needed", "consentimiento"),
        ({"consentimiento": None, **ONLY, "necesidades": "Arriendo"}, "consent_needed", "consentimiento"),
        ({"consentimiento": "no", **ONLY, "pasos_etpv": "Prerregistro"}, "consent_needed", "consentimiento"),
        ({"consentimiento": "no", **ONLY, "necesidades": "Arriendo", **REFERS}, "consent_needed", "consentimiento"),
        ({**REFERS, "referir_a": None}, "unknown_organisation", "referir_a"),
        ({**REFERS, "referir_a": "OIM"}, "unknown_organisation", "referir_a"),
        ({**REFERS, "referir_a": "fuvadis"}, "consent_not_for_recipient", "referir_a"),
        ({**REFERS, "referir_servicio": "Hotel"}, "unknown_service", "referir_servicio"),
        ({**REFERS, "referir_servicio": str(UUID(int=9))}, "unknown_service", "referir_servicio"),
        ({**REFERS, "referir_servicio": "Ruta de empleo"}, "service_not_for_need", "referir_servicio"),
        ({"referir_a": "iom", "necesidades": "Vacunación"}, "service_not_for_need", "referir_a"),
        ({"referir_a": "iom", "necesidades": "Empleo"}, "several_services", "referir_servicio"),
        ({"referir_a": "iom", "necesidades": None}, "missing_need", "necesidades"),
        ({"nombres": "=cmd|' /C calc'!A0"}, "formula", "nombres"),
        ({"apellidos": "@SUM(A1)"}, "formula", "apellidos"),
        ({"direccion": "+1+1"}, "formula", "direccion"),
        ({"telefono": "+cmd()"}, "formula", "telefono"),
        ({"nombres": "A" * 101}, "too_long", "nombres"),
        ({"direccion": "A" * 10_000}, "too_long", "direccion"),
        ({"nombres": "Ana\x00Luz"}, "control_character", "nombres"),
        ({"numero_documento": None, "tipo_documento": None, "fecha_nacimiento": None, "telefono": None},
         "not_identifiable", None),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(overrides: dict[str, Any], code: str, column: str | None) -> None:
    with pytest.raises(RefusedRow) as refused:
        checked(**overrides)
    assert (refused.value.code, refused.value.column) == (code, column)


@pytest.mark.parametrize("column", ["fecha_nacimiento", "fecha_atencion"])
def test_where_the_month_may_come_first_a_day_that_may_be_another_is_refused(column: str) -> None:
    def read(cell: str) -> Entry:
        return check(Row(2, {**CELLS, "fecha_atencion": "2026-03-07", column: cell}), day=None, month_first={column})

    for ambiguous in ("03/04/2006", "3-4-2006"):
        with pytest.raises(RefusedRow, match="bad_date"):
            read(ambiguous)
    for clear in ("04/04/2006", "24/07/2006", "2006-04-03"):
        assert read(clear)


@pytest.mark.parametrize(
    ("overrides", "need", "service"),
    [
        (REFERS, "shelter.rent", RENT),
        ({"referir_a": "iom"}, "shelter.rent", RENT),  # nothing else of theirs meets a need of the row
        ({**REFERS, "referir_servicio": "auxilio arriendo"}, "shelter.rent", RENT),
        ({**REFERS, "necesidades": "Vacunación, Arriendo"}, "shelter.rent", RENT),
        ({"referir_a": "iom", "referir_servicio": "Feria de empleo", "necesidades": "Empleo"},
         "integration.employment", JOB_FAIR),
        ({"referir_a": "iom", "referir_servicio": str(WORK.service_id), "necesidades": "Arriendo, Empleo"},
         "integration.employment", WORK),
    ],
)  # fmt: skip
def test_a_need_is_referred_to_the_service_that_the_row_means(
    overrides: dict[str, Any], need: str, service: Offer
) -> None:
    assert checked(**overrides).referral == Referral(need, "iom", service.service_id)
    assert checked().referral is None


def test_nobody_is_referred_without_a_directory_to_find_the_service_in() -> None:
    with pytest.raises(RefusedRow, match="no_directory"):
        check(Row(2, {**CELLS, **REFERS}), day=DAY, shared_with=("iom",))


def test_a_row_without_a_day_takes_that_of_the_jornada_or_is_refused() -> None:
    with pytest.raises(RefusedRow, match="missing_date"):
        check(Row(2, CELLS), day=None)


@pytest.mark.parametrize(
    ("overrides", "all_consented", "consent"),
    [
        ({"consentimiento": None, **ONLY}, False, None),
        ({"consentimiento": "no", **ONLY}, True, None),
        ({"consentimiento": None}, True, ("person", "signed")),
        ({"fecha_nacimiento": "2015-01-01"}, False, ("caregiver", "signed")),
        ({"consentimiento_por": "madre", "consentimiento_como": "verbal"}, False,
         ("caregiver", "spoken_and_witnessed")),
    ],
)  # fmt: skip
def test_consent_is_what_the_list_says_and_a_childs_is_the_caregivers(
    overrides: dict[str, Any], all_consented: bool, consent: tuple[str, str] | None
) -> None:
    cells = {name: cell for name, cell in {**CELLS, **overrides}.items() if cell is not None}
    assert check(Row(2, cells), day=DAY, all_consented=all_consented).consent == consent


def test_neither_a_row_nor_its_refusal_shows_what_stands_in_it() -> None:
    with pytest.raises(RefusedRow) as refused:
        checked(telefono="llamar a Yuleisy")
    assert "Yuleisy" not in f"{Row(2, CELLS)!r} {checked()!r} {refused.value!r}"
