"""A file that would cost too much is refused in one sentence, within two seconds and 200 MB, or read within them.

Each is read in a process of its own, whose time and memory are measured: CPU time, for the machine may be busy.
"""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from openpyxl import Workbook

ROOT: Final = Path(__file__).parents[3]
MIB: Final = 1024 * 1024
SECONDS_AT_MOST: Final = 2.0  # of CPU
MEMORY_AT_MOST: Final = 200 * MIB  # bytes, the interpreter and its libraries among them

READ: Final = """
import json, re, sys, time
from pathlib import Path
from tools.attendance.rows import UnusableFileError
from tools.attendance.source import open_source
before = time.process_time()
try:
    said = f"{open_source(Path(sys.argv[1])).survey().rows} rows"
except UnusableFileError as error:
    said = str(error)
print(json.dumps({
    "said": said,
    "seconds": time.process_time() - before,
    "memory": int(re.search(r"VmHWM:\\s+([0-9]+) kB", Path("/proc/self/status").read_text())[1]) * 1024,
}))
"""

MAIN: Final = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
HEADING: Final = b'<row r="1"><c r="A1" t="inlineStr"><is><t>nombres</t></is></c></row>'


def sheet(*pieces: bytes) -> Iterator[bytes]:
    yield b"<worksheet " + MAIN + b"><sheetData>" + HEADING
    yield from pieces
    yield b"</sheetData></worksheet>"


def workbook(path: Path, parts: dict[str, Iterator[bytes]]) -> None:
    """A workbook with some parts replaced or added, written piece by piece."""
    plain = path.with_name("plain.xlsx")
    book = Workbook()
    book.active.append(["nombres", "edad"])
    book.active.append(["Ana", 30])
    book.save(plain)
    with zipfile.ZipFile(plain) as before, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as after:
        for part in before.namelist():
            if part not in parts:
                after.writestr(part, before.read(part))
        for name, pieces in parts.items():
            with after.open(name, "w") as file:
                for piece in pieces:
                    file.write(piece)


SHEET: Final = "xl/worksheets/sheet1.xml"
STRINGS: Final = "xl/sharedStrings.xml"
STYLES: Final = "xl/styles.xml"


def with_sheet(*pieces: bytes) -> Callable[[Path], None]:
    return lambda path: workbook(path, {SHEET: sheet(*pieces)})


def many(piece: bytes, size: int) -> list[bytes]:
    """A piece again and again, in chunks, until it is as large as that."""
    chunk = piece * max(MIB // len(piece), 1)
    return [chunk] * (size // len(chunk) + 1)


def many_parts(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(60_000):
            archive.writestr(f"xl/worksheets/{number}.xml", b"")


def a_line(path: Path) -> None:
    path.write_bytes(b"nombres;edad\nAna;30\n" + b"x" * 100 * MIB)


def a_quoted_line(path: Path) -> None:
    path.write_bytes(b'nombres;edad\nAna;30\n"' + b"x" * 100 * MIB)


def a_heading(path: Path) -> None:
    path.write_bytes(b"nombres;" * (12 * MIB))


def separators(path: Path) -> None:
    path.write_bytes(b"nombres\n" + b";" * 1_000_000 + b"\n")


def ends_of_lines(path: Path) -> None:
    path.write_bytes(b"nombres\n" + b"\r" * 10 * MIB)


def text(content: Callable[[], bytes]) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        path.write_bytes(content())

    return save


BOMBS: Final[dict[str, Callable[[Path], None]]] = {
    "a row number of twenty digits": with_sheet(b'<row r="10000000000000000000"><c r="A2"><v>1</v></c></row>'),
    "a row number beyond every sheet": with_sheet(b'<row r="9999999"><c><v>1</v></c></row>'),
    "a cell's row number of twenty digits": with_sheet(b'<row><c r="A10000000000000000000"><v>1</v></c></row>'),
    "a million columns": with_sheet(b'<row r="2">', *many(b"<c><v>1</v></c>", 15 * MIB), b"</row>"),
    "a column without an end": with_sheet(b'<row r="2"><c r="ZZZZZZZZ2"><v>1</v></c></row>'),
    "the last column": with_sheet(*(b'<row><c r="XFD%d"><v>1</v></c></row>' % row for row in range(2, 5000))),
    "cells without an end": with_sheet(*many(b"<row>" + b"<c/>" * 900 + b"</row>", 240 * MIB)),
    "rows without an end": with_sheet(*many(b"<row/>", 240 * MIB)),
    "a sheet of blanks": with_sheet(*many(b" ", 240 * MIB)),
    "a sheet that is one comment": with_sheet(b"<!--", *many(b"x", 240 * MIB), b"-->"),
    "an attribute without an end": with_sheet(b'<row x="', *many(b"x", 240 * MIB), b'"/>'),
    "a cell without an end": with_sheet(b"<row><c><v>", *many(b"1", 240 * MIB), b"</v></c></row>"),
    "elements within elements": with_sheet(*many(b"<x>", 3 * MIB)),
    "a workbook of more than may be unpacked": with_sheet(*many(b" ", 300 * MIB)),
    "merged cells without an end": lambda path: workbook(
        path, {SHEET: iter([*[*sheet()][:-1], b"</sheetData>", *many(b'<mergeCell ref="A1:B200000"/>', 10 * MIB)])}
    ),
    "a shared string without an end": lambda path: workbook(
        path, {STRINGS: iter([b"<sst " + MAIN + b"><si><t>", *many(b"x", 200 * MIB), b"</t></si></sst>"])}
    ),
    "shared strings without an end": lambda path: workbook(
        path, {STRINGS: iter([b"<sst " + MAIN + b">", *many(b"<si><t>x</t></si>", 200 * MIB), b"</sst>"])}
    ),
    "styles without an end": lambda path: workbook(
        path, {STYLES: iter([b"<styleSheet " + MAIN + b"><cellXfs>", *many(b"<xf/>", 200 * MIB)])}
    ),
    "entities within entities": lambda path: workbook(
        path, {SHEET: iter([b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'])}
    ),
    "sixty thousand parts": many_parts,
    "a line of 100 MB": a_line,
    "a quoted line of 100 MB": a_quoted_line,
    "a heading of 100 MB": a_heading,
    "a million separators": separators,
    "ten million ends of lines": ends_of_lines,
    "arrays within arrays": text(lambda: b"[" * MIB),
    "objects within objects": text(lambda: b'{"a":' * 300_000),
    "groups within groups": text(lambda: b"[" + b'{"a":' * 500 + b"1" + b"}" * 500 + b"]"),
    "repeats within repeats": text(lambda: b"[" + b'{"a":[' * 300 + b"1" + b"]}" * 300 + b"]"),
    "a number without an end": text(lambda: b'[{"nombres": ' + b"9" * 20 * MIB + b"}]"),
    "a number with an exponent": text(lambda: b'[{"nombres": 1e999999999}]'),
    "a text without an end": text(lambda: b'[{"nombres": "' + b"x" * 50 * MIB + b'"}]'),
    "a submission without an end": text(lambda: b'[{"personas": [' + b"{}," * 10 * MIB),
    "numbers for submissions": text(lambda: b"[" + b"1," * 20 * MIB + b"1]"),
    "fields without an end": text(lambda: b"{" + b",".join(b'"%d":1' % number for number in range(500_000)) + b"}"),
    "blanks without an end": text(lambda: b"[" + b" " * 100 * MIB + b"]"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_would_cost_too_much_is_told_in_one_sentence_and_costs_little(name: str, tmp_path: Path) -> None:
    path = tmp_path / "list"
    BOMBS[name](path)
    done = subprocess.run(
        [sys.executable, "-P", "-c", READ, path], cwd=ROOT, env={"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]
    told = json.loads(done.stdout)
    assert (told["seconds"] < SECONDS_AT_MOST, told["memory"] < MEMORY_AT_MOST) == (True, True), told
    assert len(told["said"]) < 250
    assert "\n" not in told["said"]
