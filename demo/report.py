"""What the demo shows at the end: on screen as tables, in a file as JSON."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from demo.checker import Evidence, Verdict
from demo.evidence import OwnLog
from demo.mistakes import REJECTED, Mistake
from demo.organisations import BOTH, ENTRANCES, HTTP

FINDINGS_SHOWN = 10


@dataclass(frozen=True)
class Result:
    """Everything that is reported."""

    evidence: Evidence
    verdict: Verdict
    latencies: Sequence[float]  # seconds, ascending
    messages_per_s: float
    seconds: float
    faults: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """The result as plain data; times in seconds and milliseconds as the names say."""
        verdict = self.verdict
        return {
            "referrals": dict(sorted(Counter(referral.state for referral in self.evidence.referrals).items())),
            "messages": {
                "sent": verdict.sent,
                "applied": verdict.applied,
                "refused": verdict.refused,
                "quarantined": verdict.quarantined,
                "waiting": verdict.waiting,
                "redelivered": verdict.redelivered,
                "duplicates_suppressed": verdict.duplicates_suppressed,
            },
            "lost": len(verdict.lost),
            "applied_twice": len(verdict.applied_twice),
            "nobody_sent": len(verdict.nobody_sent),
            "unfinished": len(verdict.unfinished),
            "untrue": len(verdict.untrue),
            "by_http": self.evidence.happened.by_http(),
            "messages_per_s": round(self.messages_per_s, 1),
            "latency_ms": {f"p{percent}": self._percentile(percent) for percent in (50, 95, 99)},
            "seconds": round(self.seconds, 1),
            "faults": list(self.faults),
        }

    def _percentile(self, percent: int) -> float | None:
        if not self.latencies:
            return None
        return round(1000 * self.latencies[min(len(self.latencies) - 1, len(self.latencies) * percent // 100)], 1)


def write_json(result: Result, path: Path) -> None:
    """Write the result as one JSON object."""
    path.write_text(json.dumps(result.as_json(), indent=1) + "\n")


def show(result: Result, mistakes: Mapping[str, str], console: Console) -> None:
    """Print the tables; `mistakes` is what was wrong with messages → what became of them."""
    told = result.as_json()
    console.print()
    console.print(_table("Referrals, by the state they came to", told["referrals"], sum(told["referrals"].values())))
    console.print(_table("Bad input, and what became of it", mistakes))
    console.print(_table("Messages of the organisations", told["messages"] | by_http_in_words(told["by_http"])))
    latency = told["latency_ms"]
    console.print(
        _table(
            "Speed",
            {
                "messages a second, sent and received": told["messages_per_s"],
                "end to end, median": f"{latency['p50']} ms",
                "end to end, p95": f"{latency['p95']} ms",
                "end to end, p99": f"{latency['p99']} ms",
                "whole run": f"{told['seconds']} s",
            },
        )
    )
    proof = {
        "lost": told["lost"],
        "applied twice": told["applied_twice"],
        "applied though nobody sent it": told["nobody_sent"],
        "referrals left unfinished": told["unfinished"],
        "told of a message and not so": told["untrue"],
    }
    console.print(_table("What the organisations logged, held against what the network did", proof))
    verdict = result.verdict
    for findings in (verdict.lost, verdict.applied_twice, verdict.nobody_sent, verdict.unfinished, verdict.untrue):
        for finding in findings[:FINDINGS_SHOWN]:
            console.print(f"  {finding}", highlight=False)
        if len(findings) > FINDINGS_SHOWN:
            console.print(f"  … and {len(findings) - FINDINGS_SHOWN} more")


def by_http_in_words(numbers: Mapping[str, int]) -> dict[str, str]:
    """A line for a table: who uses the entrance by HTTP, and how many messages came in and were read there."""
    ways = {HTTP: "alone", BOTH: "beside AMQP"}
    who = ", ".join(f"{name} {ways[way]}" for name, way in ENTRANCES.items())
    return {f"by HTTP ({who})": f"{numbers['submitted']} in, {numbers['read']} read"}


def outcomes_of_mistakes(mistakes: Sequence[Mistake], logs: Sequence[OwnLog], evidence: Evidence) -> dict[str, str]:
    """What was wrong with messages → what became of them, with the codes that the network gave."""
    sent = {(log.organisation, row["step"]): row for log in logs for row in log.sent}
    codes = {(refusal.to, refusal.sha256): refusal.code for refusal in evidence.refusals}
    parked = {item.sha256: f"{item.state}: {item.reason}" for item in evidence.parked}
    found: dict[str, Counter[str]] = {}
    for mistake in mistakes:
        row = sent.get((mistake.organisation, mistake.step["step"]))
        if row is None:
            became = "never sent"
        elif row["state"] == "failed":
            became = f"{REJECTED} by the broker"
        else:
            said = [codes.get((mistake.organisation, row["sha256"])), parked.get(row["sha256"])]
            became = " and ".join(
                f"{word} ({what})" for word, what in zip(("refused", "parked"), said, strict=True) if what
            )
        if became:
            found.setdefault(mistake.what, Counter())[became] += 1
    return {what: ", ".join(f"{count} {became}" for became, count in counts.items()) for what, counts in found.items()}


def _table(title: str, rows: Mapping[str, Any], total: int | None = None) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, min_width=64)
    table.add_column()
    table.add_column(justify="right", overflow="fold")
    for name, value in rows.items():
        table.add_row(name.replace("_", " "), str(value))
    if total is not None:
        table.add_section()
        table.add_row("all", str(total))
    return table
