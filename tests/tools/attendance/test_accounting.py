"""Everything in a file is read, named as not read, or refused: what goes in is what is reported.

Random files of each format, of which it is known what stands in them.
"""

import csv
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from openpyxl import Workbook

from tools.attendance.headings import shown
from tools.attendance.rows import Row
from tools.attendance.source import open_source

SEEDS: Final = range(60)

OURS: Final = {
    "apellidos": ["Ríos", "Peña Núñez", "D'Angelo"],
    "tipo_documento": ["CC", "Pasaporte", "none"],
    "numero_documento": ["1043871234", "AB 123456", "0073000001"],
    "fecha_nacimiento": ["14/02/1990", "1991-07-24"],
    "telefono": ["3001234567", "+58 412 1234567"],
    "direccion": ["Calle 1; casa 2", 'Barrio "La Playa"', "Cra 3, apto 4\nTorre 2"],
    "servicios": ["mercado", "Consulta médica"],
    "consentimiento": ["si", "no"],
}
FOREIGN: Final = ["Firma", "Observaciones", "EPS", "Parentesco", "Talla", "Segundo apellido del acudiente", "Sisbén"]


@dataclass
class Made:
    """A table that was made: its headings, its rows, and what has to be found of it."""

    headings: list[str]
    rows: list[list[str]]

    def cells(self) -> list[dict[str, str]]:
        """What stands in our columns, row by row; none of a row that is empty."""
        found = []
        for row in self.rows:
            if any(row):
                said = zip(self.headings, row, strict=True)
                found.append({name: cell for name, cell in said if name in (*OURS, "nombres") and cell})
        return found

    def unread(self) -> set[str]:
        """The columns that have something in them, and are not ours."""
        return {
            shown(heading, place)
            for place, heading in enumerate(self.headings)
            if heading not in (*OURS, "nombres") and any(row[place] for row in self.rows)
        }


def table(chance: random.Random) -> Made:
    headings = [
        "nombres",
        *chance.sample([*OURS], chance.randrange(len(OURS) + 1)),
        *chance.sample(FOREIGN, chance.randrange(4)),
        *[""] * chance.randrange(2),
    ]
    chance.shuffle(headings)
    while headings[-1] == "":  # nothing tells a row that is shorter by an empty heading from a whole one
        headings.insert(0, headings.pop())
    rows = [[cell(chance, heading) for heading in headings] for _ in range(chance.randrange(1, 12))]
    return Made(headings, rows)


def cell(chance: random.Random, heading: str) -> str:
    if heading == "nombres":
        return chance.choice(["Ana", "Yuleisy Andreína", "Luz"])
    return chance.choice(["", *OURS.get(heading, ["algo", "otra cosa"])])


def as_csv(made: Made, chance: random.Random, path: Path) -> None:
    text = io.StringIO(newline="")
    ending = chance.choice(["\n", "\r\n"])
    writer = csv.writer(text, delimiter=chance.choice(";,\t"), lineterminator=ending)
    writer.writerows([made.headings, *made.rows])
    page = chance.choice(["utf-8", "utf-8-sig", "cp1252", "cp850", "mac_roman"])
    path.write_bytes(text.getvalue().encode(page))


def as_xlsx(made: Made, chance: random.Random, path: Path) -> None:
    book = Workbook()
    sheet = book.active
    for row in [[""] * len(made.headings)] * chance.randrange(3) + [made.headings, *made.rows]:
        sheet.append([cell or None for cell in row])
    if chance.random() < 0.5:
        book.create_sheet("Instrucciones", chance.randrange(2)).append(["Se llena una fila por persona"])
    book.save(path)


def as_kobo(made: Made, chance: random.Random, path: Path) -> None:
    people = [
        {f"{group(chance, heading)}{heading}": cell for heading, cell in zip(made.headings, row, strict=True) if cell}
        for row in made.rows
    ]
    submissions: list[dict[str, Any]] = []
    while people:
        several, people = people[: (size := chance.randrange(1, 4))], people[size:]
        if len(several) == 1 and chance.random() < 0.5:
            submissions.append({"_id": 1, "today": "", **several[0]})
        else:
            submissions.append(
                {"personas": [{f"personas/{key}": cell for key, cell in one.items()} for one in several]}
            )
    path.write_text(json.dumps(submissions, indent=chance.choice([None, 2])))


def group(chance: random.Random, heading: str) -> str:
    return "" if heading in OURS or heading == "nombres" else chance.choice(["", "otros/"])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("save", [as_csv, as_xlsx])
def test_of_a_table_each_row_is_reported_and_each_column_read_or_named(
    save: Callable[[Made, random.Random, Path], None], seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)  # noqa: S311
    made, path = table(chance), tmp_path / "list"
    save(made, chance, path)
    try_again = open_source(path)
    found = [row.cells if isinstance(row, Row) else row for row in try_again.rows()]
    assert found == made.cells()
    survey = try_again.survey()
    assert survey.rows == len(made.cells())
    assert {one for one in survey.unread if not one.startswith("sheet ")} == made.unread()


@pytest.mark.parametrize("seed", SEEDS)
def test_of_submissions_each_person_is_reported_and_each_field_read_or_named(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)  # noqa: S311
    made, path = table(chance), tmp_path / "list"
    made.headings = [heading or "sin nombre" for heading in made.headings]
    as_kobo(made, chance, path)
    source = open_source(path)
    found = [row.cells if isinstance(row, Row) else row for row in source.rows()]
    assert found == made.cells()
    survey = source.survey()
    assert survey.rows == len(made.rows)
    assert {one.rpartition("/")[2] for one in survey.unread} == made.unread()


@pytest.mark.parametrize("seed", SEEDS)
def test_of_a_csv_with_broken_quotation_marks_each_line_is_reported(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)  # noqa: S311
    lines = [f"Ana {number};Ríos;CC;{1000 + number};si" for number in range(chance.randrange(2, 40))]
    for place in chance.sample(range(len(lines)), chance.randrange(1, min(4, len(lines)) + 1)):
        cells = lines[place].split(";")
        at = chance.randrange(len(cells))
        cells[at] = chance.choice(['"' + cells[at], cells[at] + '"', '"' + cells[at] + '"x'])
        lines[place] = ";".join(cells)
    path = tmp_path / "list.csv"
    path.write_text("\n".join(["nombres;apellidos;tipo_documento;numero_documento;consentimiento", *lines]))
    found = [*open_source(path).rows()]
    assert [row.line for row in found] == [*range(2, len(lines) + 2)]
    for row in found:  # and nobody has what stands in another line
        if isinstance(row, Row):
            assert "\n" not in "".join(row.cells.values())
            assert row.cells["numero_documento"].strip('"x') == str(1000 + row.line - 2)
