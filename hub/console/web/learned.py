"""What an organisation is asked, and learns of a person with it: field by field, in words.

Of what is passed on to another it is shown before it goes: what was sealed as custody opens it, and that is what
custody seals anew, so that the other opens these very fields. Who was asked reads what is in clear on the case's page.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final

from contracts.places import places
from hub.console.web.saying import Saying
from hub.console.web.words import N_

Line = tuple[str, str]
"""What a field is called, and what is in it."""
Words = Callable[[Saying, Any], str]

LAST_DIGITS: Final = 4
YES: Final = N_("Sí")
NO: Final = N_("No")


def _as_it_is(_: Saying, value: Any) -> str:
    return str(value)


def _coded(of: str) -> Words:
    return lambda say, value: say.code(value, of)


def _each(one: Words) -> Words:
    return lambda say, value: "; ".join(one(say, each) for each in value)


def _telephone(say: Saying, value: Any) -> str:
    """How a number ends: it goes whole, and is on no page to be called from."""
    return say.text(N_("termina en %(digits)s")) % {"digits": value[-LAST_DIGITS:]}


def _document(say: Saying, value: Any) -> str:
    return " ".join([say.code(value["type"], "DocumentType"), value.get("number") or ""]).strip()


def _day(say: Saying, value: Any) -> str:
    return say.in_full(date.fromisoformat(value))


def _place(_: Saying, value: Any) -> str:
    return str(places().get(value, ("", value))[1])


def _caregiver(say: Saying, value: Any) -> str:
    told = f"{value['name']} ({say.code(value['relation'], 'Relation')})"
    return f"{told}, {_telephone(say, value['phone'])}" if value.get("phone") else told


def _contact(say: Saying, value: Any) -> str:
    told = [say.code(value["channel"], "ContactChannel"), say.code(value["language"], "Language")]
    if value.get("interpreter"):
        told.append(say.text(N_("Necesita intérprete")))
    told += [say.safe_time(one) for one in value.get("safe_times") or ()]
    return "; ".join(told)


def _minor(say: Saying, value: Any) -> str:
    with_whom = N_("Sin quien responda") if value["unaccompanied"] else N_("Con quien responde")
    assessed = value["best_interest_assessed"]
    best = N_("se evaluó su interés superior") if assessed else N_("no se ha evaluado su interés superior")
    return "; ".join((say.text(with_whom), say.text(best)))


def _country(say: Saying, value: Any) -> str:
    return say.country(value)


def _moment(say: Saying, value: Any) -> str:
    return say.exact(datetime.fromisoformat(value))


def _follow_up(say: Saying, value: Any) -> str:
    return f"{say.code(value['channel'], 'ContactChannel')}, {_day(say, value['on'])}"


def _yes_or_no(say: Saying, value: Any) -> str:
    return say.text(YES if value else NO)


SEALED: Final[Mapping[str, tuple[str, Words]]] = {
    "given_names": (N_("Nombres"), _as_it_is),
    "family_names": (N_("Apellidos"), _as_it_is),
    "documents": (N_("Documento"), _each(_document)),
    "birth_date": (N_("Fecha de nacimiento"), _day),
    "age": (N_("Edad"), _as_it_is),
    "sex": (N_("Sexo"), _coded("Sex")),
    "gender": (N_("Género"), _coded("Gender")),
    "nationality": (N_("Nacionalidad"), _country),
    "profile": (N_("Perfil"), _coded("Profile")),
    "phone": (N_("Teléfono"), _telephone),
    "email": (N_("Correo electrónico"), _as_it_is),
    "language": (N_("Idioma"), _coded("Language")),
    "contact_channel": (N_("Cómo contactar"), _coded("ContactChannel")),
    "address": (N_("Dirección"), _as_it_is),
    "place": (N_("Municipio"), _place),
    "caregiver": (N_("Responde por la persona"), _caregiver),
    "notes": (N_("Lo que escribieron"), _as_it_is),
}
"""The fields of a person's block (contracts.blocks.PersonBlock)."""

REQUEST: Final[Mapping[str, tuple[str, Words]]] = {
    "need_code": (N_("Necesidad"), _coded("NeedCode")),
    "urgency": (N_("Urgencia"), _coded("Urgency")),
    "reason_code": (N_("Motivo de la referencia"), _coded("ReferralReason")),
    "services_given": (N_("Servicios que se dieron"), _each(_coded("NeedCode"))),
    "minor": (N_("Menor de edad"), _minor),
    "contact": (N_("Contacto seguro"), _contact),
    "language": (N_("Idioma"), _coded("Language")),
    "phone_ok": (N_("Se le puede llamar"), _yes_or_no),
    "accessibility": (N_("Accesibilidad"), _each(_coded("Accessibility"))),
    "follow_up": (N_("Seguimiento"), _follow_up),
    "answer_by": (N_("Responder antes de"), _moment),
}
"""Those of what is asked, in clear (contracts.ReferralRequested); ids and who asks whom are not about the person."""
OF_THE_CASE: Final = frozenset({"need_code", "urgency", "answer_by"})
"""What the page of a case says anyway, as it is by now."""
SHARED: Final[Mapping[str, tuple[str, Words]]] = {
    "shares": (N_("Datos que se comparten"), _each(_coded("FieldGroup"))),
}


def sealed(say: Saying, content: Mapping[str, Any]) -> Iterator[Line]:
    """What only the other organisation will open."""
    return _lines(say, SEALED, content)


def asked(say: Saying, request: Mapping[str, Any]) -> Iterator[Line]:
    """What the network passes on with it: of a time that is over meanwhile referrals says nothing more."""
    goes_on = dict(request)
    if (at := request.get("answer_by")) and datetime.fromisoformat(at) <= say.now:
        del goes_on["answer_by"]
    if (after := request.get("follow_up")) and date.fromisoformat(after["on"]) < say.now.date():
        del goes_on["follow_up"]
    return _lines(say, REQUEST, goes_on)


def requested(say: Saying, request: Mapping[str, Any]) -> Iterator[Line]:
    """What the page of a case says of what was asked, and which groups of fields are shared."""
    words = {name: one for name, one in REQUEST.items() if name not in OF_THE_CASE}
    return _lines(say, {**words, **SHARED}, request)


def _lines(say: Saying, words: Mapping[str, tuple[str, Words]], said: Mapping[str, Any]) -> Iterator[Line]:
    for name, (label, in_words) in words.items():
        value = said.get(name)
        if value is not None and value not in ("", [], ()):
            yield say.text(label), in_words(say, value)
