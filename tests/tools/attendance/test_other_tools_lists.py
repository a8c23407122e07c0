"""Lists as other tools write them: each says what its people said, or is refused; nothing is made up, nothing lost."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from openpyxl import Workbook

from tools.attendance import form
from tools.attendance.entry import Entry, RefusedRow, check
from tools.attendance.rows import Unreadable, UnusableFileError
from tools.attendance.source import Survey, open_source

DAY: Final = date(2026, 11, 25)
DOCUMENT: Final = {"tipo_documento": "ppt", "numero_documento": "7050001"}

Said = Entry | tuple[str, str | None]
"""What a row says, or the code and the column that it is refused with."""


def read(path: Path) -> tuple[list[Said], Survey]:
    source = open_source(path)
    survey = source.survey()
    said: list[Said] = []
    for row in source.rows():
        if isinstance(row, Unreadable):
            said.append((row.code, row.column))
            continue
        try:
            said.append(check(row, day=DAY, month_first=survey.month_first))
        except RefusedRow as refused:
            said.append((refused.code, refused.column))
    return said, survey


def entries(said: list[Said]) -> list[Entry]:
    assert all(isinstance(one, Entry) for one in said), said
    return [one for one in said if isinstance(one, Entry)]


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Any], Path]:
    def save(content: Any) -> Path:
        path = tmp_path / "list"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return save


# -- code pages -------------------------------------------------------------------------------------------------------

NAMES: Final = [
    ["Lucía Peña", "Ángela Muñoz"],
    ["MARÍA JOSÉ NÚÑEZ", "ÓSCAR RINCÓN"],
    ["Raúl", "Íngrid Güell"],
    ["jesús", "ñáñez"],
    ["Óscar Pérez", "Úrsula Ibáñez"],
]


@pytest.mark.parametrize("page", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "cp850", "mac_roman"])
@pytest.mark.parametrize("names", NAMES)
def test_names_are_read_in_whichever_code_page_they_were_saved(
    saved: Callable[[Any], Path], names: list[str], page: str
) -> None:
    rows = "".join(f"{name};CC;{7110001 + number}\n" for number, name in enumerate(names))
    said, _ = read(saved(f"nombres;tipo_documento;numero_documento\n{rows}".encode(page)))
    assert [one.given_names for one in entries(said)] == names


def test_the_apostrophe_of_windows_is_one(saved: Callable[[Any], Path]) -> None:
    said, _ = read(
        saved("nombres;apellidos;edad;documento;tipo doc\nD\u2019Angelo;Peña;30;7120001;CC\n".encode("cp1252"))
    )
    assert [(one.given_names, one.family_names) for one in entries(said)] == [("D\u2019Angelo", "Peña")]


@pytest.mark.parametrize("content", [b"nombres;edad\n\xe9rsula;30\n", b"nombres;edad\n\x81\xfe\xff;30\n"])
def test_where_nobody_can_tell_the_code_page_the_file_is_refused(saved: Callable[[Any], Path], content: bytes) -> None:
    with pytest.raises(UnusableFileError, match="code page"):
        open_source(saved(content))


# -- columns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "row"),
    [
        ("primer nombre;segundo nombre;primer apellido;segundo apellido", "Ana;María;Prueba;Gómez"),
        ("Segundo Apellido;Primer Apellido;Segundo Nombre;Primer Nombre", "Gómez;Prueba;María;Ana"),
        ("1er nombre;2do nombre;1er apellido;2do apellido", "Ana;María;Prueba;Gómez"),
        ("Nombre;Segundo nombre;Apellido;Segundo apellido", "Ana;María;Prueba;Gómez"),
        ("nombre 1;nombre 2;apellido paterno;apellido materno", "Ana;María;Prueba;Gómez"),
    ],
)
def test_names_in_four_columns_are_whole(saved: Callable[[Any], Path], heading: str, row: str) -> None:
    said, survey = read(saved(f"{heading};tipo doc;documento\n{row};CC;7170001\n".encode()))
    assert [(one.given_names, one.family_names) for one in entries(said)] == [("Ana María", "Prueba Gómez")]
    assert survey.unread == ()


@pytest.mark.parametrize(
    "heading", ["nombres;primer nombre", "primer nombre;1er nombre", "datos/nombres;otros/nombres"]
)
def test_a_name_asked_twice_is_refused(saved: Callable[[Any], Path], heading: str) -> None:
    with pytest.raises(UnusableFileError, match="Two columns are both nombres"):
        open_source(saved(f"{heading}\nAna;Luz\n".encode())).survey()


@pytest.mark.parametrize(
    ("heading", "shown", "ours"),
    [
        ("Firma", "Firma", False),
        ("Segundo teléfono", "Segundo teléfono", True),
        ("Servicios prestados", "Servicios prestados", True),
        ("servicios/Otro", "servicios/Otro", True),
        ("Talla", "Talla", False),
        ("", "column 2", False),
        ("3001234567", "column 2", False),
        ("ana@example.org", "column 2", False),
        ("x" * 100, "x" * 60 + "…", False),
    ],
)
def test_a_column_that_is_not_read_is_named_and_told_from_one_that_may_be_ours(
    saved: Callable[[Any], Path], heading: str, shown: str, ours: bool
) -> None:
    survey = open_source(saved(f"nombres;{heading}\nAna;algo\n".encode())).survey()
    assert (survey.unread, survey.ours_unread, survey.headings_at) == ((shown,), ours, 1)


def test_a_column_with_nothing_in_it_is_not_missed(saved: Callable[[Any], Path]) -> None:
    assert open_source(saved(b"nombres;Firma;telefono 2\nAna;;\n")).survey().unread == ()


@pytest.mark.parametrize("row", ["Ana;30;si;algo", "Ana;30", "Ana"])
def test_a_row_of_another_width_than_the_headings_is_refused(saved: Callable[[Any], Path], row: str) -> None:
    said, _ = read(saved(f"nombres;edad;consentimiento\n{row}\n".encode()))
    assert said == [("other_width", None)]


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ("mercado;1;0", "several_answers"),
        ("mercado, agua;1;1", None),
        ("Mercado Agua;1;1", None),
        (";1;1", None),
        (";1;quizás", "several_answers"),
        ("mercado;;", None),
    ],
)
def test_choices_in_columns_of_their_own_say_the_same_as_all_of_them_together(
    saved: Callable[[Any], Path], cells: str, code: str | None
) -> None:
    heading = "nombres;edad;tipo doc;documento;consentimiento;servicios;servicios/wash.water;servicios/Mercado"
    said, survey = read(saved(f"{heading}\nAna;30;CC;7170001;si;{cells}\n".encode()))
    assert survey.unread == ()
    if code is not None:
        assert said == [(code, "servicios")]
    else:
        assert {service for service, _ in entries(said)[0].services} == (
            {"food_security.food_basket"} if cells == "mercado;;" else {"food_security.food_basket", "wash.water"}
        )


# -- days -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "refused"),
    [
        (["07/24/1991", "03/04/1991", "04/04/1991", "1991-04-03"], [0, 1]),
        (["24/07/1991", "03/04/1991"], []),
        (["07/24/1991", "24/07/1991", "03/04/1991"], [0]),
        (["03/04/1991"], []),
    ],
)
def test_where_the_month_comes_first_a_day_that_may_be_two_is_refused(
    saved: Callable[[Any], Path], days: list[str], refused: list[int]
) -> None:
    rows = "".join(f"Ana;CC;{7190001 + number};{day}\n" for number, day in enumerate(days))
    said, _ = read(saved(f"nombres;tipo doc;documento;nacimiento\n{rows}".encode()))
    assert [number for number, one in enumerate(said) if one == ("bad_date", "fecha_nacimiento")] == refused
    assert sum(isinstance(one, Entry) for one in said) == len(days) - len(refused)


def test_who_writes_the_month_first_in_one_column_does_in_the_next(saved: Callable[[Any], Path]) -> None:
    said, survey = read(
        saved(b"nombres;edad;documento;tipo doc;nacimiento;fecha\nAna;;7190001;CC;07/24/1991;03/04/2026\n")
    )
    assert survey.month_first == {"fecha_atencion"}
    assert said == [("bad_date", "fecha_atencion")]


# -- workbooks --------------------------------------------------------------------------------------------------------


def book(path: Path, sheets: dict[str, list[list[Any]]], merged: tuple[str, ...] = ()) -> Path:
    made = Workbook()
    made.remove(made.active)
    for title, rows in sheets.items():
        sheet = made.create_sheet(title)
        for row in rows:
            sheet.append(row)
    for cells in merged:
        made.worksheets[0].merge_cells(cells)
    made.save(path)
    return path


HEADING: Final[list[Any]] = [
    "nombres",
    "apellidos",
    "tipo_documento",
    "numero_documento",
    "servicios",
    "consentimiento",
]
THREE: Final[list[list[Any]]] = [
    HEADING,
    ["Ana", "Ríos", "CC", 7150001, "mercado", "si"],
    ["Luz", "Ríos", "CC", 7150002, None, None],
    ["Rosa", "Ríos", "CC", 7150003, None, None],
]


def test_what_is_merged_over_several_rows_stands_in_each_and_no_further(tmp_path: Path) -> None:
    rows = [*THREE, ["Eva", "Ríos", "CC", 7150004, None, None]]
    said, _ = read(book(tmp_path / "x", {"lista": rows}, ("E2:E4", "F2:F4")))
    assert [(len(one.services), one.consent is not None) for one in entries(said)] == [(1, True)] * 3 + [(0, False)]


@pytest.mark.parametrize(
    ("cells", "lines", "column"),
    [("A2:A3", [0, 1], "nombres"), ("D3:D4", [1, 2], "numero_documento"), ("A3:B3", [1], "nombres")],
)
def test_a_name_or_a_number_that_is_merged_with_anothers_is_refused(
    tmp_path: Path, cells: str, lines: list[int], column: str
) -> None:
    said, _ = read(book(tmp_path / "x", {"lista": THREE}, (cells,)))
    assert [number for number, one in enumerate(said) if one == ("merged_cell", column)] == lines


def test_the_sheet_that_has_the_people_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    said, survey = read(
        book(tmp_path / "x", {"Instrucciones": [["Una fila por persona"]], "lista": THREE, "vacía": []})
    )
    assert (len(said), survey.unread, survey.ours_unread) == (3, ("sheet Instrucciones",), False)


def test_of_two_sheets_with_people_nobody_can_tell_which_is_the_list(tmp_path: Path) -> None:
    with pytest.raises(UnusableFileError, match="Several sheets"):
        open_source(book(tmp_path / "x", {"lunes": THREE, "martes": THREE})).survey()


def test_a_number_that_excel_has_rounded_is_no_documents(tmp_path: Path) -> None:
    rows = [HEADING, ["Ana", "Ríos", "PEP", 912345678901234567, None, "si"]]
    assert read(book(tmp_path / "x", {"lista": rows}))[0] == [("bad_document_number", "numero_documento")]


SERVICES: Final = ["food_security.food_basket", "health.consultation", "wash.water"]


def exported(labels: bool, group: bool) -> tuple[list[str], list[str]]:
    """The headings of Kobo's table export of our own form, and what somebody said, without the day."""
    label = {name: text for text, name in form.labels().items()}
    said = {
        "consentimiento": ("si", "Sí"), "nombres": ("Ana", "Ana"), "apellidos": ("Prueba", "Prueba"),
        "tipo_documento": ("CC", "Cédula de ciudadanía (CC)"), "numero_documento": ("1001001", "1001001"),
        "sexo": ("female", "Mujer"), "municipio": ("08001", "Barranquilla (Atlántico)"),
        "servicios": ("health.consultation food_security.food_basket", "Consulta médica Mercado"),
    }  # fmt: skip
    headings = [("datos/" if group else "") + (label[name] if labels else name) for name in said]
    choices = form.choices("necesidad")
    headings += [f"{headings[-1]}/{choices[code] if labels else code}" for code in SERVICES]
    return headings, [*(both[labels] for both in said.values()), "1", "1", "0"]


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("group", [False, True])
@pytest.mark.parametrize("shape", ["csv", "one sheet", "joined"])
def test_a_table_that_kobo_exports_of_our_form_is_read_whole(
    saved: Callable[[Any], Path], tmp_path: Path, labels: bool, group: bool, shape: str
) -> None:
    headings, row = exported(labels, group)
    day, hour = ["Día de la jornada", "Hora"] if labels else ["fecha_atencion", "hora_atencion"]
    common = ["start", "today", day, hour, "_id", "_uuid", "_index"]
    said_first: list[Any] = ["2026-11-24T09:00:00-05:00", "2026-11-24", "2026-11-24", "09:30:00.000-05:00", "7", "u", 1]
    if shape == "csv":
        lines = [[*common, *headings], [*said_first, *row]]
        path = saved("\n".join(";".join(f'"{cell}"' for cell in line) for line in lines).encode())
    elif shape == "one sheet":
        path = book(tmp_path / "x", {"Jornada": [[*common, *headings], [*said_first, *row]]})
    else:
        people: list[list[Any]] = [
            [*headings, "_index", "_parent_table_name", "_parent_index"],
            [*row, 1, "Jornada", 1],
        ]
        path = book(tmp_path / "x", {"Jornada": [common, said_first], "personas": people})
    said, survey = read(path)
    (entry,) = entries(said)
    assert survey.unread == ()
    assert (entry.document, entry.sex, entry.municipality) == (("CC", "1001001"), "female", "08001")
    assert entry.present_at.isoformat() == "2026-11-24T09:30:00-05:00"
    assert {code for code, _ in entry.services} == {*SERVICES[:2]}


PARENT: Final[list[list[Any]]] = [["fecha_atencion", "telefono", "_index"], ["2026-11-24", "3001234567", 1]]
CHILD: Final[list[Any]] = ["nombres", "tipo_documento", "numero_documento", "_parent_table_name", "_parent_index"]


def test_of_the_submission_a_person_takes_only_what_is_in_common(tmp_path: Path) -> None:
    people = [CHILD, ["Ana", "CC", 1001001, "Jornada", 1]]
    said, survey = read(book(tmp_path / "x", {"Jornada": PARENT, "personas": people}))
    assert [(one.present_at.day, one.phone) for one in entries(said)] == [(24, None)]
    assert (survey.unread, survey.ours_unread) == (("Jornada: telefono",), True)


def test_a_person_of_no_submission_is_refused(tmp_path: Path) -> None:
    people = [CHILD, ["Ana", "CC", 1001001, "Jornada", 2]]
    assert read(book(tmp_path / "x", {"Jornada": PARENT, "personas": people}))[0] == [("unknown_submission", None)]


def test_people_without_the_table_of_their_submissions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableFileError, match="table of the submissions"):
        open_source(book(tmp_path / "x", {"personas": [CHILD, ["Ana", "CC", 1001001, "Jornada", 1]]})).survey()


def test_a_csv_of_kobo_without_its_repeats_says_where_the_people_are(saved: Callable[[Any], Path]) -> None:
    with pytest.raises(UnusableFileError, match="leaves out repeats"):
        open_source(saved(b"start;today;fecha_atencion;_index\na;2026-11-24;2026-11-24;1\n")).survey()


# -- submissions ------------------------------------------------------------------------------------------------------


def people(*names: str, path: str = "personas") -> list[dict[str, str]]:
    return [
        {f"{path}/nombres": name, f"{path}/tipo_documento": "ppt", f"{path}/numero_documento": str(7050001 + number)}
        for number, name in enumerate(names)
    ]


@pytest.mark.parametrize(
    ("submission", "names", "unread"),
    [
        ({"hogar": [{"hogar/apellidos": "Prueba", "hogar/personas": people("Ana", "Beto", path="hogar/personas")}]},
         ["Ana", "Beto"], ("hogar/apellidos",)),
        ({"hogar": [{**people("Ana", path="hogar")[0], "hogar/otros": people("Beto", "Caro", path="hogar/otros")}]},
         ["Ana", "Beto", "Caro"], ()),
        ({"nombres": "Ana", **DOCUMENT, "otros": people("Beto", path="otros")}, ["Ana", "Beto"], ()),
        ({"personas": people("Ana"), "visitantes": people("Beto", path="visitantes")}, ["Ana", "Beto"], ()),
        ({"personas": [{"datos": {"nombres": "Ana"}, **DOCUMENT}]}, ["Ana"], ()),
        ({"persona/nombres": "Ana", **DOCUMENT, "evaluador/telefono": "3101112233"}, ["Ana"], ("evaluador/telefono",)),
        ({"nombres": "Ana", **DOCUMENT, "evaluador/telefono": "3101112233"}, ["Ana"], ("evaluador/telefono",)),
        ({"personas": people("Ana"), "evaluador/telefono": "3101112233"}, ["Ana"], ("evaluador/telefono",)),
        ({"personas": people("Ana"), "clima": "sol"}, ["Ana"], ("clima",)),
        ({"personas": people("Ana"), "fotos": [{"fotos/lugar": "La Playa"}]}, ["Ana"], ("fotos/lugar",)),
    ],
)  # fmt: skip
def test_each_person_of_a_submission_is_one_row_and_what_is_nobodys_is_named(
    saved: Callable[[Any], Path], submission: Any, names: list[str], unread: tuple[str, ...]
) -> None:
    said, survey = read(saved([submission]))
    assert [one.given_names for one in entries(said)] == names
    assert all((one.family_names, one.phone) == (None, None) for one in entries(said))
    assert survey.unread == unread


@pytest.mark.parametrize(
    ("submission", "said"),
    [
        ({"personas": [*people("Ana"), {"personas/tipo_documento": "ppt"}]}, ["Ana", ("missing_name", "nombres")]),
        ({"personas": [*people("Ana"), {}]}, ["Ana", ("missing_name", "nombres")]),
        ({"personas": [*people("Ana"), 7]}, ["Ana", ("unreadable", None)]),
        ({"personas": [{"personas/telefono": "3001234567"}]}, [("missing_name", "nombres")]),
        ({"clima": "sol"}, [("missing_name", "nombres")]),
        ({}, [("missing_name", "nombres")]),
        ({"nombres": "Ana", **DOCUMENT, "telefono": "3001234567", "de": [{"de/nombres": "Beto", "de/edad": 4}]},
         ["Ana", ("not_identifiable", None)]),
        ({"nombres": "Ana", "tipo_documento": "cc", "numero_documento": 1.043871235e9}, ["Ana"]),
    ],
)  # fmt: skip
def test_nobody_vanishes_and_nobody_gets_what_is_anothers(
    saved: Callable[[Any], Path], submission: Any, said: list[Any]
) -> None:
    found, _ = read(saved([submission]))
    assert [one.given_names if isinstance(one, Entry) else one for one in found] == said


def test_a_number_is_read_as_it_stands_in_the_file(saved: Callable[[Any], Path]) -> None:
    said, _ = read(saved(b'[{"nombres": "Ana", "tipo_documento": "cc", "numero_documento": 1.043871235E9}]'))
    assert said == [("bad_document_number", "numero_documento")]


@pytest.mark.parametrize(
    "content",
    [
        [{"persona/nombres": "Ana", "encuestador/nombres": "Zoila"}],
        [{"personas": [{"personas/a/nombres": "Ana", "personas/b/nombre": "Zoila"}]}],
        [{"nombres": "Ana", "edad": "30", "anos": "31"}],
        b'[{"nombres": "Ana", "nombres": "Zoila"}]',
        b'{"nombres": "Ana", "nombres": "Zoila"}',
    ],
)
def test_two_answers_to_one_question_are_refused(saved: Callable[[Any], Path], content: Any) -> None:
    with pytest.raises(UnusableFileError, match=r"Two fields are both|stands twice"):
        open_source(saved(content)).survey()


@pytest.mark.parametrize(
    ("page", "is_one_of_several"),
    [
        ({"count": 250, "next": "https://kobo.example.org/?start=100", "previous": None}, True),
        ({"count": 1, "next": None, "previous": "https://kobo.example.org/"}, True),
        ({"count": 2, "next": None, "previous": None}, True),
        ({"count": 1, "next": None, "previous": None}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_a_page_is_not_taken_for_the_whole(
    saved: Callable[[Any], Path], page: dict[str, Any], is_one_of_several: bool, last: bool
) -> None:
    results = {"results": [{"nombres": "Ana", **DOCUMENT}]}
    said, survey = read(saved({**page, **results} if last else {**results, **page}))
    assert (len(entries(said)), survey.page is not None) == (1, is_one_of_several)


def test_submissions_that_stand_one_after_another_are_all_read(saved: Callable[[Any], Path]) -> None:
    lines = [json.dumps({"nombres": name, **DOCUMENT}) for name in ("Ana", "Luz")]
    assert [one.given_names for one in entries(read(saved("\n".join(lines).encode()))[0])] == ["Ana", "Luz"]


@pytest.mark.parametrize("content", [b"[] {}", b'[{"nombres": "A"}] x', b'{"nombres": "A"} 7', b'[{"nombres": "A"},]'])
def test_what_stands_behind_the_submissions_is_no_list(saved: Callable[[Any], Path], content: bytes) -> None:
    with pytest.raises(UnusableFileError, match="neither a submission nor an array"):
        open_source(saved(content)).survey()
