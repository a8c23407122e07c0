"""What a process of the gateway has to be told by its environment."""

import os
from collections.abc import Mapping


class SettingError(Exception):
    """A variable is missing; the text says so in one sentence."""


def setting(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return a variable that has to be there; raises SettingError."""
    if value := environment.get(name):
        return value
    raise SettingError(f"{name} has to be set: docs/operations.md says to what.")
