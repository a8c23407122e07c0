"""`docs/privacy.md` says of each table once what is in it, who reads it and when it goes."""

import re
from collections import Counter

from deploy.local.state import ROOT

KIND = "of the kind"  # one table may have two kinds of rows, each with a line


def tables(page: str) -> list[tuple[str, str]]:
    """Every table that a line is about, with its service."""
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    parts = [part.split(":") for cell in cells if KIND not in cell for part in cell.split(";")]
    return [
        (service, table)
        for owners, *named in parts
        for service in re.findall(r"`([a-z]+)`", owners)
        for table in re.findall(r"`([a-z_]+)`", ":".join(named))
    ]


def test_no_table_has_two_lines_that_may_say_different_things() -> None:
    named = tables((ROOT / "docs" / "privacy.md").read_text(encoding="utf-8"))
    assert len(named) > 50
    assert [one for one, times in Counter(named).items() if times > 1] == []
