"""The people of the sample: invented, the same in every sample, and by their family names nobody's."""

from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Any, Final

from demo.people import BARRANQUILLA

WOMEN: Final = (
    "Ana Lucía", "Yuleisy", "María Fernanda", "Daniela", "Rosa Elena", "Karelis", "Gloria Inés", "Milagros", "Yesenia",
    "Carmen Alicia", "Luz Marina", "Génesis", "Patricia", "Nohelia",
)  # fmt: skip
MEN: Final = (
    "José Gregorio", "Luis Alfonso", "Wilmer", "Andrés Felipe", "Jesús David", "Rafael", "Yorman", "Carlos Julio",
    "Édgar", "Miguel Ángel", "Deivis", "Jorge Iván", "Ramón", "Óscar",
)  # fmt: skip
# Whoever reads them sees that nobody is called so.
FAMILIES: Final = (
    "Muestra", "Ejemplo", "Ensayo", "Inventado", "Supuesto", "Figurado", "Modelo", "Imaginado", "Ficción", "Boceto",
    "Borrador", "Prueba", "Simulado",
)  # fmt: skip
REGISTERED_AT_MOST: Final = 40  # days ago


@dataclass(frozen=True)
class Person:
    """One invented person, by a number."""

    number: int
    is_child: bool = False
    expects_child: bool = False

    @property
    def is_woman(self) -> bool:
        return self.expects_child or self._drawn("sex", 2) == 0

    @property
    def given_names(self) -> str:
        names = WOMEN if self.is_woman else MEN
        return names[self.number // 2 % len(names)]

    @property
    def family_names(self) -> str:
        first = self.number % len(FAMILIES)
        return f"{FAMILIES[first]} {FAMILIES[(first + 1 + self.number // len(FAMILIES)) % len(FAMILIES)]}"

    @property
    def registered_days_ago(self) -> int:
        return 2 + self._drawn("registered", REGISTERED_AT_MOST - 2)

    def block(self, today: date, caregiver: "Person | None" = None) -> dict[str, Any]:
        """What a sealed block says of them; of a child, with who answers for it."""
        is_migrant = self._drawn("nationality", 3) > 0
        years = (
            4 + self._drawn("age", 12) if self.is_child else 19 + self._drawn("age", 20 if self.expects_child else 50)
        )
        kind = ("RC" if years < 7 else "TI") if self.is_child else "PT" if is_migrant else "CC"
        block = {
            "given_names": self.given_names,
            "family_names": self.family_names,
            "documents": [{"type": kind, "number": str(10_000_000 + self._drawn("document", 80_000_000))}],
            "birth_date": (today - timedelta(days=years * 365 + self._drawn("birthday", 365))).isoformat(),
            "sex": "female" if self.is_woman else "male",
            "nationality": "VEN" if is_migrant and not self.is_child else "COL",
            "profile": "migrant" if is_migrant and not self.is_child else "host_community",
            "place": BARRANQUILLA,
        }
        if caregiver is None:
            return {**block, "phone": self.phone, "language": "es", "contact_channel": "whatsapp"}
        name = f"{caregiver.given_names} {caregiver.family_names}"
        relation = "mother" if caregiver.is_woman else "father"
        return {**block, "caregiver": {"name": name, "relation": relation, "phone": caregiver.phone}}

    @property
    def phone(self) -> str:
        return f"+57300{self._drawn('phone', 10_000_000):07}"

    def _drawn(self, what: str, many: int) -> int:
        """A number below `many` that is always the same for this person."""
        return int.from_bytes(sha256(f"{self.number} {what}".encode()).digest()[:8], "big") % many
