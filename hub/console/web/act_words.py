"""What pages say of acts: what each field of a form asks for, and what has become of what was done."""

from collections.abc import Mapping
from typing import Final

from hub.console.store.acts import ActState
from hub.console.web.words import N_

LABELS: Final[Mapping[str, str]] = {
    "info_provided.sealed": N_("La respuesta"),
    "scheduled.visit_at": N_("Día y hora"),
    "scheduled.mode": N_("Cómo"),
    "scheduled.sealed": N_("Qué tiene que saber la persona: dónde, por quién preguntar, qué traer"),
    "completed.outcome": N_("Resultado"),
    "completed.not_met_reason": N_("Por qué no se logró"),
    "completed.services_given": N_("Servicios que se dieron"),
    "completed.onward_referral_id": N_("La referencia en que sigue"),
    "completed.sealed": N_("Nota"),
    "closed.outcome": N_("Resultado, según la persona"),
    "closed.not_met_reason": N_("Por qué no se logró"),
    "info_requested.topic": N_("Qué falta saber"),
    "info_requested.sealed": N_("La pregunta"),
    "waitlisted.place_in_line": N_("Puesto en la lista"),
    "waitlisted.estimate_days": N_("Días de espera, más o menos"),
    "declined.reason": N_("Motivo"),
    "declined.criterion": N_("Requisito que no cumple"),
    "declined.missing_documents": N_("Documentos que faltan"),
    "redirected.service": N_("A qué servicio"),
    "redirected.reason": N_("Por qué no la atienden ustedes"),
    "redirected.given_by": N_("Quién da el consentimiento"),
    "redirected.manner": N_("Cómo lo da"),
    "redirected.language": N_("En qué idioma se le explicó"),
    "redirected.lasts": N_("Cuánto dura"),
    "redirected.agreed": N_("Qué respondió"),
    "service_noted.sealed": N_("Cómo va"),
    "note_added.kind": N_("Qué es"),
    "note_added.call_back_at": N_("Volver a llamar"),
    "note_added.notes": N_("Qué quiere decirles"),
    "visit_cancelled.cancelled_by": N_("Quién la canceló"),
    "chased.organisation": N_("A quién le pidieron respuesta"),
    "chased.means": N_("Cómo"),
    "chased.result": N_("Qué respondieron"),
    "chased.chased_at": N_("Cuándo"),
    "deadline_extended.due_at": N_("Nuevo plazo"),
    "deadline_extended.reason": N_("Motivo"),
    "reopened.reason": N_("Motivo"),
    "cancel_requested.reason": N_("Motivo"),
    "entered_in_error.reason": N_("Motivo"),
}
HINTS: Final[Mapping[str, str]] = {
    "call_back_at": N_(
        "Solo después de una llamada: ese día aparece en Hoy. Otra llamada sin día la da por devuelta; una nota no."
    ),
    "not_met_reason": N_("Solo si no se logró."),
    "criterion": N_("Solo si no cumple un requisito."),
    "sealed": N_("Va cerrada: solo %(reader)s puede leerla."),
    "onward_referral_id": N_("Solo si siguió en otra organización."),
}
TOLD: Final[Mapping[str, str]] = {
    ActState.KEPT: N_("Se envía en un momento."),
    ActState.UNDONE: N_("Se deshizo: nadie se enteró."),
    ActState.ACCEPTED: N_("Enviado. Falta que la red lo aplique."),
    ActState.WAITS: N_("Enviado. Espera a que llegue lo que falta; la red lo intenta sola."),
    ActState.REFUSED: N_("No se aplicó."),
    ActState.QUARANTINED: N_("No se aplicó todavía: quien opera la red lo está revisando. No se pierde nada."),
    ActState.APPLIED: N_("Hecho: la red lo aplicó."),
}
NOT_YET: Final = N_("Todavía no se pudo enviar. Se intenta solo; no hace falta repetirlo.")
CONSENT: Final = N_("Consentimiento para redirigir")
FOLLOWS: Final = N_("Se envía cuando la red aplique el consentimiento.")
BY_FIRST: Final = N_("No se envió: el consentimiento no se aplicó.")
BY_SUSPENDED: Final = N_("No se envió: quien lo hizo ya no tiene acceso.")
BY_ERASURE: Final = N_("No se envió: los datos de la persona se borraron.")
NO_SCREENS: Final = N_("No se envió: su organización ya no usa esta consola.")
UNDONE_BECAUSE: Final[Mapping[str, str]] = {
    "staff_suspended": BY_SUSPENDED,
    "person_erased": BY_ERASURE,
    "no_screens": NO_SCREENS,
    "first_refused": BY_FIRST,
}
PAST: Final = N_("Tiene que ser de ahora en adelante.")
NOT_YET_PAST: Final = N_("Todavía no ha pasado.")
BEFORE_IT_WAS_SENT: Final = N_("Tiene que ser después de que se envió la referencia.")
ALREADY_SO: Final = N_("La cita ya es para ese día y esa hora.")
AT_THE_LATEST: Final = N_("A más tardar: %(until)s.")
OUT_OF_BOUNDS: Final = N_("Tiene que ser después del plazo de ahora, y no más tarde de lo que se dice arriba.")
AND: Final = N_("y")  # between the names of two organisations
NONE_CHOSEN: Final = N_("Elija al menos una referencia.")
