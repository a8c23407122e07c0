"""What every kind of file is read into: rows of texts under the names of our columns."""

from dataclasses import dataclass, field
from typing import Final

from tools.attendance.spelling import plain

# Our columns, which are the form's fields too, and what else a heading may say; compared in plain spelling.
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "nombres": ("nombre", "primer nombre", "nombres completos"),
    "apellidos": ("apellido", "primer apellido"),
    "tipo_documento": ("tipo doc", "tipo identificacion", "clase documento"),
    "numero_documento": ("documento", "no documento", "nro documento", "num documento", "identificacion", "cedula"),
    "fecha_nacimiento": ("nacimiento", "f nacimiento"),
    "edad": ("anos", "edad anos"),
    "sexo": ("genero",),
    "nacionalidad": ("pais", "pais origen"),
    "perfil": ("grupo poblacional", "poblacion"),
    "telefono": ("celular", "tel", "numero telefono", "numero celular", "movil"),
    "municipio": ("municipio residencia", "ciudad", "divipola"),
    "direccion": ("barrio", "direccion barrio", "domicilio"),
    "fecha_atencion": ("fecha", "fecha jornada", "dia"),
    "hora_atencion": ("hora",),
    "servicios": ("servicio", "servicios recibidos", "servicio recibido", "atenciones", "atencion"),
    "prestador": ("organizacion", "organizacion atendio", "quien atendio"),
    "pasos_etpv": ("etpv", "paso etpv"),
    "necesidades": ("necesidad", "necesidades quedan"),
    "urgencia": ("prioridad",),
    "referir_a": ("referido a", "remitir a", "remitido a", "remision"),
    "referir_servicio": ("servicio referido", "servicio al que se refiere", "remitir servicio"),
    "consentimiento": ("autorizacion", "autoriza", "autoriza tratamiento datos", "habeas data"),
    "consentimiento_por": ("quien autoriza",),
    "consentimiento_como": ("como autoriza",),
}

HEADINGS: Final = {plain(heading): name for name, also in COLUMNS.items() for heading in (name, *also)}

ROWS_AT_MOST: Final = 200_000  # of one list: four times the longest that was measured
LONGEST_CELL: Final = 400  # characters; the contract's own limits are below it
NOTHING: Final = {"", "-", "--", "—", "n/a", "na", "null", "none"}


class UnusableFileError(Exception):
    """A file that cannot be read at all; the text says why in one sentence, and nothing of what is in it."""


def check_length(rows: int | None) -> None:
    """Raise UnusableFileError where a list has more rows than one may have; None: nobody knows."""
    if rows is not None and rows > ROWS_AT_MOST:
        raise UnusableFileError(
            f"The list has more than {ROWS_AT_MOST:,} rows, empty ones included: send it in several files."
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what stands in the columns that we know, without those that are empty."""

    line: int
    cells: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that cannot even be taken apart."""

    line: int
    code: str = "unreadable"


@dataclass(frozen=True, slots=True)
class Headings:
    """Which place in a row is which column."""

    places: dict[int, str]
    unknown: int  # how many columns we do not know; they are not read

    @classmethod
    def read(cls, cells: list[str]) -> "Headings":
        """Read the first row of a table; raise UnusableFileError when it lacks a column we need, or has one twice."""
        known = {place: HEADINGS[plain(cell)] for place, cell in enumerate(cells) if plain(cell) in HEADINGS}
        twice = sorted({name for name in known.values() if [*known.values()].count(name) > 1})
        if twice:
            raise UnusableFileError(f"Two columns are both {twice[0]}.")
        if "nombres" not in known.values():
            raise UnusableFileError("No column is called nombres: the first row has to name the columns.")
        return cls(known, sum(1 for cell in cells if cell.strip()) - len(known))

    def row(self, line: int, cells: list[str]) -> Row:
        """Take a row apart."""
        return Row(line, kept({name: cells[place] for place, name in self.places.items() if place < len(cells)}))


def kept(cells: dict[str, str]) -> dict[str, str]:
    """Leave out what is empty, or is there to say that there is nothing."""
    stripped = {name: cell.strip() for name, cell in cells.items()}
    return {
        name: cell
        for name, cell in stripped.items()
        if cell.lower() not in NOTHING or (name == "tipo_documento" and cell.lower() == "none")
    }
