"""The details of an act, in the words of whoever reads the audit: what each is, and what its value means.

    in_words({"page": "state", "count": 1}, "en")    -> [("page", "State"), ("how many", "1")]

Ids, codes, contracts, commands' names and organisations' short names stand as they are: they are what one looks for.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from hub.gateway.audit.words import Language

Words = Mapping[Language, str]

NAMES: Final[Mapping[str, Words]] = {
    "after": {"en": "afterwards", "es": "después"},
    "alone": {"en": "without a second person", "es": "sin una segunda persona"},
    "amqp": {"en": "comes in by AMQP", "es": "entra por AMQP"},
    "asked": {"en": "looked for", "es": "buscó"},
    "asked_by": {"en": "asked for by", "es": "lo pidió"},
    "asked_for": {"en": "asked of their senders", "es": "pedidos a quien los envió"},
    "at": {"en": "at", "es": "el"},
    "batch": {"en": "done together under", "es": "hechas juntas con"},
    "before": {"en": "before", "es": "antes"},
    "blocks": {"en": "sealed blocks", "es": "bloques sellados"},
    "by": {"en": "by", "es": "por"},
    "by_recovery_code": {"en": "with a recovery code", "es": "con un código de recuperación"},
    "cadena": {"en": "of what", "es": "de qué"},
    "changed": {"en": "what is otherwise", "es": "qué cambió"},
    "closed_by": {"en": "ended by", "es": "lo cerró"},
    "code": {"en": "code", "es": "código"},
    "codigo": {"en": "code", "es": "código"},
    "colleague": {"en": "who stands in", "es": "quién reemplaza"},
    "contract": {"en": "contract", "es": "contrato"},
    "copies": {"en": "has copies of", "es": "recibe copias de"},
    "correlation": {"en": "begun by", "es": "lo que lo empezó"},
    "count": {"en": "how many", "es": "cuántos"},
    "custody": {"en": "kept by the hub for them", "es": "la guarda la red por ellos"},
    "desde": {"en": "from", "es": "desde"},
    "differences": {"en": "what was otherwise than declared", "es": "lo que no era como se declaró"},
    "digest": {"en": "digest of the messages", "es": "huella de los mensajes"},
    "ended": {"en": "what ended with it", "es": "lo que terminó con eso"},
    "ends_at": {"en": "until", "es": "hasta"},
    "entrance": {"en": "entrance", "es": "entrada"},
    "first_message": {"en": "the first message", "es": "el primer mensaje"},
    "found": {"en": "cases found", "es": "casos hallados"},
    "hasta": {"en": "until", "es": "hasta"},
    "holder": {"en": "whose it is", "es": "quién lo lleva"},
    "id": {"en": "identifier", "es": "identificador"},
    "is_confirmed": {"en": "address confirmed", "es": "dirección confirmada"},
    "key": {"en": "key", "es": "clave"},
    "kinds": {"en": "by", "es": "por"},
    "limits": {"en": "limits of its own", "es": "límites propios"},
    "may_send": {"en": "may send", "es": "puede enviar"},
    "message": {"en": "message", "es": "mensaje"},
    "messages": {"en": "messages", "es": "mensajes"},
    "minute": {"en": "in the minute", "es": "en el minuto"},
    "name": {"en": "name", "es": "nombre"},
    "objeto": {"en": "about", "es": "sobre"},
    "of": {"en": "of", "es": "de"},
    "office": {"en": "office", "es": "oficina"},
    "opening": {"en": "number of the opening", "es": "número de la apertura"},
    "operation": {"en": "operation", "es": "operación"},
    "organisation": {"en": "organisation", "es": "organización"},
    "organisations": {"en": "organisations", "es": "organizaciones"},
    "page": {"en": "page", "es": "página"},
    "purpose": {"en": "what for", "es": "para qué"},
    "que": {"en": "act", "es": "acto"},
    "quien": {"en": "who", "es": "quién"},
    "rate": {"en": "messages a second", "es": "mensajes por segundo"},
    "reads": {"en": "reads", "es": "lee"},
    "reason": {"en": "reason", "es": "motivo"},
    "recipient": {"en": "for", "es": "para"},
    "refers_to": {"en": "refers to", "es": "refiere a"},
    "remaining": {"en": "messages that were left", "es": "mensajes que faltaban"},
    "roles": {"en": "roles", "es": "papeles"},
    "runs": {"en": "runs", "es": "corre"},
    "screen": {"en": "page", "es": "página"},
    "selection": {"en": "chosen", "es": "lo elegido"},
    "sends": {"en": "sends", "es": "envía"},
    "services": {"en": "services", "es": "servicios"},
    "session": {"en": "session", "es": "sesión"},
    "sessions": {"en": "sessions that ended", "es": "sesiones que terminaron"},
    "short_code": {"en": "short code", "es": "código corto"},
    "since": {"en": "from", "es": "desde"},
    "staff": {"en": "whom of the staff", "es": "a quién del equipo"},
    "subject": {"en": "about", "es": "trata de"},
    "system": {"en": "system", "es": "sistema"},
    "systems": {"en": "systems", "es": "sistemas"},
    "terms": {"en": "words looked for", "es": "palabras buscadas"},
    "type": {"en": "contract", "es": "contrato"},
    "unread": {"en": "unread messages", "es": "mensajes sin leer"},
    "until": {"en": "until", "es": "hasta"},
    "wants": {"en": "wants", "es": "quiere"},
    "what": {"en": "which", "es": "cuál"},
    "why": {"en": "because of", "es": "por"},
}
"""What a detail is, by the word that the database has for it."""

_ROLES: Final[Mapping[str, Words]] = {
    "coordinator": {"en": "coordination", "es": "coordinación"},
    "partner_staff": {"en": "staff of an organisation", "es": "equipo de una organización"},
    "auditor": {"en": "audit", "es": "auditoría"},
    "administrator": {"en": "administration", "es": "administración"},
    "operations": {"en": "operations", "es": "operación"},
    "partner": {"en": "takes part", "es": "participa"},
    "custody": {"en": "its key is kept here", "es": "su clave se guarda aquí"},
}
_DONE: Final[Mapping[str, Words]] = {
    "retry": {"en": "another try", "es": "otro intento"},
    "give_back": {"en": "giving back", "es": "devolución"},
}
VALUES: Final[Mapping[str, Mapping[str, Words]]] = {
    "page": {
        "state": {"en": "State", "es": "Estado"},
        "queues": {"en": "Queues", "es": "Colas"},
        "waits": {"en": "Waiting", "es": "En espera"},
        "organisations": {"en": "Organisations", "es": "Organizaciones"},
        "topology": {"en": "Topology", "es": "Topología"},
    },
    "of": _DONE,
    "roles": _ROLES,
    "cadena": {
        "consola": {"en": "the console", "es": "la consola"},
        "red": {"en": "the network", "es": "la red"},
    },
    "entrance": {"http": {"en": "HTTP", "es": "HTTP"}, "amqp": {"en": "AMQP", "es": "AMQP"}},
    "wants": {
        "off": {"en": "nothing", "es": "nada"},
        "digest": {"en": "one e-mail a day", "es": "un correo al día"},
        "all": {"en": "one a day, and emergencies at once", "es": "uno al día, y las emergencias enseguida"},
    },
    "why": {
        "unknown": {"en": "a name that nobody has", "es": "un nombre que nadie tiene"},
        "password": {"en": "the password", "es": "la contraseña"},
        "code": {"en": "the code", "es": "el código"},
        "suspended": {"en": "being suspended", "es": "estar suspendida la persona"},
        "organisation": {"en": "its organisation not taking part", "es": "no participar su organización"},
    },
    "reason": {
        "organisation_asks": {"en": "an organisation asks about it", "es": "una organización pregunta por él"},
        "fault_to_mend": {"en": "there is a fault to mend", "es": "hay una falla que corregir"},
        "review": {"en": "the audit is reviewed", "es": "es una revisión de la auditoría"},
        "overdue": {"en": "what is overdue", "es": "lo vencido"},
        "asked": {"en": "what they are asked", "es": "lo que les preguntan"},
        "undecided": {"en": "what is to be decided", "es": "lo que está por decidir"},
        "due_today": {"en": "what is due today", "es": "lo que vence hoy"},
        "visits_today": {"en": "the visits of today", "es": "las citas de hoy"},
        "call_back": {"en": "who is to be called back", "es": "las llamadas por devolver"},
        "to_confirm": {"en": "what is to be confirmed", "es": "lo que está por confirmar"},
        "escalated": {"en": "what nobody answers", "es": "lo que nadie responde"},
        "overdue_elsewhere": {"en": "what is overdue elsewhere", "es": "lo vencido en otras organizaciones"},
    },
}
"""By the detail: what its codes mean. What is not here stands as it is."""
YES: Final[Words] = {"en": "yes", "es": "sí"}
NO: Final[Words] = {"en": "no", "es": "no"}
NOTHING: Final[Words] = {"en": "none", "es": "ninguno"}


def in_words(details: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    """Each detail and its value; what a newer version has recorded keeps its own name."""
    return [(name(one, language), value(one, said, language)) for one, said in details.items()]


def name(detail: str, language: Language) -> str:
    """What a detail is."""
    return NAMES[detail][language] if detail in NAMES else detail


def value(detail: str, said: object, language: Language) -> str:
    """What the value of a detail means."""
    if said is None or said in ("", [], {}):
        return NOTHING[language]
    if isinstance(said, bool):
        return (YES if said else NO)[language]
    if isinstance(said, Mapping):
        return ", ".join(f"{name(str(one), language)} {value(str(one), its, language)}" for one, its in said.items())
    if isinstance(said, Sequence) and not isinstance(said, str):
        return ", ".join(value(detail, one, language) for one in said)
    if not isinstance(said, str):
        return json.dumps(said, ensure_ascii=False)
    code, _, more = said.partition(" ")
    if meant := VALUES.get(detail, {}).get(code):
        return f"{meant[language]} {more}".rstrip()
    return _moment(said) or said


def _moment(said: str) -> str:
    """A time to the minute, UTC; empty where it is none."""
    if len(said) < len("2026-11-28T15:04") or said[10] != "T":
        return ""
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        return ""
    return (at.astimezone(UTC) if at.tzinfo is not None else at).strftime("%Y-%m-%d %H:%M")
