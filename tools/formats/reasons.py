"""What a reason says to people, for formats that want words beside a code."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

REASONS: Final[Mapping[str, Mapping[str, str]]] = tomllib.loads((Path(__file__).parent / "reasons.toml").read_text())
"""The Spanish words for each code of each list; `state` has those of states that need no reason."""


def in_words(reasons: Mapping[str, object], state: str) -> str | None:
    """Say why, in one line: the reasons, each by its list, or else the state alone; None where neither says why."""
    said = [REASONS[codelist][str(code)] for codelist, code in reasons.items()]
    return ". ".join(said) or REASONS["state"].get(state)
