"""`python -m demo --once --small --json result.json`: the demo without the command line around it."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from demo import Scenario, main

app = App(name="demo", version_flags=[])


@app.default
def run(
    *,
    scenario: Scenario = "years",
    once: bool = False,
    small: bool = False,
    json: Annotated[Path | None, Parameter(name="--json")] = None,
) -> int:
    """Run the demo."""
    return main(scenario=scenario, once=once, json_file=json, small=small)


if __name__ == "__main__":
    raise SystemExit(app())
