"""What every kind of file is read into: rows of texts under the names of our columns."""

from dataclasses import dataclass, field
from typing import Final

# Our columns, which are the form's fields too, and what else a heading may say; compared in plain spelling.
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "nombres": ("nombre", "nombres completos", "nombre completo", "nombres apellidos", "apellidos nombres"),
    "apellidos": ("apellido",),
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

ROWS_AT_MOST: Final = 200_000  # of one list: four times the longest that was measured
LONGEST_CELL: Final = 400  # characters; the contract's own limits are below it
COLUMNS_AT_MOST: Final = 1000  # of a table: Kobo's export of our own form has a hundred and fifty


# Columns of several choices, by the list of the form that has them.
SEVERAL: Final = {"servicios": "necesidad", "necesidades": "necesidad", "pasos_etpv": "paso_etpv"}

# Who a person is, and how to find them: never another person's.
DETAILS: Final = frozenset(
    {
        "nombres", "apellidos", "tipo_documento", "numero_documento", "fecha_nacimiento", "edad", "sexo",
        "nacionalidad", "perfil", "telefono", "direccion",
    }
)  # fmt: skip
# What all in a submission have in common where they do not say otherwise: the day, the hour, the place, who served.
IN_COMMON: Final = frozenset({"fecha_atencion", "hora_atencion", "municipio", "prestador"})


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
    """A row that cannot even be taken apart, or says two things at once."""

    line: int
    code: str = "unreadable"
    column: str | None = None
