"""`./ruta chaos`: the faults, one after the other, and the table of what came of them."""

import argparse
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from chaos import table
from chaos.faults import FAULTS
from chaos.running import Outcome, run
from deploy.local import OperatorError
from deploy.local.state import State, default_directory


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 0 only if nothing was lost, nothing was done twice or out of order, and all healed."""
    reader = argparse.ArgumentParser("ruta chaos", description="Faults on purpose, each under load.")
    reader.add_argument("--json", type=Path, metavar="FILE", help="write what came of each to this file")
    reader.add_argument("--only", metavar="WORDS", help="only faults whose name has these words in it")
    reader.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    said = reader.parse_args(arguments)
    chosen = [fault for fault in FAULTS if not said.only or said.only in fault.name]
    if not chosen:
        raise SystemExit(f"ruta: no fault is called so; there are: {'; '.join(fault.name for fault in FAULTS)}")
    directory = default_directory() / "chaos"
    if State(directory).running_pid() is not None:
        raise SystemExit(f"ruta: it already runs from {directory}")
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {what}", flush=True)

    outcomes: list[Outcome] = []
    try:
        for outcome in run(chosen, directory, say):
            outcomes.append(outcome)
            print(table.rows([outcome])[-1], flush=True)
            for line in outcome.findings[:10]:
                print(f"    {line}", flush=True)
            if said.json:
                said.json.write_text(json.dumps([one.as_json() for one in outcomes], indent=1) + "\n")
    except KeyboardInterrupt:
        return 130
    except OperatorError as error:
        raise SystemExit(f"ruta: {error}") from None
    print("", *table.rows(outcomes), sep="\n")
    if said.write:
        table.write(outcomes, datetime.now(UTC).date())
    good = all(not (one.lost or one.twice or one.reordered) and one.healed_s is not None for one in outcomes)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
