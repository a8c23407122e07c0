"""What is wrong with the audit, and what was done, in the words of whoever reads it."""

import json
from collections.abc import Mapping
from typing import Final, Literal

from hub.gateway.audit.chain import DATABASE, Entry, Problem

Language = Literal["es", "en"]

# By the code of a problem; those of several entries, or after a checkpoint that is right, have a sentence of their own.
PROBLEMS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "changed": "Entry {number} is not as it was written: something in it was changed.",
        "moved": "Entry {number} was written as entry {until}: before it one was inserted, removed or exchanged.",
        "unlinked": "Entry {number} does not follow on entry {before}: {before} was written anew, or {number} was "
        "inserted.",
        "missing": "Entry {number} is missing: it was removed.",
        "missing several": "Entries {number} to {until} are missing: they were removed.",
        "out_of_order": "Entry {number} has no place in the chain: it was inserted.",
        "tail_cut": "The tail was cut: entry {number} is missing, and checkpoint {until}{place} is of it.",
        "tail_cut several": "The tail was cut: entries {number} to {until} are missing, and checkpoint {until}{place} "
        "is of the last.",
        "rewritten": "Checkpoint {number}{place} says otherwise than entry {number}: the chain was written anew up to "
        "there.",
        "rewritten several": "Checkpoint {number}{place} says otherwise than entry {number}: the chain was written "
        "anew behind checkpoint {until}, the last that is right.",
        "not_signed": "Entry {number} at the end is not signed: it was inserted, or its checkpoint was removed.",
        "not_signed several": "Entries {number} to {until} at the end are not signed: they were inserted, or their "
        "checkpoint was removed.",
        "checkpoint_missing": "Checkpoint {number} is in the copy and not in the database: it was removed there.",
        "checkpoint_forged": "Checkpoint {number}{place} is not signed by this hub: it was changed or forged, or the "
        "key is another.",
        "checkpoint_out_of_order": "Checkpoint {number}{place} is out of order: it was inserted.",
        "checkpoint_unreadable": "Line {number}{place} is no checkpoint: it was changed.",
        "no_copy": "There is no copy of the checkpoints{place}: without one, a tail that was cut together with its "
        "checkpoints cannot be found.",
    },
    "es": {
        "changed": "El registro {number} no está como se escribió: alguien cambió algo en él.",
        "moved": "El registro {number} se escribió como el {until}: antes de él alguien metió, quitó o cambió uno.",
        "unlinked": "El registro {number} no sigue al {before}: alguien reescribió el {before}, o metió el {number}.",
        "missing": "Falta el registro {number}: alguien lo quitó.",
        "missing several": "Faltan los registros del {number} al {until}: alguien los quitó.",
        "out_of_order": "El registro {number} no tiene lugar en la cadena: alguien lo metió.",
        "tail_cut": "Cortaron el final: falta el registro {number}, y hay punto de control de él, el {until}{place}.",
        "tail_cut several": "Cortaron el final: faltan los registros del {number} al {until}, y hay punto de "
        "control del último, el {until}{place}.",
        "rewritten": "El punto de control {number}{place} no coincide con el registro {number}: alguien reescribió la "
        "cadena hasta ahí.",
        "rewritten several": "El punto de control {number}{place} no coincide con el registro {number}: alguien "
        "reescribió la cadena después del punto de control {until}, el último que está bien.",
        "not_signed": "El registro {number}, al final, no está firmado: alguien lo metió, o quitó su punto de control.",
        "not_signed several": "Los registros del {number} al {until}, al final, no están firmados: alguien los metió, "
        "o quitó su punto de control.",
        "checkpoint_missing": "El punto de control {number} está en la copia y no en la base de datos: alguien lo "
        "quitó de ahí.",
        "checkpoint_forged": "El punto de control {number}{place} no tiene la firma de esta red: alguien lo cambió o "
        "lo inventó, o la clave es otra.",
        "checkpoint_out_of_order": "El punto de control {number}{place} está fuera de orden: alguien lo metió.",
        "checkpoint_unreadable": "La línea {number}{place} no es un punto de control: alguien la cambió.",
        "no_copy": "No hay copia de los puntos de control{place}: sin ella no se nota si cortan el final junto con sus "
        "puntos de control.",
    },
}
PLACE: Final[Mapping[Language, str]] = {"en": " in {}", "es": " en {}"}
OTHERS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "right": "The audit is as it was written: {count} entries, the last one of {at} UTC, all of them signed for.",
        "empty": "Nothing has been recorded yet.",
        "more": "There is more that is wrong; this is what stands first.",
    },
    "es": {
        "right": "La auditoría está como se escribió: {count} registros, el último del {at} UTC, todos con firma.",
        "empty": "Todavía no hay nada registrado.",
        "more": "Hay más cosas mal; estas son las primeras.",
    },
}
ACTS: Final[Mapping[str, Mapping[Language, str]]] = {
    "network_provisioned": {"en": "network provisioned", "es": "red puesta al día"},
    "network_stopped": {"en": "network stopped", "es": "red detenida"},
    "organisation_added": {"en": "organisation added", "es": "organización nueva"},
    "organisation_changed": {"en": "organisation changed", "es": "organización con cambios"},
    "organisation_removed": {"en": "organisation removed", "es": "organización retirada"},
    "organisation_suspended": {"en": "organisation suspended", "es": "organización suspendida"},
    "organisation_resumed": {"en": "organisation resumed", "es": "organización de vuelta"},
    "organisation_readdressed": {"en": "queues with new names", "es": "colas con nombres nuevos"},
    "key_handed_out": {"en": "API key handed out", "es": "clave de API entregada"},
    "key_revoked": {"en": "API key revoked", "es": "clave de API anulada"},
    "public_key_added": {"en": "public key added", "es": "clave pública nueva"},
    "public_key_revoked": {"en": "public key revoked", "es": "clave pública anulada"},
    "opened": {"en": "sealed blocks opened", "es": "bloques sellados abiertos"},
    "sealed_anew": {"en": "sealed block passed on", "es": "bloque sellado pasado a otra organización"},
    "open_refused": {"en": "sealed blocks not opened", "es": "bloques sellados no abiertos"},
    "indexed": {"en": "sealed blocks indexed", "es": "bloques sellados indexados"},
    "broker_repaired": {"en": "broker repaired", "es": "colas reparadas"},
    "messages_put_back": {"en": "messages put back", "es": "mensajes devueltos a su cola"},
    "alert_silenced": {"en": "alert silenced", "es": "alerta silenciada"},
    "emergency_opened": {"en": "account for emergencies opened", "es": "cuenta de emergencia abierta"},
    "emergency_used": {"en": "account for emergencies used", "es": "cuenta de emergencia usada"},
    "emergency_seen": {
        "en": "page seen by the account for emergencies",
        "es": "página vista con la cuenta de emergencia",
    },
    "emergency_refused": {"en": "codes for emergencies refused", "es": "códigos de emergencia que no abrieron"},
    "emergency_closed": {"en": "account for emergencies ended", "es": "cuenta de emergencia terminada"},
    "failures_retried": {"en": "failed messages tried again", "es": "mensajes fallidos, otro intento"},
    "failures_given_back": {"en": "failed messages given back", "es": "mensajes fallidos devueltos a quien los envió"},
    "messages_said_again": {"en": "lost messages said again", "es": "mensajes perdidos, dichos de nuevo"},
    "mending_stopped": {"en": "operation on failed messages stopped", "es": "operación con mensajes fallidos detenida"},
    "failures_seen": {"en": "what failed seen", "es": "fallos vistos"},
    "mending_planned": {"en": "dry run with failed messages", "es": "ensayo con mensajes fallidos"},
    "replays_seen": {"en": "replays seen", "es": "repeticiones vistas"},
    "replay_planned": {"en": "dry run of a replay", "es": "ensayo de una repetición"},
    "replay_asked": {
        "en": "second person asked for a replay",
        "es": "pedido de que otra persona confirme una repetición",
    },
    "replay_started": {"en": "replay of messages started", "es": "repetición de mensajes empezada"},
    "replay_resumed": {"en": "replay of messages resumed", "es": "repetición de mensajes reanudada"},
    "replay_reviewed": {"en": "replay by one alone reviewed", "es": "repetición de una sola persona, revisada"},
    "operation_seen": {"en": "operation on failed messages seen", "es": "operación con mensajes fallidos vista"},
    "refused": {"en": "messages or requests refused", "es": "mensajes o peticiones rechazados"},
    "staff_added": {"en": "member of staff added", "es": "persona del equipo agregada"},
    "staff_suspended": {"en": "member of staff suspended", "es": "persona del equipo suspendida"},
    "staff_resumed": {"en": "member of staff may come in again", "es": "persona del equipo de vuelta"},
    "enrolled": {"en": "enrolled", "es": "alta terminada"},
    "enrolment_failed": {"en": "enrolment with a wrong code", "es": "alta con un código que no vale"},
    "login": {"en": "signed in", "es": "entró"},
    "login_failed": {"en": "signed in in vain", "es": "no pudo entrar"},
    "logout": {"en": "signed out", "es": "salió"},
    "session_locked": {"en": "session locked", "es": "sesión bloqueada"},
    "session_unlocked": {"en": "session opened by PIN", "es": "sesión abierta con PIN"},
    "pin_failed": {"en": "wrong PIN", "es": "PIN equivocado"},
    "recovery_asked": {"en": "recovery asked for", "es": "recuperación pedida"},
    "recovery_granted": {"en": "recovery granted", "es": "recuperación concedida"},
    "work_seen": {"en": "list of work seen", "es": "lista de pendientes vista"},
    "referrals_seen": {"en": "list of referrals seen", "es": "lista de referencias vista"},
    "referrals_exported": {"en": "list of referrals downloaded", "es": "lista de referencias descargada"},
    "history_seen": {"en": "who saw what of a person", "es": "quién vio qué de una persona"},
    "case_seen": {"en": "case seen", "es": "caso visto"},
    "act_asked": {"en": "form of an act seen", "es": "formulario de un acto visto"},
    "act_kept": {"en": "decided about a case", "es": "decisión sobre un caso"},
    "act_undone": {"en": "decision undone", "es": "decisión deshecha"},
    "notices_set": {"en": "notices by e-mail set", "es": "avisos por correo elegidos"},
    "alerts_seen": {"en": "open alerts seen", "es": "alertas abiertas vistas"},
    "messages_seen": {"en": "messages of the log seen", "es": "mensajes del registro vistos"},
    "message_seen": {"en": "what became of a message seen", "es": "qué fue de un mensaje, visto"},
    "confidential_opened": {"en": "hidden columns of a confidential case opened", "es": "columnas reservadas abiertas"},
    "network_seen": {"en": "state of the network seen", "es": "estado de la red visto"},
    "agenda_seen": {"en": "list of visits seen", "es": "agenda vista"},
    "holder_asked": {"en": "form of whose a case is seen", "es": "formulario de quién lleva un caso visto"},
    "case_taken": {"en": "case taken", "es": "caso tomado"},
    "case_given": {"en": "case given to a colleague", "es": "caso dado a una persona del equipo"},
    "case_put_back": {"en": "case put back", "es": "caso devuelto a todos"},
    "absence_begun": {"en": "absence begun", "es": "ausencia empezada"},
    "absence_ended": {"en": "absence ended", "es": "ausencia terminada"},
    "searched": {"en": "searched for a case", "es": "caso buscado"},
    "audit_seen": {"en": "audit seen", "es": "auditoría vista"},
    "access_refused": {"en": "page or act refused", "es": "página o acto negado"},
}
"""Every act that is recorded, by the word that the database has for it."""


def problem(one: Problem, language: Language) -> str:
    """Say a problem in one sentence."""
    several = one.until if one.code == "rewritten" else one.until > one.number
    sentence = PROBLEMS[language].get(f"{one.code} several" if several else one.code) or PROBLEMS[language][one.code]
    place = "" if one.source == DATABASE else PLACE[language].format(one.source)
    return sentence.format(number=one.number, until=one.until, before=one.number - 1, place=place)


def entry(one: Entry, language: Language) -> str:
    """Say an entry in one line, with nothing in it that a terminal would obey."""
    act = ACTS.get(one.act, {}).get(language, one.act)
    line = f"{one.number}  {moment(one.at)}  {one.actor}  {act}: {one.subject}  {one.details}"
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def moment(at: str | None) -> str:
    """A time as it is shown: to the second."""
    return (at or "").partition(".")[0].partition("+")[0]
