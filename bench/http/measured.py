"""All of `./ruta bench http`: accepting on servers alone, then fairness on the whole network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.http import accepting, fairness
from deploy.local import Stack, running


@dataclass(frozen=True)
class Plan:
    """How much of each is measured."""

    accepting: accepting.Plan
    fairness: fairness.Plan


FULL: Final = Plan(accepting.FULL, fairness.FULL)
QUICK: Final = Plan(accepting.QUICK, fairness.QUICK)


def measure(directory: Path, plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure it; returns `http` and `fairness`."""
    with Stack(directory) as stack:
        http = accepting.measure(stack, plan.accepting, say)
    for line in accepting.lines(http):
        say(line)
    say("")
    with running(directory) as network:
        fair = fairness.measure(network, plan.fairness, say)
    for line in fairness.lines(fair):
        say(line)
    return {"http": http, "fairness": fair}


def is_right(figures: Mapping[str, Any]) -> bool:
    """Whether nothing that was accepted was lost, and nothing was there or answered twice."""
    return accepting.is_right(figures["http"]) and fairness.is_right(figures["fairness"])
