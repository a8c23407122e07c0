"""What Fallos and Operación say: why messages are parked, why one acts, and why something was not done."""

from collections.abc import Mapping
from typing import Final

from hub.console.web.words import N_
from hub.monitor.mending import terminal

MEANS: Final[Mapping[str, str]] = {
    "failed": N_(
        "El programa del servicio falló con estos mensajes, y ninguno se aplicó. Corregida la falla, se intentan otra "
        "vez."
    ),
    "no_handler": N_(
        "Este servicio todavía no atiende esta clase de mensaje. Se intentan otra vez cuando corra una versión que la "
        "atienda."
    ),
    "id_reused": N_(
        "El mismo id se usó para otro mensaje, que sí se aplicó. Estos se rechazaron al llegar: con la devolución "
        "salen de aquí, y a quien los envió no se le dice nada más."
    ),
}
UNREADABLE: Final = N_(
    "El servicio no pudo leer lo que llegó. Se intenta otra vez cuando corra una versión que lo lea."
)
KEPT_BACK: Final = N_("El servicio no pudo con estos mensajes, y no se muestra por qué.")
CASE_NOT_SHOWN: Final = N_(
    "Son de casos reservados: de quién son y sobre qué no se muestra. Se abre por su id en Mensajes, con un motivo."
)
GOES_ON: Final = N_("Sigue sin que nadie haga nada.")

ASKS: Final[Mapping[str, str]] = {
    "retry": N_("Ensayar el reintento"),
    "give_back": N_("Ensayar la devolución"),
}
STARTS: Final[Mapping[str, str]] = {"retry": N_("Intentar otra vez"), "give_back": N_("Devolver")}
KINDS: Final[Mapping[str, str]] = {"retry": N_("Reintento"), "give_back": N_("Devolución")}
FROM_TERMINAL: Final[Mapping[str, str]] = {
    terminal.PUT_BACK: N_("Mensajes devueltos a su cola"),
    terminal.SAID_AGAIN: N_("Mensajes perdidos, dichos de nuevo"),
}
CUT_OFF: Final[Mapping[str, str]] = {
    terminal.PUT_BACK: N_("En marcha, o se cortó. Sigue con `./ruta repair --operation %(id)s`"),
    terminal.SAID_AGAIN: N_("En marcha, o se cortó. Qué falta lo dice `./ruta reconcile`"),
}
"""Of what was done in a terminal, and has not ended."""
PUT_BACK_ENDED: Final = N_("Terminó: volvieron %(put_back)s, se quedaron %(stayed)s, ya no estaban %(gone)s")
SAID_AGAIN_ENDED: Final = N_("Terminó: llegaron %(came)s, faltan %(missing)s; pedidos a quien los envió: %(asked_for)s")
REMAIN: Final = N_("En marcha: faltan %(count)s")
ENDED: Final = N_("Terminó")
ENDED_IN_PART: Final = N_("Terminó: fallaron otra vez %(count)s")
STOPPED: Final = N_("Se detuvo: siguen como antes %(count)s")

WILL: Final[Mapping[str, str]] = {
    "retry": N_(
        "Cada mensaje tiene tres intentos en unos segundos. Lo que llegó después sobre lo mismo ya se aplicó: "
        "alguno puede salir rechazado con su código, y su remitente lo sabe."
    ),
    "give_back": N_(
        "Cada remitente recibe el rechazo `given_back` (si fue por `id_reused`, ya lo tiene), y el mensaje sale de "
        "aquí sin aplicarse nunca. No se puede deshacer."
    ),
}
WHY: Final[Mapping[str, Mapping[str, str]]] = {
    "retry": {
        "program_mended": N_("Se corrigió el programa"),
        "settings_mended": N_("Se corrigió la configuración o un servidor"),
        "cause_unknown": N_("Es una prueba: la causa no se conoce todavía"),
    },
    "give_back": {
        "said_anew": N_("Quien lo envió lo dirá de nuevo"),
        "never_to_apply": N_("No se debe aplicar nunca"),
        "sender_asks": N_("Quien lo envió lo pidió"),
    },
    "replay": {
        "reader_restored": N_("Se restauró un lector que había perdido lo suyo"),
        "new_reader": N_("Hay un lector nuevo"),
        "queue_lost": N_("Se perdió lo que había en una cola"),
        "trial": N_("Es una prueba"),
    },
}
"""By act: the codes of reasons. Nothing else is written down, so nobody can be named in it."""
CONFIDENTIAL: Final = N_("caso reservado")
UNTOLD: Final = N_("sin nombre conocido")
NOT_KNOWN: Final = N_("no se sabe")
WHY_ELSEWHERE: Final = N_("lo que se escribió en la línea de órdenes")

NO_WHY: Final = N_("Elija el motivo.")
NO_REFERENCE: Final = N_("Solo el número de un caso o de una versión, como 88 o 1.4.2.")

RESULTS: Final[Mapping[str | None, str]] = {
    "applied": N_("aplicado"),
    "refused": N_("rechazado"),
    "quarantined": N_("falló otra vez"),
    "given_back": N_("devuelto"),
    "stopped": N_("detenido: está como antes"),
    None: N_("falta"),
}

AWAY: Final = N_(
    "La base de datos no contesta. Espere un minuto y mire de nuevo: enviarlo otra vez no lo hace dos veces."
)
PROBLEMS: Final[Mapping[str, str]] = {
    "no_reason": N_("No se hizo nada todavía: falta el motivo."),
    "not_done_here": N_("En ese servicio nadie intenta otra vez lo que falló. No se hizo nada."),
    "nothing_selected": N_("De esto ya no hay nada. No se hizo nada."),
    "changed_since": N_(
        "Desde el ensayo otra persona empezó con alguno de estos mensajes, o se borró uno. No se hizo nada: "
        "vuelva a Fallos y ensaye de nuevo."
    ),
    "not_as_planned": N_("Eso no es lo que ató el ensayo. No se hizo nada: vuelva a Fallos y ensaye de nuevo."),
    "plan_too_old": N_("El ensayo tiene más de una hora. No se hizo nada: vuelva a Fallos y ensaye de nuevo."),
    "busy": N_("La base de datos está ocupada y ahí no se hizo nada. Espere un minuto y envíelo de nuevo."),
    "unseen": AWAY,
    "no_answer": AWAY,
    "away": AWAY,
}
"""By the code of what was not done."""
ENDS: Final = ("changed_since", "not_as_planned", "plan_too_old", "nothing_selected")
"""With which nothing can come of a dry run any more."""
