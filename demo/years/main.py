"""The years from beginning to end: set up, play, reckon, report."""

import json
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from demo import accounts
from demo.evidence import OwnLog, read_own_log
from demo.quiet import StuckError
from demo.report import by_http_in_words
from demo.run import LOOK_AGAIN_AFTER, Narrator, check_nothing_was_there, fresh_directory, look_at_sample
from demo.stage import network_on
from demo.years import reckoning
from demo.years.run import Years, years_on
from demo.years.script import write
from demo.years.totals import PUBLISHED, Totals
from hub.reports import report
from messaging import database
from messaging.topology import GATEWAY

FINDINGS_SHOWN = 10
SMALL = 20  # the small run has one of so many of everything


def main(*, once: bool, json_file: Path | None, small: bool, seed: int) -> int:
    """Run the years; 0 only if nothing was lost or applied twice and every counted figure is the published one.

    The small run has its own totals in place of the published ones. `once` stops everything at the end; otherwise the
    sample is there to look at until Ctrl-C. Raises OperatorError.
    """
    narrator = Narrator(Console(soft_wrap=True))
    totals = PUBLISHED.part(SMALL) if small else PUBLISHED
    directory = fresh_directory()
    script = write(totals, seed)
    narrator.say("starting PostgreSQL, RabbitMQ, the hub, the organisations' systems and two services of their own")
    with network_on(directory) as ground:
        check_nothing_was_there(ground)
        with years_on(ground, script) as years:
            narrator.say(
                f"February 2021 to January 2023: {len(years.organisations)} organisations, "
                f"{script.messages} messages to send"
            )
            result, good = _play(years, totals, narrator)
            if json_file is not None:
                json_file.write_text(json.dumps(result, indent=1) + "\n")
    if not once:
        look_at_sample(narrator.console)
    return 0 if good else 1


def _play(years: Years, totals: Totals, narrator: Narrator) -> tuple[dict[str, Any], bool]:
    """Let the years go by and reckon; the result as plain data, and whether all is as it must be."""
    began = time.monotonic()
    with narrator.bar():
        try:
            years.play(narrator.say, narrator.show_progress)
        except StuckError as stuck:
            narrator.say(f"nothing moves any more: {stuck}")
    seconds = time.monotonic() - began
    narrator.say("holding the organisations' own logs against the databases, and counting")
    logs, verdict, figures, equal = _reckon(years, totals)
    if not (verdict.good and equal):  # what somebody held in hand while the disk stood still is not lost, and comes yet
        time.sleep(LOOK_AGAIN_AFTER)
        logs, verdict, figures, equal = _reckon(years, totals)
    matches = reckoning.decisions(logs)
    states = reckoning.referrals_by_state(years.databases["referrals"])
    result = reckoning.as_json(verdict, states, matches, reckoning.answer_times(logs), seconds, figures)
    _show(result, verdict, narrator.console)
    good = verdict.good and equal and years.killed
    narrator.console.print()
    narrator.say(
        "every figure is counted from single messages, nothing was lost, nothing happened twice"
        if good
        else "the proof FAILED: see above"
    )
    return result, good


def _reckon(years: Years, totals: Totals) -> tuple[list[OwnLog], reckoning.Verdict, list[dict[str, Any]], bool]:
    """Hold the logs against the databases as they are now, and count; as in `reckoning.reckon` and `_figures`."""
    logs = [read_own_log(name, one.home) for name, one in years.organisations.items()]
    gateway = years.ground.stack.service_database_url(GATEWAY)
    verdict = reckoning.reckon(
        logs, reckoning.read_books(years.databases), accounts.read_gateway(gateway), years.ground.network.declared
    )
    return logs, verdict, *_figures(years.databases["reports"], totals)


def _figures(reports: str, totals: Totals) -> tuple[list[dict[str, Any]], bool]:
    """Count every figure of the accountability report; a small run's own totals take the place of the published."""
    expected = dict(zip(vars(PUBLISHED).values(), vars(totals).values(), strict=True))
    with database.connect(reports) as connection:
        counted = report.accountability(connection).figures
    figures = [
        {
            "figure": one.figure.label,
            "published": None if one.figure.published is None else expected[one.figure.published],
            "counted": one.counted,
        }
        for one in counted
    ]
    return figures, all(figure["published"] in (None, figure["counted"]) for figure in figures)


def _show(result: dict[str, Any], verdict: reckoning.Verdict, console: Console) -> None:
    table = Table("Figure", "Published", "Counted", title="What was published, and what the messages come to")
    for figure in result["accountability"]:
        published, counted = figure["published"], figure["counted"]
        mark = "" if published in (None, counted) else "  differs"
        table.add_row(figure["figure"], "" if published is None else str(published), f"{counted}{mark}")
    console.print()
    console.print(table)
    rows = {
        **result["messages"],
        **by_http_in_words(result["by_http"]),
        **{f"referrals {state}": count for state, count in result["referrals"].items()},
        **result["matches"],
        "lost": result["lost"],
        "applied twice": result["applied_twice"],
        "told of a message and not so": result["untrue"],
        "messages a second, sent and received": result["messages_per_s"],
        "time to an answer, median": f"{result['latency_ms']['p50']} ms",
        "time to an answer, p99": f"{result['latency_ms']['p99']} ms",
        "seconds for the two years": result["seconds"],
    }
    messages = Table("Messages", "", show_header=False, title="The network", min_width=64)
    for name, value in rows.items():
        messages.add_row(name.replace("_", " "), str(value))
    console.print(messages)
    for findings in (verdict.lost, verdict.applied_twice, verdict.untrue):
        for finding in findings[:FINDINGS_SHOWN]:
            console.print(f"  {finding}", highlight=False)
        if len(findings) > FINDINGS_SHOWN:
            console.print(f"  … and {len(findings) - FINDINGS_SHOWN} more")
