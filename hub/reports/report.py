"""The four reports, each read from the database of the reports service."""

import tomllib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from contracts.places import places
from hub.reports.rules import activities, partners, small_counts, unmet_needs
from hub.reports.rules.accountability import Counted, Figure, Result, choose
from hub.reports.rules.asked import Asked
from hub.reports.rules.sheets import Sheet
from hub.reports.store import counts
from messaging import clock
from messaging.database import Connection

HERE: Final = Path(__file__).parent
ZONE: Final = ZoneInfo("America/Bogota")
EVERYTHING: Final = Asked()


def accountability(connection: Connection, asked: Asked = EVERYTHING) -> Result:
    """Count every published figure of this period and place, and compare; count the others for them.

    Raises WronglyAskedError when no published figure is of this period and place: nothing would be compared.
    """
    counts.read_whole_tables(connection)
    source, figures = published()
    chosen = choose(figures, asked)
    counted = tuple(Counted(figure, _count(connection, figure, asked)) for figure in chosen)
    return Result(counted, source, tuple(figure.label for figure in figures if figure not in chosen))


def _count(connection: Connection, figure: Figure, asked: Asked) -> small_counts.Shown:
    counted = counts.count(connection, figure.count, figure.of, figure.counted_for(asked))
    need = figure.of.get("need", "")
    if not small_counts.is_protected(need):
        return counted
    # The 5W sheet shows the same people month by month, and others, who would be had by subtraction.
    if counts.count(connection, "others_served", figure.of, EVERYTHING):
        return small_counts.WITHHELD
    totals = [
        (activities.show(one, running_month=_running_month(clock.now())) or [small_counts.WITHHELD])[0]
        for one in counts.activities(connection)
        if one.need_code == need and one.activity == figure.of["programme"]
    ]
    return small_counts.show_people(counted, totals)


def who_does_what(connection: Connection, asked: Asked = EVERYTHING) -> Sheet:
    """Make the 5W sheet: who, what, where, when, for whom."""
    counts.read_whole_tables(connection)
    running = _running_month(clock.now())
    return activities.sheet(counts.activities(connection), asked, places=places(), running_month=running)


def partner_performance(connection: Connection, asked: Asked = EVERYTHING) -> Sheet:
    """Make the sheet of how each organisation answers the referrals that it is sent."""
    counts.read_whole_tables(connection)
    now = clock.now()
    return partners.sheet(counts.referrals(connection), asked, now=now, running_month=_running_month(now))


def needs_unmet(connection: Connection, asked: Asked = EVERYTHING) -> Sheet:
    """Make the sheet of needs by zone, and what came of them."""
    counts.read_whole_tables(connection)
    running = _running_month(clock.now())
    return unmet_needs.sheet(
        counts.needs(connection, running_month=running),
        asked,
        services=counts.services(connection),
        places=places(),
        running_month=running,
    )


def _running_month(now: datetime) -> str:
    return f"{now.astimezone(ZONE):%Y-%m}"


@cache
def published() -> tuple[str, tuple[Figure, ...]]:
    """Read the source of the published figures, and every figure, from `published.toml`."""
    said = tomllib.loads((HERE / "published.toml").read_text())
    figures = tuple(
        Figure(
            label=one["label"],
            count=one["count"],
            of=one.get("of", {}),
            first_month=one.get("from"),
            last_month=one.get("to"),
            place=said["place"],
            published=one.get("published"),
        )
        for one in said["figure"]
    )
    return said["source"], figures
