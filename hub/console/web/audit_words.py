"""What the page of the audit says that stands in no template."""

from collections.abc import Mapping
from typing import Final

from hub.console.web.words import N_

CHAIN_NAMES: Final[Mapping[str, str]] = {
    "consola": N_("lo visto y hecho en la consola"),
    "red": N_("lo hecho a la red"),
}
CHAINS: Final = tuple(CHAIN_NAMES)
NO_WHO: Final = N_("Nadie entra con este nombre ni tiene este código, como s-7kd2 u operator:1000.")
NO_OBJECT: Final = N_("Esto no es una organización ni un identificador. Cópielo entero.")
NO_TIME: Final = N_("Esto no es un día con su hora.")
