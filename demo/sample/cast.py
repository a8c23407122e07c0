"""Who is in the sample: organisations, what they offer, and who of their staff comes into the console."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

CENTRE: Final = "barranquilla"
HOSTED_PARTNER: Final = "casapuente"
CONSOLE: Final[Mapping[str, Any]] = {"reads": ["*"], "amqp": False}
"""The system of an organisation whose staff have the console alone (deploy/network.toml)."""

ADDED: Final[Mapping[str, Mapping[str, Any]]] = {
    HOSTED_PARTNER: {
        "name": "Fundación Casa Puente (inventada)",
        "roles": ["partner", "custody"],
        "systems": {"console": CONSOLE},
        "amqp": False,
    },
}
"""Organisations of the sample that the network file does not have, as it would say them."""
HOSTED: Final = frozenset({CENTRE, HOSTED_PARTNER})
SIMULATED: Final = ("redcross", "iom", "americares", "fuvadis", "oportunidades")
"""Organisations with systems of their own, which the sample's process plays."""


@dataclass(frozen=True)
class Offered:
    """A service."""

    name: str
    needs: tuple[str, ...]
    capacity: str = "open"
    waiting: int | None = None


SERVICES: Final[Mapping[str, Offered]] = {
    "barranquilla.juridica": Offered(
        "Orientación jurídica del Centro Intégrate", ("protection.legal_advice", "protection.documentation")
    ),
    "barranquilla.convivencia": Offered("Encuentros de convivencia", ("integration.coexistence",)),
    "casapuente.albergue": Offered("Albergue temporal", ("shelter.temporary",), "waiting_list", 2),
    "casapuente.mercado": Offered("Mercado y aseo para la familia", ("food_security.food_basket", "wash.hygiene_kit")),
    "casapuente.apoyo": Offered("Apoyo psicosocial", ("health.psychosocial",)),
    "redcross.salud": Offered("Consulta médica general", ("health.consultation", "health.medicines")),
    "redcross.vacunas": Offered("Vacunación", ("health.vaccination",)),
    "iom.papeles": Offered("Orientación para la regularización", ("protection.regularisation",)),
    "iom.arriendo": Offered("Apoyo para arriendo", ("shelter.rent",), "assess_first"),
    "americares.materna": Offered("Control prenatal", ("health.maternal",)),
    "americares.medicinas": Offered("Consulta y medicinas", ("health.medicines", "health.consultation")),
    "fuvadis.higiene": Offered("Kit de higiene", ("wash.hygiene_kit",)),
    "fuvadis.escuela": Offered("Cupo escolar", ("education.school_place",), "waiting_list", 3),
    "oportunidades.empleo": Offered("Ruta de empleo", ("integration.employment",)),
}
"""By organisation and a short name."""


@dataclass(frozen=True)
class Member:
    """A member of staff who comes into the console."""

    login: str
    name: str
    organisation: str
    role: str


STAFF: Final = (
    Member("coordinacion", "Marta Ensayo", CENTRE, "coordinator"),
    Member("casapuente", "Julián Muestra", HOSTED_PARTNER, "partner_staff"),
    Member("auditoria", "Teresa Boceto", CENTRE, "auditor"),
    Member("administracion", "Hernán Modelo", CENTRE, "administrator"),
    Member("operacion", "Sol Borrador", CENTRE, "operations"),
)
