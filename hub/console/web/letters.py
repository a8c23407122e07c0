"""What mails to staff say: counts, the organisation's name and where to look. Not a word about anybody."""

from collections.abc import Mapping
from dataclasses import dataclass

from hub.console.store.work import Bucket
from hub.console.web import showing, words
from hub.console.web.today import REASONS
from hub.console.web.words import N_
from hub.gateway.http.problems import Language

DIGEST = N_("Ruta: lo que espera hoy en %(organisation)s")
EMERGENCY = N_("Ruta: emergencia por decidir en %(organisation)s")
ONE_NEW = N_("Una emergencia nueva espera su respuesta.")
SEVERAL_NEW = N_("Emergencias nuevas que esperan su respuesta: %(many)s")
CODE = N_("Ruta: el código para confirmar su correo")
LOOK = N_("Véalo en la consola: %(address)s")
NO_NAMES = N_("Este correo no dice de quién se trata: eso solo se ve dentro de la consola.")
TURN_OFF = N_("Para no recibir más estos correos: %(address)s")
TYPE = N_("El código es %(code)s. Escríbalo en %(address)s; vale 15 minutos.")
OF_OFFICE = N_("Lo pidió quien coordina o administra, para que esta oficina reciba avisos: díctele el código.")
NOT_YOURS = N_("Si usted no lo pidió, no haga nada: sin el código no llega ningún otro aviso a este correo.")


@dataclass(frozen=True)
class Letter:
    """A mail, as it is read."""

    subject: str
    body: str


def off_at(console: str, of_office: bool = False) -> str:
    """Where somebody turns it off; of an office, who administers or coordinates."""
    return f"{console}/avisos/oficina" if of_office else f"{console}/avisos"


def digest(
    language: Language, organisation: str, counts: Mapping[Bucket, int], console: str, off: str
) -> Letter | None:
    """How much waits, by reason; None where nothing does. `off` is where it is turned off."""
    text = words.translations(language).gettext
    lines = [f"{text(REASONS[one].heading)}: {showing.counted(many)}" for one, many in counts.items() if many]
    return _letter(language, text(DIGEST), organisation, lines, console, off) if lines else None


def of_emergencies(language: Language, organisation: str, many: int, console: str, off: str) -> Letter:
    """How many emergencies have come in and are not decided."""
    catalogue = words.translations(language)
    one, several = catalogue.gettext(ONE_NEW), catalogue.gettext(SEVERAL_NEW)
    said = one if many == 1 else several % {"many": showing.counted(many)}
    return _letter(language, catalogue.gettext(EMERGENCY), organisation, [said], console, off)


def of_code(language: Language, code: str, off: str, *, of_office: bool = False) -> Letter:
    """The code by which whoever reads it shows that the address is theirs, to be typed where it is turned off."""
    text = words.translations(language).gettext
    lines = [
        text(TYPE) % {"code": code, "address": off},
        *([text(OF_OFFICE)] if of_office else []),
        "",
        text(NOT_YOURS),
    ]
    return Letter(text(CODE), "\n".join(lines) + "\n")


def _letter(language: Language, subject: str, organisation: str, lines: list[str], console: str, off: str) -> Letter:
    text = words.translations(language).gettext
    name = " ".join(organisation.split())  # a subject has one line
    said = [
        name, "", *lines, "", text(LOOK) % {"address": f"{console}/hoy"}, text(NO_NAMES), "",
        text(TURN_OFF) % {"address": off},
    ]  # fmt: skip
    return Letter(subject % {"organisation": name}, "\n".join(said) + "\n")
