"""`./ruta screenshots DIR`: a picture of every state of every page, in both languages, small and large."""

import shutil
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from deploy.local import Stack
from deploy.local.operator_error import OperatorError
from screens.console import ShownConsole
from screens.states import STATES, State
from screens.visiting import LANGUAGES, WIDTHS, Visits, visits


def take(folder: Path) -> int:
    """Write them all, on a console of their own; returns how many. Raises OperatorError, OSError."""
    directory = Path(tempfile.mkdtemp(prefix="ruta-screens-"))
    directory.chmod(0o711)  # the embedded PostgreSQL of root runs as another user, who has to pass
    try:
        with (
            Stack(directory / "servers", environment={}, database_only=True) as stack,
            ShownConsole(stack, directory / "console") as console,
            visits(console) as browsers,
        ):
            return write(browsers, folder, STATES)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def write(browsers: Visits, folder: Path, states: Sequence[State]) -> int:
    """Write those of some states, as `STATE-LANGUAGE-WIDTH.png`; returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    for state, language in product(states, LANGUAGES):
        with browsers.of(state.who, language, min(WIDTHS)) as hand:
            state.reach(hand)
            for width in WIDTHS:
                hand.look(width)
                height = hand.page.evaluate("document.documentElement.scrollHeight")
                hand.page.set_viewport_size({"width": width, "height": height})  # what stays in sight covers nothing
                file = folder / f"{state.name}-{language}-{width}.png"
                hand.page.screenshot(path=file, full_page=True, animations="disabled", caret="hide")
            if hand.complaints:
                raise OperatorError(f"{state.name} is not as it should be: {hand.complaints[0]}")
    return len(states) * len(LANGUAGES) * len(WIDTHS)
