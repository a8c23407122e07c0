"""What Repeticiones says: why one has messages said again, what came of each, and why something was not done."""

from collections.abc import Mapping
from typing import Final

from hub.console.web import mending_words
from hub.console.web.words import N_

RESULTS: Final[Mapping[str | None, str]] = {
    "said": N_("dicho otra vez"),
    "erased": N_("se borró a la persona"),
    "expired": N_("ya no se guarda"),
    "stopped": N_("detenido"),
    None: N_("falta"),
}

NO_CONTRACT: Final = N_("Elija el contrato.")
NO_TIME: Final = N_("Escriba desde cuándo, y si pone hasta cuándo, que sea después.")
NO_RATE: Final = N_("De 1 a 1.000 mensajes por segundo; sin otra persona, hasta 100.")
NO_TYPED_REASON: Final = N_(
    "Escriba el motivo en sus palabras, de 10 a 200 letras, sin nombres ni números de documento o teléfono."
)

PROBLEMS: Final[Mapping[str, str]] = {
    **mending_words.PROBLEMS,
    "unknown_contract": NO_CONTRACT,
    "unknown_organisation": N_("Esa organización no está en la red. No se hizo nada."),
    "no_time": NO_TIME,
    "no_rate": NO_RATE,
    "too_fast_alone": NO_RATE,
    "too_many": N_("Son más de 100.000 mensajes de un servicio. No se ató nada: pida menos tiempo cada vez."),
    "second_person": N_("Eso lo hace otra persona, que entra con su propia cuenta. No se hizo nada."),
    "asked_by_another": N_("Otra persona ya lo pidió. Abra la página de nuevo: la puede confirmar."),
    "nothing_selected": N_("De esto no se guarda nada. No se hizo nada."),
    "changed_since": N_(
        "Desde el ensayo otra persona empezó a repetir alguno de estos mensajes. No se hizo nada: vuelva a "
        "Repeticiones y ensaye de nuevo."
    ),
    "not_as_planned": N_("Eso no es lo que ató el ensayo. No se hizo nada: vuelva a Repeticiones y ensaye de nuevo."),
    "plan_too_old": N_("El ensayo es demasiado viejo. No se hizo nada: vuelva a Repeticiones y ensaye de nuevo."),
}
"""By the code of what was not done."""
