"""docs/reliability.md: what was measured of each fault, as a table."""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from chaos.running import Outcome

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
FROM, TO = "<!-- made by: ./ruta chaos --write -->", "<!-- end -->"
HEAD = (
    "| fault | lost | twice | out of order | healed after | told after | healed by |",
    "|---|--:|--:|--:|--:|--:|---|",
)


def rows(outcomes: Iterable[Outcome]) -> list[str]:
    """The table, a line for each fault."""
    return [
        *HEAD,
        *(
            f"| {one.fault} | {one.lost} | {one.twice} | {one.reordered} | {_seconds(one.healed_s)} | "
            f"{_seconds(one.seen_s)} | {f'`{one.command}`' if one.command else 'itself'} |"
            for one in outcomes
        ),
    ]


def write(outcomes: Sequence[Outcome], today: date, page: Path = PAGE) -> None:
    """Put the table into its place in the page. Raises ValueError where the page has no place for it."""
    before, found, rest = page.read_text().partition(FROM)
    _, ended, after = rest.partition(TO)
    if not found or not ended:
        raise ValueError(f"{page.name} has no place for the table: {FROM} … {TO}")
    made = f"Measured on {today.isoformat()}, {len(outcomes)} faults:"
    page.write_text("\n".join((f"{before}{FROM}", "", made, "", *rows(outcomes), "", f"{TO}{after}")))


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else "at once" if seconds == 0 else f"{seconds:.1f} s"
