"""What is said of real work: each part's figures for the JSON, the table, and the goals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from bench import batches
from bench.measure import Throughput
from bench.processor import Used
from bench.real.lives import Lives


@dataclass(frozen=True)
class Goal:
    """What a figure is to come to, at least."""

    name: str
    is_said: str  # with the measured number in it
    goal: float

    def against(self, measured: float) -> dict[str, Any]:
        return {"measured": round(measured, 3), "goal": self.goal, "reached": measured >= self.goal}


OF_THEIR_FLOOR: Final = Goal("requests_of_their_floor", "requests come to {:.2f} of their floor", 0.65)
OF_RUTA: Final = Goal("requests_of_ruta", "requests come to {:.2f} of the contender ruta", 0.22)
WITH_DOUBLES: Final = Goal("with_doubles", "requests of which a tenth is kept out come to {:.2f} of those without", 0.5)
LIVES: Final = Goal("lives_per_s", "{:.0f} lives a second", 100)
REGISTRATIONS: Final = Goal("registrations_of_ruta", "registrations come to {:.2f} of the contender ruta", 0.12)


def figure(runs: Sequence[Throughput | Lives]) -> dict[str, Any]:
    """The figures of one part, over its runs: medians, and the sums of what went wrong."""
    seen = [one for run in runs for one in run.batches]
    lives = [run.lives_per_s for run in runs if isinstance(run, Lives)]
    rates = lives or [run.messages_per_s for run in runs if isinstance(run, Throughput)]
    return {
        ("lives_per_s" if lives else "messages_per_s"): round(median(rates), 1),
        "cpu_us": _cpu([run.used for run in runs]),  # for one message; of lives, for one life
        "waits_per_batch": _rounded(batches.waits_each(seen)),
        "messages_per_batch": _rounded(batches.messages_each(seen)),
        "lost": sum(run.lost for run in runs),
        "repeated": sum(run.repeated for run in runs),
    }


def goals(real: Mapping[str, Any], ruta: float) -> dict[str, Any]:
    """How far the figures are from what they are to come to; `ruta` is the contender's messages a second."""
    requests = real["requests"]["messages_per_s"]
    measured = {
        OF_THEIR_FLOOR: requests / real["requests_floor"]["messages_per_s"],
        OF_RUTA: requests / ruta,
        WITH_DOUBLES: real["requests_with_doubles"]["messages_per_s"] / requests,
        LIVES: real["lives"]["lives_per_s"],
        REGISTRATIONS: real["registrations"]["messages_per_s"] / ruta,
    }
    return {goal.name: goal.against(value) for goal, value in measured.items()}


def table(real: Mapping[str, Any]) -> list[str]:
    """The lines that are printed."""
    heads = (*("a second", "lost", "repeated", "client µs", "PostgreSQL µs", "broker µs", "waits a batch"), "batch")
    widths = (10, 6, 10, 11, 15, 11, 15, 7)
    lines = [f"{'real work':<22}" + "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True))]
    for name, said in real.items():
        if name == "goals":
            continue
        cpu = said["cpu_us"]
        values = (
            *(said.get("messages_per_s", said.get("lives_per_s")), said["lost"], said["repeated"]),
            *(cpu["client"], cpu["postgres"], cpu["broker"], said["waits_per_batch"], said["messages_per_batch"]),
        )
        lines.append(f"{name:<22}" + "".join(_cell(value, width) for value, width in zip(values, widths, strict=True)))
    return [*lines, "µs of processor for one message; in the line of lives for one life. A batch in messages."]


def verdicts(goals_met: Mapping[str, Any]) -> list[str]:
    """A line for each goal."""
    lines = []
    for goal in (OF_THEIR_FLOOR, OF_RUTA, WITH_DOUBLES, LIVES, REGISTRATIONS):
        said = goals_met[goal.name]
        verdict = "reached" if said["reached"] else "missed"
        lines.append(f"{goal.is_said.format(said['measured'])}; the goal is {goal.goal:g}: {verdict}")
    return lines


def is_right(real: Mapping[str, Any]) -> bool:
    """Whether nothing was lost and nothing happened twice."""
    return not any(said["lost"] or said["repeated"] for name, said in real.items() if name != "goals")


def _cpu(used: Sequence[Used]) -> dict[str, float | None]:
    return {
        name: None if None in (times := [getattr(one, name) for one in used]) else round(median(times), 1)
        for name in ("client", "postgres", "broker")
    }


def _cell(value: float | None, width: int) -> str:
    if value is None:
        return f"{'-':>{width}}"
    return f"{value:>{width},.0f}" if value == int(value) or value >= 1000 else f"{value:>{width},.1f}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
