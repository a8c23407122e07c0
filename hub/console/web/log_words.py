"""What the pages of the message log say that stands in no template."""

from collections.abc import Mapping
from typing import Final

from hub.console.web.words import N_

LABEL: Final = N_("Mensajes")
STATES: Final[Mapping[str, str]] = {
    "applied": N_("aplicado"),
    "waits": N_("en espera"),
    "refused": N_("rechazado"),
    "quarantined": N_("apartado"),
    "handed_to": N_("entregado"),
}
NEITHER: Final = N_("Esto no es un identificador ni un código corto, como K7M2-4XQD. Cópielo entero.")
UNKNOWN: Final = N_(
    "El registro no conoce nada así: quizá es más antiguo de lo que se guarda, o se borró por un derecho de alguien."
)
AWAY: Final = N_("Ahora no se puede buscar: el registro de mensajes no responde.")
CONFIDENTIAL: Final = N_("casos reservados")
UNSAID: Final = N_("no se muestra")
NOBODY_READS: Final = N_("ningún servicio lo lee")

WHY: Final[Mapping[str, str]] = {
    "organisation_asks": N_("Una organización pregunta por él"),
    "fault_to_mend": N_("Hay una falla, y hay que saber de quién es"),
    "review": N_("Es una revisión de la auditoría"),
}
"""Why what is hidden of a confidential case is opened."""
NOT_SHOWN: Final = N_(
    "No se mostró nada: el registro de mensajes no respondió a tiempo. Si lo pedido se alcanzó a anotar, está en la "
    "auditoría."
)
