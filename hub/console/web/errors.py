"""What ends a request before its page: a code, for which there is one page with words."""

from collections.abc import Mapping
from typing import Final

from hub.console.web.words import N_

WORDS: Final[Mapping[str, tuple[int, str, str]]] = {
    "not_found": (
        404,
        N_("Aquí no hay nada"),
        N_("Esta página no existe, o no es para usted. Vuelva al inicio, o busque de nuevo."),
    ),
    "method_not_allowed": (405, N_("Así no se puede"), N_("Vuelva al inicio y empiece desde ahí.")),
    "form_expired": (
        403,
        N_("El formulario ya no vale"),
        N_("Se abrió hace tiempo, o en otra sesión. No se hizo nada: recargue la página y envíelo de nuevo."),
    ),
    "changed": (
        409,
        N_("Esto ya no se puede"),
        N_("El caso cambió desde que abrió la página. No se hizo nada: vuelva al caso y mire cómo está."),
    ),
    "wrong_origin": (
        403,
        N_("La petición no vino de esta consola"),
        N_("No se hizo nada. Si usted envió un formulario de aquí, recargue la página y envíelo de nuevo."),
    ),
    "unreadable": (400, N_("No se puede leer lo enviado"), N_("No se hizo nada. Vuelva atrás y escríbalo de nuevo.")),
    "too_large": (413, N_("Es demasiado largo"), N_("No se hizo nada. Vuelva atrás y acorte lo escrito.")),
    "busy": (503, N_("Hay demasiada gente entrando"), N_("No se hizo nada. Espere unos segundos e intente de nuevo.")),
    "operators_busy": (
        503,
        N_("Otras páginas esperan por las bases de datos"),
        N_("No se hizo nada. Espere medio minuto e intente de nuevo."),
    ),
    "too_many_searches": (
        429,
        N_("Son demasiadas búsquedas seguidas"),
        N_("No se buscó nada. Espere un minuto y busque de nuevo. Los casos de hoy están en Hoy y en Referencias."),
    ),
    "too_many_opened": (
        429,
        N_("Son demasiadas personas abiertas seguidas"),
        N_("No se abrió nada. Espere un minuto y vuelva al caso."),
    ),
    "too_many_attempts": (
        429,
        N_("Son demasiados intentos seguidos"),
        N_("No se hizo nada. Espere un minuto e intente de nuevo."),
    ),
    "unrecorded": (
        503,
        N_("No se puede anotar quién mira"),
        N_("Sin eso no se muestra nada. Mire si el disco del servidor está lleno; allá sirve la orden ./ruta status."),
    ),
    "too_slow": (
        503,
        N_("La lista tardó demasiado"),
        N_("Intente de nuevo en un momento. Si sigue así, pida menos, un estado o una necesidad, y avise a soporte."),
    ),
    "database_away": (
        503,
        N_("Ahora no es posible"),
        N_("Lo último que pidió no se hizo. Espere un minuto e intente de nuevo; si sigue así, avise a soporte."),
    ),
    "internal": (
        500,
        N_("Algo falló de nuestro lado"),
        N_("Lo último que pidió no se hizo. Avise a soporte con el código y el número de abajo."),
    ),
}
"""Of each code: the status of HTTP, a heading, and what to do."""
WAITS: Final = N_("Lo que escribió se guardó, y le espera en el formulario.")
IS_LOST: Final = N_(
    "Lo que acaba de escribir no se pudo guardar. Lo que alcanzó a guardarse antes le espera en el formulario."
)


class Stopped(Exception):
    """A request ends here, with the page of a code; what it has changed so far is undone."""

    def __init__(self, code: str, form_at: str = "") -> None:
        """`form_at` is the page of the form that was sent, where something was typed into it."""
        super().__init__(code)
        self.code = code
        self.form_at = form_at
        self.status = WORDS[code][0]
