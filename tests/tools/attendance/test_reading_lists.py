"""Lists are read as people save them, row by row; a file that cannot be read says so in one sentence."""

import json
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from tools.attendance import read_kobo
from tools.attendance import rows as rows_module
from tools.attendance import workbook as workbook_module
from tools.attendance.headings import HEADINGS
from tools.attendance.rows import Row, Unreadable, UnusableFileError
from tools.attendance.source import open_source

LIST = "Nombres;Apellidos;Tipo de Documento;Número documento\nYuleisy Andreína;Guerrero Núñez;PPT;4815162\n"
READ = {
    "nombres": "Yuleisy Andreína",
    "apellidos": "Guerrero Núñez",
    "tipo_documento": "PPT",
    "numero_documento": "4815162",
}


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[bytes], Path]:
    def save(content: bytes) -> Path:
        path = tmp_path / "list"
        path.write_bytes(content)
        return path

    return save


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[[Iterable[list[Any]]], Path]:
    def save(rows: Iterable[list[Any]]) -> Path:
        book = Workbook(write_only=True)
        sheet = book.create_sheet("lista")
        for row in rows:
            sheet.append(row)
        path = tmp_path / "list.xlsx"
        book.save(path)
        return path

    return save


def rows(path: Path) -> list[Row | Unreadable]:
    return [*open_source(path).rows()]


def cells(path: Path) -> list[dict[str, str]]:
    return [row.cells for row in rows(path) if isinstance(row, Row)]


# -- CSV --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv_is_read_however_a_spreadsheet_writes_it(
    saved: Callable[[bytes], Path], encoding: str, separator: str, newline: str
) -> None:
    text = LIST.replace(";", separator).replace("\n", newline)
    source = open_source(saved(text.encode(encoding)))
    assert (source.kind, source.about) == ("csv", 1)
    assert [*source.rows()] == [Row(2, READ)]


@pytest.mark.parametrize(
    ("heading", "column"),
    [
        ("NOMBRES", "nombres"),
        ("Número de documento", "numero_documento"),
        ("numero_documento", "numero_documento"),
        ("No. Documento", "numero_documento"),
        ("Fecha de Nacimiento", "fecha_nacimiento"),
        ("Teléfono ", "telefono"),
        ("Municipio de residencia", "municipio"),
        ("¿Autoriza el tratamiento de datos?", "consentimiento"),
        ("consentimiento_por", "consentimiento_por"),
    ],
)
def test_headings_are_read_with_or_without_accents(saved: Callable[[bytes], Path], heading: str, column: str) -> None:
    names = heading if column == "nombres" else f"nombres;{heading}"
    (row,) = cells(saved(f"{names}\n{';'.join('x' * (names.count(';') + 1))}\n".encode()))
    assert column in row


def test_no_heading_stands_for_two_columns() -> None:
    assert len({*HEADINGS.values()}) == 24


def test_columns_that_nobody_knows_and_what_is_empty_are_left_out(saved: Callable[[bytes], Path]) -> None:
    content = b"Nombres;Firma;Celular;Edad\n\n;;;\nAna;=HYPERLINK();-;N/A\n"
    assert rows(saved(content)) == [Row(4, {"nombres": "Ana"})]


def test_a_quotation_mark_that_is_never_closed_costs_what_it_swallows_and_not_the_list(
    saved: Callable[[bytes], Path],
) -> None:
    content = 'nombres;apellidos\nAna;Ríos\n"Luz;Mar\n' + "x" * 140_000 + "\nRosa;Peña\n"
    found = rows(saved(content.encode()))
    assert [type(row) for row in found] == [Row, Unreadable, Unreadable, Row]
    assert ([row.line for row in found], cells(saved(content.encode()))[-1]["nombres"]) == ([2, 3, 4, 5], "Rosa")


def test_a_cell_of_several_lines_counts_as_they_stand_in_the_file(saved: Callable[[bytes], Path]) -> None:
    found = rows(saved(b'nombres;direccion\nAna;"Calle 1\nCasa 2"\nRosa;Calle 3\n'))
    assert [row.line for row in found] == [2, 4]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"apellidos;edad\nR;3\n", "nombres"),
        (b"nombres;Nombre\nA;B\n", "Two columns"),
        (LIST.encode("utf-16"), "UTF-16"),
    ],
)
def test_what_is_no_list_says_why(saved: Callable[[bytes], Path], content: bytes, why: str) -> None:
    with pytest.raises(UnusableFileError, match=why):
        rows(saved(content))


# -- XLSX -------------------------------------------------------------------------------------------------------------


def test_xlsx_is_read_as_a_person_would_write_it_in_csv(workbook: Callable[..., Path]) -> None:
    path = workbook(
        [
            ["Nombres", "Número documento", "Fecha nacimiento", "Fecha", "Hora", "Teléfono", "Edad", "Autoriza"],
            [],
            [
                "Ana",
                4815162,
                datetime.combine(date(1991, 7, 24), time()),
                date(2026, 3, 7),
                time(9, 30),
                3004815162.0,
                34,
                True,
            ],
        ]
    )
    assert rows(path) == [
        Row(
            3,
            {
                "nombres": "Ana",
                "numero_documento": "4815162",
                "fecha_nacimiento": "1991-07-24",
                "fecha_atencion": "2026-03-07",
                "hora_atencion": "09:30",
                "telefono": "3004815162",
                "edad": "34",
                "consentimiento": "si",
            },
        )
    ]


def test_a_formula_is_read_as_itself_so_that_it_can_be_refused(workbook: Callable[..., Path]) -> None:
    (row,) = cells(workbook([["nombres", "edad"], ["Ana", "=2026-1991"]]))
    assert row["edad"] == "=2026-1991"


def test_how_many_rows_there_are_is_counted_whatever_the_sheet_says(
    workbook: Callable[..., Path], tmp_path: Path
) -> None:
    said = long_sheet(MANY).replace(b"<sheetData>", b'<dimension ref="A1:A2"/><sheetData>')
    assert len(said) > 3 * workbook_module.READ_AT_ONCE  # so that some rows are cut in two by how it is read
    assert open_source(replaced(workbook([["nombres"]]), tmp_path / "long", said)).about == MANY - 1


def test_a_sheet_that_understates_its_size_is_read_whole(workbook: Callable[..., Path], tmp_path: Path) -> None:
    whole, cut = workbook([["nombres"], *([f"Ana {number}"] for number in range(9))]), tmp_path / "cut.xlsx"
    with zipfile.ZipFile(whole) as before, zipfile.ZipFile(cut, "w") as after:
        for part in before.infolist():
            content = before.read(part)
            if part.filename.startswith("xl/worksheets/sheet"):
                content = content.replace(b"<sheetData>", b'<dimension ref="A1:A2"/><sheetData>', 1)
                assert b"dimension" in content
            after.writestr(part, content)
    assert len(rows(cut)) == 9


@pytest.mark.parametrize("content", [b"PK\x03\x04 and no more", b"PK"])
def test_what_is_no_workbook_says_so(saved: Callable[[bytes], Path], content: bytes) -> None:
    with pytest.raises(UnusableFileError, match="XLSX"):
        open_source(saved(content))


@pytest.mark.parametrize("content", [b"<fill/>", b"<fill", b"<fill><patternFill patternType='none'/></fill></fills>"])
def test_a_workbook_that_the_library_stumbles_over_is_told_in_one_sentence(
    workbook: Callable[..., Path], tmp_path: Path, content: bytes
) -> None:
    whole, broken = workbook([["nombres"], ["Ana"]]), tmp_path / "broken.xlsx"
    with zipfile.ZipFile(whole) as before, zipfile.ZipFile(broken, "w") as after:
        for part in before.namelist():
            styles = before.read(part)
            if part == "xl/styles.xml":
                start = styles.index(b"<fill>")
                styles = styles[:start] + content + styles[styles.index(b"</fill>") + len(b"</fill>") :]
            after.writestr(part, styles)
    with pytest.raises(UnusableFileError, match=r"^The file cannot be read as an XLSX workbook\.$"):
        rows(broken)


def test_a_workbook_that_would_unpack_to_too_much_is_not_unpacked(
    workbook: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook([["nombres"], ["Ana"]])
    monkeypatch.setattr(workbook_module, "UNPACKED_AT_MOST", 1000)
    with pytest.raises(UnusableFileError, match="too large"):
        rows(path)


# -- how long a list may be -------------------------------------------------------------------------------------------

MANY = 30_000  # rows: what the reading of each of them would cost is a hundred times what it takes to refuse them


def long_sheet(rows: int) -> bytes:
    """A sheet that does not say how long it is, and of which every row but the first is empty."""
    return (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c r="A1" t="inlineStr"><is><t>nombres</t></is></c></row>'
        + b"".join(b'<row r="%d"/>' % number for number in range(2, rows + 1))
        + b"</sheetData></worksheet>"
    )


def replaced(workbook: Path, path: Path, sheet: bytes) -> Path:
    """The same workbook with another first sheet."""
    with zipfile.ZipFile(workbook) as before, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as after:
        for part in before.infolist():
            is_sheet = part.filename.startswith("xl/worksheets/sheet")
            after.writestr(part.filename, sheet if is_sheet else before.read(part))
    return path


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_list_that_is_too_long_is_refused_before_any_of_it_is_read(
    kind: str, workbook: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "ROWS_AT_MOST", MANY - 2)
    path = tmp_path / "long"
    if kind == "csv":
        path.write_bytes(b"nombres\n" + b"Ana\n" * (MANY - 1))
    else:
        replaced(workbook([["nombres"]]), path, long_sheet(MANY))
    with pytest.raises(UnusableFileError, match=r"more than 29,998 rows"):
        open_source(path)


def test_a_workbook_is_not_unpacked_further_than_it_takes_to_know_that_it_is_too_long(
    workbook: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "ROWS_AT_MOST", 10)
    path = replaced(workbook([["nombres"]]), tmp_path / "long", long_sheet(MANY))
    unpacked = 0
    read = zipfile.ZipExtFile.read

    def counting(self: zipfile.ZipExtFile, size: int | None = -1) -> bytes:
        nonlocal unpacked
        content = read(self, size)
        unpacked += len(content)
        return content

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counting)
    with pytest.raises(UnusableFileError, match="more than 10 rows"):
        open_source(path)
    assert unpacked <= workbook_module.READ_AT_ONCE < len(long_sheet(MANY))


@pytest.mark.parametrize("kind", ["csv", "xlsx", "kobo"])
def test_a_list_that_is_as_long_as_may_be_is_read_whole(
    kind: str, workbook: Callable[..., Path], saved: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "ROWS_AT_MOST", 3)
    path = {
        "csv": lambda: saved(b"nombres\nAna\nLuz\nRosa"),
        "xlsx": lambda: workbook([["nombres"], ["Ana"], ["Luz"], ["Rosa"]]),
        "kobo": lambda: saved(json.dumps([{"nombres": name} for name in ("Ana", "Luz", "Rosa")]).encode()),
    }[kind]()
    assert [row["nombres"] for row in cells(path)] == ["Ana", "Luz", "Rosa"]


def test_what_does_not_say_how_long_it_is_ends_where_it_becomes_too_long(
    saved: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "ROWS_AT_MOST", 2)
    reading = open_source(saved(json.dumps([{"nombres": "Ana"}] * 4).encode())).rows()
    assert [next(reading), next(reading)] == [Row(1, {"nombres": "Ana"}), Row(2, {"nombres": "Ana"})]
    with pytest.raises(UnusableFileError, match="more than 2 rows"):
        next(reading)


# -- KoboToolbox ------------------------------------------------------------------------------------------------------

SUBMISSION = {
    "_id": 71,
    "formhub/uuid": "5f2c",
    "_uuid": "0c9d3d4e-0000-4000-8000-000000000001",
    "_submission_time": "2026-03-07T20:14:05",
    "start": "2026-03-07T09:00:00.000-05:00",
    "today": "2026-03-06",
    "jornada/fecha_atencion": "2026-03-07",
    "jornada/hora_atencion": "09:30:00.000-05:00",
    "personas": [
        {
            "personas/consentimiento_informado/consentimiento": "si",
            "personas/datos/nombres": "Yuleisy Andreína",
            "personas/datos/tipo_documento": "PT",
            "personas/datos/numero_documento": "4815162",
            "personas/atencion/servicios": "health.consultation wash.hygiene_kit",
        },
        {"personas/datos/nombres": "Ana", "personas/datos/tipo_documento": "none"},
    ],
    "__version__": "vA1",
    "_attachments": [],
    "_geolocation": [None, None],
    "_tags": [],
    "meta/instanceID": "uuid:0c9d3d4e",
    "_submitted_by": None,
}


@pytest.mark.parametrize(
    "posted",
    [SUBMISSION, [SUBMISSION], {"count": 1, "next": None, "previous": None, "results": [SUBMISSION]}],
    ids=["alone", "among others", "a page of the interface"],
)
def test_a_submission_is_read_as_kobo_posts_it(saved: Callable[[bytes], Path], posted: Any) -> None:
    path = saved(json.dumps(posted, indent=1).encode())
    assert open_source(path).kind == "kobo"
    first, second = rows(path)
    assert first == Row(
        1,
        {
            "fecha_atencion": "2026-03-07",
            "hora_atencion": "09:30:00.000-05:00",
            "consentimiento": "si",
            "nombres": "Yuleisy Andreína",
            "tipo_documento": "PT",
            "numero_documento": "4815162",
            "servicios": "health.consultation wash.hygiene_kit",
        },
    )
    assert isinstance(second, Row)
    assert (second.line, second.cells["nombres"], second.cells["tipo_documento"]) == (2, "Ana", "none")


def test_a_form_without_a_repeat_has_one_person_in_a_submission(saved: Callable[[bytes], Path]) -> None:
    (row,) = cells(saved(json.dumps([{"datos/nombres": "Ana", "today": "2026-03-07"}]).encode()))
    assert row == {"nombres": "Ana", "fecha_atencion": "2026-03-07"}


def test_what_is_no_submission_among_them_is_a_row_of_its_own(saved: Callable[[bytes], Path]) -> None:
    assert rows(saved(b'[7, {"nombres": "Ana"}]')) == [Unreadable(1), Row(2, {"nombres": "Ana"})]


def test_submissions_are_taken_one_at_a_time(saved: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_kobo, "READ_AT_ONCE", 7)
    names = [f"Ana {number}" for number in range(20)]
    path = saved(json.dumps([{"nombres": name} for name in names], indent=2).encode())
    assert [row["nombres"] for row in cells(path)] == names


@pytest.mark.parametrize(
    "content", [b'[{"nombres": "Ana"}, {"nombres"', b'[{"nombres": "Ana"} nonsense', b'{"nombres": ', b"[" * 100_000]
)
def test_json_that_ends_too_soon_or_is_none_says_so(saved: Callable[[bytes], Path], content: bytes) -> None:
    with pytest.raises(UnusableFileError, match="neither a submission nor an array"):
        rows(saved(content))


# -- memory -----------------------------------------------------------------------------------------------------------

ONE_ROW_AND_BUFFERS = 3 * 1024 * 1024  # bytes


def _peak(path: Path, read: Callable[[Iterable[object]], object]) -> int:
    source = open_source(path)
    tracemalloc.start()
    try:
        read(source.rows())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _count(found: Iterable[object]) -> int:
    return sum(1 for _ in found)


def test_a_long_csv_is_held_one_row_at_a_time_and_a_reader_that_held_it_all_would_show(
    saved: Callable[[bytes], Path],
) -> None:
    heading, row = LIST.splitlines(keepends=True)
    path = saved((heading + row * 20_000).encode())
    assert _peak(path, _count) < ONE_ROW_AND_BUFFERS
    assert _peak(path, list) > ONE_ROW_AND_BUFFERS


def test_a_long_kobo_file_is_held_one_submission_at_a_time(saved: Callable[[bytes], Path]) -> None:
    path = saved(json.dumps([SUBMISSION] * 4000).encode())
    assert _peak(path, _count) < ONE_ROW_AND_BUFFERS
    assert _peak(path, list) > ONE_ROW_AND_BUFFERS


def test_a_long_workbook_is_held_one_row_at_a_time(workbook: Callable[..., Path]) -> None:
    path = workbook([["nombres", "apellidos", "edad"], *(["Ana", "Ríos", number] for number in range(4000))])
    assert _peak(path, _count) < ONE_ROW_AND_BUFFERS
