"""The XLSForm of a jornada for KoboToolbox, made from the tables in `form/`, and the words that are read as codes."""

import csv
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from openpyxl import Workbook

from contracts import codes, label
from contracts.words import capital
from tools.attendance.spelling import plain

FOLDER: Final = Path(__file__).parent
DEFINITION: Final = FOLDER / "form"
XLSFORM: Final = FOLDER / "jornada.xlsx"
LABEL: Final = "label::Español (es)"

CODED: Final[Mapping[str, type[StrEnum]]] = MappingProxyType(
    {
        "consentimiento_por": codes.ConsentGivenBy,
        "consentimiento_como": codes.ConsentManner,
        "tipo_documento": codes.DocumentType,
        "sexo": codes.Sex,
        "perfil": codes.Profile,
        "urgencia": codes.Urgency,
        "paso_etpv": codes.EtpvStep,
        "necesidad": codes.NeedCode,
    }
)
"""The lists whose choices are codes of the contracts: people read what contracts/words.toml calls those."""

Sheets = dict[str, list[list[str]]]


def sheets() -> Sheets:
    """Return the form's sheets, each a list of rows with the heading first, as its XLSX file has them."""
    survey, settings = (_read(DEFINITION / f"{name}.csv") for name in ("survey", "settings"))
    # What else people write for a choice is for spreadsheets, and not for the form.
    choices = [["list_name", "name", LABEL], *([name, code, text] for name, code, text, _ in _rows())]
    choices += [["municipio", code, name] for code, name in municipalities().items()]
    return {"survey": survey, "choices": choices, "settings": settings}


def write(path: Path) -> None:
    """Write the form as XLSX."""
    book = Workbook(write_only=True)
    for name, rows in sheets().items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append([cell or None for cell in row])
    book.save(path)


@cache
def choices(list_name: str) -> dict[str, str]:
    """Return the choices of one list as people read them, by code."""
    return {code: labels[0] for code, labels in _choices(list_name)}


@cache
def labels() -> dict[str, str]:
    """Return the questions as people read them, and the name of each."""
    heading, *rows = _read(DEFINITION / "survey.csv")
    name, label = heading.index("name"), heading.index(LABEL)
    return {row[label]: row[name] for row in rows if row[label]}


@cache
def municipalities() -> dict[str, str]:
    """Return the municipalities of Colombia by DIVIPOLA code, as `Soledad (Atlántico)`."""
    _, *rows = _read(FOLDER / "municipalities.csv")
    return {code: f"{municipality} ({department})" for code, department, municipality in rows}


@cache
def words(list_name: str) -> dict[str, str]:
    """Return what people write for the choices of one list, in plain spelling, and the code that each means."""
    found: dict[str, str] = {}
    for code, labels in _choices(list_name):
        for text in (code, *labels):
            found[plain(text)] = code
    return found


@cache
def places() -> dict[str, str]:
    """Return the same for municipalities: by name where only one has it, by name and department, and by code."""
    found: dict[str, str] = {}
    shared = set()
    for code, full in municipalities().items():
        name = full.partition(" (")[0]
        short = {plain(name), plain(name.partition(",")[0])}  # `Bogotá, D.C.` is Bogotá
        shared |= short & found.keys()
        # a spreadsheet takes a code for a number, and its first 0 for nothing
        found |= dict.fromkeys({*short, plain(full), code, code.removeprefix("0")}, code)
    return {name: code for name, code in found.items() if name not in shared}


def _choices(list_name: str) -> Iterator[tuple[str, list[str]]]:
    for name, code, text, also in _rows():
        if name == list_name:
            yield code, [text, text.partition(" (")[0], *filter(None, also.split("|"))]


def _rows() -> Iterator[tuple[str, str, str, str]]:
    """Read the choices of every list: the list, the code, what people read, and what else they write for it."""
    _, *rows = _read(DEFINITION / "choices.csv")
    for name, code, text, also in rows:
        yield name, code, text or capital(label(code, of=CODED[name].__name__)), also


def _read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))
