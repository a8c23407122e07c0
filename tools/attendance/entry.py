"""Checks a row: what it says of a person in the words of the contracts, or why it is refused."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final, TypeVar
from uuid import UUID

from contracts import codes
from tools.attendance import form
from tools.attendance.offers import Offers
from tools.attendance.rows import LONGEST_CELL, SEVERAL, Row
from tools.attendance.spelling import plain
from tools.values import UnreadableValue, days
from tools.values.days import HERE
from tools.values.documents import document_number
from tools.values.names import name
from tools.values.telephones import telephone

# When somebody was there if nobody wrote the hour: of a list sent the same day, not the future.
UNTIMED: Final = time(6)
OLDEST: Final = 120  # years
ADULT_AT: Final = 18  # years
AGE_OFF_BY: Final = 1  # years that an age may differ from the birth date: people round, and have birthdays
LONGEST_NAME: Final = 100
LONGEST_ADDRESS: Final = 200
LONGEST_CHOICES: Final = 2000  # every choice of a list at once

_FORMULA: Final = re.compile(r"^[=+\-@\t\r]")
_PREFIXED: Final = re.compile("[+][0-9\\s().\u2010-\u2013-]+")  # a telephone with its prefix, and any of its hyphens
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ORGANISATION: Final = re.compile(r"^[a-z][a-z0-9-]{1,39}$")
_ALPHA_3: Final = re.compile(r"^[A-Z]{3}$")
_AGE: Final = re.compile(r"([0-9]{1,3})(?:[.,]0{1,2})?")  # 34.0: a column with blanks, read as decimal numbers
_BROKEN_CELLS: Final = {"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!"}  # what is left of a formula

_Read = TypeVar("_Read")


class RefusedRow(Exception):
    """A row that is not sent: a code, and the column to blame. Never what stands in it."""

    def __init__(self, code: str, column: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.column = column


@dataclass(frozen=True, slots=True)
class Referral:
    """Which of the row's needs is referred, and where."""

    need: str
    recipient: str
    service_id: UUID


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """What a row says, checked."""

    given_names: str
    family_names: str | None
    document: tuple[str, str] | None  # type and number
    without_document: bool  # the row says so
    birth_date: date | None
    age: int | None
    sex: str | None
    nationality: str | None
    profile: str | None
    phone: str | None
    municipality: str | None
    address: str | None
    present_at: datetime
    services: tuple[tuple[str, str | None], ...]  # need, and who delivered it if the row says so
    needs: tuple[str, ...]
    urgency: str
    referral: Referral | None
    steps: tuple[str, ...]
    consent: tuple[str, str] | None  # who gave it, and how


def check(
    row: Row,
    *,
    day: date | None,
    all_consented: bool = False,
    offers: Offers | None = None,
    shared_with: Collection[str] = (),
    month_first: Collection[str] = (),
) -> Entry:
    """Read a row; raise RefusedRow. `day` is that of the jornada, for rows that do not say.

    `month_first` are the columns whose days may be written with the month first: what may be either is refused there.
    `offers` are the services that a row may refer to; `shared_with` the organisations that people agreed to it for.
    """
    cells = row.cells
    for column, cell in cells.items():
        _refuse_harm(column, cell)
    if "nombres" not in cells:
        raise RefusedRow("missing_name", "nombres")
    for column in month_first:
        if days.is_ambiguous(cells.get(column, "")):
            raise RefusedRow("bad_date", column)
    present_at = _present_at(cells, day)
    born = _value(cells, "fecha_nacimiento", days.birth_date)
    if born is not None and born > present_at.date():
        raise RefusedRow("birth_in_the_future", "fecha_nacimiento")
    if born is not None and present_at.year - born.year > OLDEST:
        raise RefusedRow("bad_date", "fecha_nacimiento")
    age = _age(cells)
    if born is not None and age is not None and abs((_years(born, None, present_at.date()) or 0) - age) > AGE_OFF_BY:
        raise RefusedRow("several_answers", "edad")
    document, without = _document(cells)
    nationality = _nationality(cells)
    needs = _several(cells, "necesidades", "unknown_need")
    entry = Entry(
        given_names=_name(cells, "nombres") or "",
        family_names=_name(cells, "apellidos"),
        document=document,
        without_document=without,
        birth_date=born,
        age=age if born is None else None,
        sex=_coded(cells, "sexo", "unknown_sex"),
        nationality=nationality,
        profile=_coded(cells, "perfil", "unknown_profile"),
        phone=_value(cells, "telefono", lambda text: telephone(text, nationality)),
        municipality=_municipality(cells),
        address=_bounded(cells, "direccion", LONGEST_ADDRESS),
        present_at=present_at,
        services=tuple((code, _server(cells)) for code in _several(cells, "servicios", "unknown_service")),
        needs=needs,
        urgency=_coded(cells, "urgencia", "unknown_urgency") or codes.Urgency.NORMAL,
        referral=_referral(cells, needs, offers, shared_with),
        steps=_several(cells, "pasos_etpv", "unknown_step"),
        consent=_consent(cells, _years(born, age, present_at.date()), all_consented),
    )
    if entry.document is None and entry.birth_date is None and entry.phone is None:
        raise RefusedRow("not_identifiable")  # a name alone may be two people's, and would count them once
    # Beside an id that is the same in every list, even the code of a service is personal data.
    if entry.consent is None and (entry.services or entry.needs or entry.steps):
        raise RefusedRow("consent_needed", "consentimiento")
    return entry


def _refuse_harm(column: str, cell: str) -> None:
    """Refuse what a spreadsheet would run, and what no person writes."""
    if len(cell) > (LONGEST_CHOICES if column in SEVERAL else LONGEST_CELL):
        raise RefusedRow("too_long", column)
    if cell in _BROKEN_CELLS or (_FORMULA.match(cell) and not (column == "telefono" and _PREFIXED.fullmatch(cell))):
        raise RefusedRow("formula", column)
    if _CONTROL.search(cell):
        raise RefusedRow("control_character", column)


def _value(cells: Mapping[str, str], column: str, read: Callable[[str], _Read]) -> _Read | None:
    """Read a cell with the reader of its kind."""
    if column not in cells:
        return None
    try:
        return read(cells[column])
    except UnreadableValue as unreadable:
        code = unreadable.code
    raise RefusedRow(code, column)  # outside, so that it carries no error that has seen the cell


def _name(cells: Mapping[str, str], column: str) -> str | None:
    _bounded(cells, column, LONGEST_NAME)
    return _value(cells, column, name)


def _bounded(cells: Mapping[str, str], column: str, longest: int) -> str | None:
    cell = cells.get(column)
    if cell is not None and len(cell) > longest:
        raise RefusedRow("too_long", column)
    return cell


def _coded(cells: Mapping[str, str], column: str, code: str, list_name: str | None = None) -> str | None:
    """Read a cell that holds one choice of a list."""
    if column not in cells:
        return None
    found = form.words(list_name or column).get(plain(cells[column]))
    if found is None:
        raise RefusedRow(code, column)
    return found


def _several(cells: Mapping[str, str], column: str, code: str) -> tuple[str, ...]:
    """Read a cell that holds choices of a list: words between commas or semicolons, or Kobo's codes between blanks."""
    cell = cells.get(column, "")
    parts = [part for part in re.split(r"[,;|/\n]", cell) if part.strip()]
    words = form.words(SEVERAL[column])
    if not all(plain(part) in words for part in parts):
        parts = cell.split()
    found = [words.get(plain(part)) for part in parts]
    if None in found:
        raise RefusedRow("confidential" if "gbv." in cell.lower() else code, column)
    return tuple(dict.fromkeys(one for one in found if one is not None))


def _present_at(cells: Mapping[str, str], day: date | None) -> datetime:
    """Return when somebody was there: the day and the hour of the row, each said once, or the day of the jornada."""
    said = _value(cells, "fecha_atencion", days.moment)
    on = day if said is None else said.day
    if on is None:
        raise RefusedRow("missing_date", "fecha_atencion")
    if not 2000 <= on.year < 2100:
        raise RefusedRow("bad_date", "fecha_atencion")
    at = _value(cells, "hora_atencion", days.hour)
    if said is not None and said.hour is not None:
        if at not in (None, said.hour):
            raise RefusedRow("bad_hour", "hora_atencion")
        at = said.hour
    return datetime.combine(on, UNTIMED if at is None else at, HERE)


def _age(cells: Mapping[str, str]) -> int | None:
    if "edad" not in cells:
        return None
    found = _AGE.fullmatch(cells["edad"])
    if found is None or int(found[1]) > OLDEST:
        raise RefusedRow("bad_age", "edad")
    return int(found[1])


def _years(born: date | None, age: int | None, on: date) -> int | None:
    """Return somebody's age on a day."""
    if born is None:
        return age
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _document(cells: Mapping[str, str]) -> tuple[tuple[str, str] | None, bool]:
    kind = _coded(cells, "tipo_documento", "unknown_document_type")
    if "numero_documento" not in cells:
        if kind not in (None, codes.DocumentType.NONE):
            raise RefusedRow("missing_document_number", "numero_documento")
        return None, kind == codes.DocumentType.NONE
    if kind is None or kind == codes.DocumentType.NONE:
        raise RefusedRow("unknown_document_type", "tipo_documento")
    number = _value(cells, "numero_documento", lambda text: document_number(kind, text))
    assert number is not None
    return (kind, number), False


def _nationality(cells: Mapping[str, str]) -> str | None:
    """Read a country by its name, or by its ISO 3166 code of three letters."""
    if _ALPHA_3.match(cells.get("nacionalidad", "")):
        return cells["nacionalidad"]
    return _coded(cells, "nacionalidad", "unknown_nationality")


def _municipality(cells: Mapping[str, str]) -> str | None:
    if "municipio" not in cells:
        return None
    code = form.places().get(plain(cells["municipio"]))
    if code is None:
        raise RefusedRow("unknown_municipality", "municipio")
    return code


def _server(cells: Mapping[str, str]) -> str | None:
    server = cells.get("prestador")
    if server is not None and not _ORGANISATION.match(server):
        raise RefusedRow("unknown_organisation", "prestador")
    return server


def _referral(
    cells: Mapping[str, str], needs: tuple[str, ...], offers: Offers | None, shared_with: Collection[str]
) -> Referral | None:
    """Read where the row's need goes: the first that the service meets, for of a person it takes one referral."""
    recipient, named = cells.get("referir_a"), cells.get("referir_servicio")
    if recipient is None and named is None:
        return None
    if not needs:
        raise RefusedRow("missing_need", "necesidades")
    if offers is None:
        raise RefusedRow("no_directory", "referir_a")
    if recipient is None or recipient not in offers:
        raise RefusedRow("unknown_organisation", "referir_a")
    if recipient not in shared_with:
        raise RefusedRow("consent_not_for_recipient", "referir_a")
    services = [one for one in offers[recipient] if named is None or one.is_called(named)]
    if not services:
        raise RefusedRow("unknown_service", "referir_servicio")
    services = [one for one in services if not one.need_codes.isdisjoint(needs)]
    if not services:
        raise RefusedRow("service_not_for_need", "referir_a" if named is None else "referir_servicio")
    if len(services) > 1:
        raise RefusedRow("several_services", "referir_servicio")
    (service,) = services
    need = next(one for one in needs if one in service.need_codes)
    return Referral(need, recipient, service.service_id)


def _consent(cells: Mapping[str, str], years: int | None, all_consented: bool) -> tuple[str, str] | None:
    """Read who allowed what is said of them, and how; None where nobody did."""
    given = _coded(cells, "consentimiento", "unknown_consent", "si_no")
    if given != "si" and not (given is None and all_consented):
        return None
    child = years is not None and years < ADULT_AT
    by = _coded(cells, "consentimiento_por", "unknown_consent")
    how = _coded(cells, "consentimiento_como", "unknown_consent")
    usual = codes.ConsentGivenBy.CAREGIVER if child else codes.ConsentGivenBy.PERSON
    return by or usual, how or codes.ConsentManner.SIGNED
