"""What a report is written as: a table, CSV, XLSX and JSON; HXL that its own library accepts; and no formulas."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import hxl
import openpyxl
import pytest

from contracts import codes
from contracts.places import places
from deploy.local import Stack
from hub.reports import __main__ as commands
from hub.reports import report, writing
from hub.reports.rules import activities
from hub.reports.rules.accountability import Figure
from hub.reports.rules.activities import Activity
from hub.reports.rules.asked import Asked
from hub.reports.rules.sheets import Cell, Column, Sheet, for_programs
from tests.examples_reports import an_id, delivered, identified, in_need, jornada, profiled, referred
from tests.hub.reports.conftest import FOLDER, Reports

ATTACK = '=HYPERLINK("http://evil.invalid","click")'


@pytest.fixture
def filled(reports: Reports) -> Reports:
    """A month of services: at a jornada with an evil name, of a protection sector, and of too few people of one."""
    people = range(12)
    reports.hear(
        jornada(ATTACK, "outreach_trip"),
        *(
            profiled(
                one,
                sex=codes.Sex.FEMALE if one < 6 else codes.Sex.MALE,
                birth_year=2010 if one % 2 else 1990,
            )
            for one in people
        ),
        identified("n", 0, 2),
        in_need(1),
        referred(1),
    )
    reports.hear(
        *(delivered(one, jornada_id=an_id(ATTACK)) for one in people),
        *(delivered(one, "protection.legal_advice") for one in people),
        delivered(1, "child_protection.safe_space"),
        source="redcross",
    )
    return reports


ADDED = ["#adm1+code+v_pcode", "#adm2+code+v_pcode", "#meta+withheld"]


# -- HXL --------------------------------------------------------------------------------------------------------------


def problems(rows: list[list[str]]) -> list[str]:
    """What the HXL library finds wrong with a sheet, by our schema."""
    found = hxl.validate(hxl.data(rows), hxl.data(as_rows((FOLDER / "hxl_schema.csv").read_bytes())))
    assert found["is_valid"] == (not found["issues"])
    return [issue["tag_pattern"] for issue in found["issues"]]


def as_rows(csv_: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(csv_.decode("utf-8-sig"))))


def test_the_5w_sheet_is_hxl_as_its_library_has_it(filled: Reports) -> None:
    rows = as_rows(writing.as_csv(filled.ask(report.who_does_what)))
    assert rows[1] == [*(column.hashtag for column in activities.COLUMNS), *ADDED]
    assert len(rows) == 5
    assert problems(rows) == []


def errors_by_default(rows: list[list[str]]) -> list[str]:
    """What the HXL library finds wrong with a sheet by the schema that it brings along; not what it wonders about."""
    return [one["tag_pattern"] for one in hxl.validate(hxl.data(rows))["issues"] if one["severity"] == "error"]


def test_the_5w_sheet_is_hxl_by_the_librarys_own_schema(filled: Reports) -> None:
    rows = as_rows(writing.as_csv(filled.ask(report.who_does_what)))
    assert any("<5" in row[-1] for row in rows)
    assert errors_by_default(rows) == []
    rows[3][rows[1].index("#reached")] = "<5"
    assert errors_by_default(rows) != []


def test_what_is_withheld_can_be_added_up_by_the_library(filled: Reports) -> None:
    rows = as_rows(writing.as_csv(filled.ask(report.who_does_what)))
    (total,) = hxl.data(rows).count("#indicator", aggregators="sum(#reached-f-m-other-children) as #reached+total")
    assert total.get("#reached+total") == 11 + 11


def test_a_count_is_a_number_or_nothing_and_what_is_shown_instead_stands_beside() -> None:
    columns = (Column("what", "What"), Column("all", "All", counts=True), Column("few", "Few", counts=True))
    sheet = Sheet("a", columns, (("*", 7, 2), ("<5", "<5", "*"), ("x", "≥12", 0), ("x", None, 1.5)), ("<5: a note",))
    written = json.loads(writing.as_json(sheet))["rows"]
    assert written == [
        {"what": "*", "all": 7, "few": 2, "withheld": None},
        {"what": "<5", "all": None, "few": None, "withheld": "all: <5; few: *"},
        {"what": "x", "all": None, "few": 0, "withheld": "all: ≥12"},
        {"what": "x", "all": None, "few": 1.5, "withheld": None},
    ]
    assert as_rows(writing.as_csv(sheet)) == [
        ["What", "All", "Few", "Withheld"],
        ["*", "7", "2", ""],
        ["<5", "", "", "all: <5; few: *"],
        ["x", "", "0", "all: ≥12"],
        ["x", "", "1.5", ""],
    ]
    page = openpyxl.load_workbook(io.BytesIO(writing.as_xlsx(sheet)))["a"]
    assert [[cell.value for cell in row][1:] for row in page.iter_rows(min_row=3)] == [
        [None, None, "all: <5; few: *"],
        [None, 0, "all: ≥12"],
        [None, 1.5, None],
    ]
    assert "≥12" in writing.as_table(sheet).decode()


@pytest.mark.parametrize("command", ["accountability", "5w", "partners", "unmet-needs"])
def test_no_count_of_any_report_is_a_text_for_a_program(filled: Reports, command: str) -> None:
    make = {"5w": report.who_does_what, "partners": report.partner_performance, "unmet-needs": report.needs_unmet}
    sheet = filled.ask(make[command]) if command in make else filled.ask(report.accountability).sheet()
    assert sheet.rows
    for row in json.loads(writing.as_json(sheet))["rows"]:
        row.pop("withheld")
        assert not [cell for cell in row.values() if isinstance(cell, str) and re.match("<5|[*]|≥", cell)]


def test_places_have_the_codes_that_ocha_gives_them(filled: Reports) -> None:
    _, tags, *rows = as_rows(writing.as_csv(filled.ask(report.who_does_what)))
    for level, digits in (("adm1", 2), ("adm2", 5)):
        code, pcode = tags.index(f"#{level}+code"), tags.index(f"#{level}+code+v_pcode")
        assert {row[pcode] for row in rows} == {f"CO{row[code]}" for row in rows}
        assert {len(row[code]) for row in rows} == {digits}


@pytest.mark.filterwarnings("ignore:defusedxml.cElementTree is deprecated:DeprecationWarning")  # the library's own
def test_the_5w_workbook_is_the_same_hxl(filled: Reports) -> None:
    sheet = filled.ask(report.who_does_what)
    with hxl.data(io.BytesIO(writing.as_xlsx(sheet))) as source:
        tags = [*(column.hashtag for column in activities.COLUMNS), *ADDED]
        assert [column.display_tag for column in source.columns] == tags
        reached = [column.name for column in activities.COLUMNS].index("reached")
        said = [row[reached] if isinstance(row[reached], int) else None for row in sheet.rows]
        assert [row.get("#reached-f-m-other-children") for row in source] == said


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        ("organisation", "Cruz Roja"),
        ("organisation", ""),
        ("sector", "livelihoods"),
        ("need", "legal advice"),
        ("adm1_code", "8"),
        ("adm2_code", "Soledad"),
        ("adm2_name", "Soledad"),
        ("month", "2021-13"),
        ("month", "15/05/2021"),
        ("reached", "-1"),
        ("reached", "four"),
        ("f", "<5 and more"),
        ("reached", "<5"),
        ("children", "*"),
        ("adm1_pcode", "CO8"),
        ("adm1_pcode", "08"),
        ("adm2_pcode", "CO1"),
        ("adm2_pcode", "CO99999"),
    ],
)
def test_a_planted_mistake_is_found_by_the_schema(column: str, wrong: str) -> None:
    found = [Activity("iom", "protection.asylum", zone, "2021-05", n, n, 0, 0, 0) for zone in places() for n in (3, 20)]
    sheet = activities.sheet(found[:8], Asked(), places=places(), running_month="2023-03")
    rows = as_rows(writing.as_csv(sheet))
    assert problems(rows) == []
    rows[3][[one.name for one in for_programs(sheet).columns].index(column)] = wrong
    assert len(problems(rows)) > 0


# -- no formulas ------------------------------------------------------------------------------------------------------


def sheet_of(*cells: Any) -> Sheet:
    return Sheet("5w", (Column("name", "Name"),), tuple((cell,) for cell in cells))


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+57 300", "'+57 300"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1+1", "  '=1+1"),
        ("\t=1+1", " '=1+1"),
        ("a\r\n=1+1", "a  '=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("Jornada;=1+1", "Jornada;'=1+1"),
        ('Jornada",=1+1', "Jornada\",'=1+1"),
        ("Jornada - Soledad", "Jornada - Soledad"),
        ("<5", "<5"),
        ("*", "*"),
    ],
)
def test_no_cell_begins_a_formula(cell: str, written: str) -> None:
    assert as_rows(writing.as_csv(sheet_of(cell)))[1:] == [[written]]
    book = openpyxl.load_workbook(io.BytesIO(writing.as_xlsx(sheet_of(cell))))
    (_,), (read,) = book["5w"].iter_rows()
    assert (read.value, read.data_type) == (written, "s")


def test_an_evil_name_is_text_in_every_format(filled: Reports) -> None:
    sheet = filled.ask(report.who_does_what)
    assert f"'{ATTACK}" in [row[5] for row in as_rows(writing.as_csv(sheet))]
    book = openpyxl.load_workbook(io.BytesIO(writing.as_xlsx(sheet)))
    assert {cell.data_type for row in book["5w"].iter_rows() for cell in row} <= {"s", "n"}
    assert ATTACK in [row["jornada"] for row in json.loads(writing.as_json(sheet))["rows"]]


def test_numbers_stay_numbers() -> None:
    book = openpyxl.load_workbook(io.BytesIO(writing.as_xlsx(sheet_of(1744, 0.5, None))))
    assert [row[0].value for row in book["5w"].iter_rows(min_row=2)] == [1744, 0.5]
    assert as_rows(writing.as_csv(sheet_of(1744, None)))[1:] == [["1744"], [""]]


def test_a_table_shows_every_row_and_note_and_no_terminal_codes() -> None:
    text = writing.as_table(sheet_of("\x1b[31mred", 24942)).decode()
    assert "24,942" in text
    assert "\x1b" not in text


WORDS = ("health.sexual_and_reproductive", "a jornada with a name of many words", "=1+1", "", None, "Ñ" * 70)


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize(("texts", "counts"), [(0, 1), (1, 0), (1, 1), (1, 14), (3, 1), (8, 0), (8, 14)])
@pytest.mark.parametrize("count", [24942, "<5", "*", "≥1234", None, 99.5])
def test_a_table_is_never_wider_than_the_terminal_and_shows_every_cell(
    monkeypatch: pytest.MonkeyPatch, width: int, texts: int, counts: int, count: Cell
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    columns = [Column(f"t{n}", f"Text {n}") for n in range(texts)] + [Column(f"n{n}", f"N{n}") for n in range(counts)]
    rows = tuple((*(WORDS[(n + row) % len(WORDS)] for n in range(texts)), *(count,) * counts) for row in range(4))

    lines = writing.as_table(Sheet("5w", tuple(columns), rows)).decode().splitlines()

    assert max(map(len, lines)) <= width
    together = "".join("".join(lines).split())
    for column in columns:
        assert "".join(column.heading.split()) in together or width == 40
    shown = "24,942" if count == 24942 else str(count or "")
    if shown:
        assert "".join(lines).count(shown) == 4 * counts


def test_a_table_without_rows_shows_what_there_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = writing.as_table(activities.sheet([], Asked(), places=places(), running_month="2023-03")).decode()
    assert "People reached" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


# -- the commands -----------------------------------------------------------------------------------------------------

Run = Callable[..., int]


@pytest.fixture
def run(filled: Reports, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SERVICE_DATABASE_URL", filled.url)
    return lambda *arguments: commands.main(list(arguments))


@pytest.mark.parametrize(("command", "code"), [("accountability", 1), ("5w", 0), ("partners", 0), ("unmet-needs", 0)])
def test_every_report_is_written_in_every_format(run: Run, tmp_path: Path, command: str, code: int) -> None:
    asked = ["--from", "2021-01", "--to", "2022-12", "--place", "08"]
    for format_ in ("table", "csv", "xlsx", "json"):
        assert run(command, *asked, "--format", format_, "-o", str(tmp_path / format_)) == code
    assert openpyxl.load_workbook(io.BytesIO((tmp_path / "xlsx").read_bytes())).sheetnames == [command, "notes"]
    rows = json.loads((tmp_path / "json").read_bytes())["rows"]
    heads = 2 if command == "5w" else 1
    assert len(as_rows((tmp_path / "csv").read_bytes())) == heads + len(rows) > heads
    assert len((tmp_path / "table").read_text().splitlines()) > len(rows)


@pytest.mark.parametrize(
    ("terminal", "asked", "begins"),
    [
        (True, [], b"Figure "),
        (False, [], '\ufeff"Figure","Published"'.encode()),
        (False, ["--format", "table"], b"Figure "),
        (True, ["--format", "csv"], '\ufeff"Figure","Published"'.encode()),
        (False, ["--format", "json"], b"{"),
    ],
)
def test_what_is_printed_is_a_table_on_a_terminal_and_csv_where_it_is_piped_unless_another_is_asked_for(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
    terminal: bool,
    asked: list[str],
    begins: bytes,
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    run("accountability", *asked)
    assert capsysbinary.readouterr().out.startswith(begins)


@pytest.mark.parametrize(
    ("name", "begins"),
    [("a.csv", b"\xef\xbb\xbf"), ("a.xlsx", b"PK"), ("a.json", b"{"), ("a.txt", b"Figure "), ("a", b"Figure ")],
)
def test_the_name_of_a_file_chooses_its_format(run: Run, tmp_path: Path, name: str, begins: bytes) -> None:
    run("accountability", "-o", str(tmp_path / name))
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_accountability_ends_with_one_while_a_figure_differs_and_with_nothing_when_none_does(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run("accountability") == 1
    assert b"NO" in capsysbinary.readouterr().out
    figure = Figure("trips", "jornadas", {"kind": "outreach_trip"}, published=1)
    monkeypatch.setattr(report, "published", lambda: ("a test", (figure,)))
    assert run("accountability") == 0
    monkeypatch.setattr(report, "published", lambda: ("a test", (replace(figure, published=None),)))
    assert run("accountability") == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["5w", "--from", "2021-05-15"], "whole months"),
        (["5w", "--place", "Barranquilla"], "DIVIPOLA"),
        (["accountability", "--place", "05"], "nothing to compare"),
        (["accountability", "--from", "2021-03"], "nothing to compare"),
        (["5w", "--format", "csv", "-o", "/nowhere/5w.csv"], "Cannot write"),
        (["5w", "-o", "/nowhere/5w.xlsx"], "Cannot write"),
        (["5w", "--format", "table", "-o", "/nowhere/5w.xlsx"], "leave out --format table"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert run(*arguments) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("how", ["away", "empty"])
def test_a_database_that_cannot_be_read_is_said_without_its_address(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    url = "postgresql://reports:secret@127.0.0.1:1/reports" if how == "away" else stack.create_database("test_empty")
    monkeypatch.setenv("SERVICE_DATABASE_URL", url)
    assert commands.main(["5w"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("report: The database of the reports cannot be read")
    assert len(said.splitlines()) == 1
    assert "127.0.0.1" not in said


def test_the_command_runs_as_a_process_and_changes_nothing(filled: Reports) -> None:
    before = filled.tables()
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "hub.reports", "5w", "--format", "json"],
        env={**os.environ, "SERVICE_DATABASE_URL": filled.url, "PYTHONPATH": str(FOLDER.parents[1])},
        capture_output=True,
        check=True,
    )
    assert len(json.loads(ran.stdout)["rows"]) == 3
    assert filled.tables() == before
