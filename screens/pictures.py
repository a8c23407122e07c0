"""`./ruta screenshots DIR`: a picture of every state of every page, in both languages, small and large."""

import shutil
import tempfile
from itertools import product
from pathlib import Path

from deploy.local import Stack
from screens.console import ShownConsole
from screens.states import STATES
from screens.visiting import LANGUAGES, WIDTHS, visits


def take(folder: Path) -> int:
    """Write the pictures, `STATE-LANGUAGE-WIDTH.png`; returns how many. Raises OperatorError, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="ruta-screens-"))
    directory.chmod(0o711)  # the embedded PostgreSQL of root runs as another user, who has to pass
    many = 0
    try:
        with (
            Stack(directory / "servers", environment={}, database_only=True) as stack,
            ShownConsole(stack, directory / "console") as console,
            visits(console) as browsers,
        ):
            for state, language in product(STATES, LANGUAGES):
                with browsers.of(state.who, language, min(WIDTHS)) as hand:
                    state.reach(hand)
                    for width in WIDTHS:
                        hand.look(width)
                        file = folder / f"{state.name}-{language}-{width}.png"
                        hand.page.screenshot(path=file, full_page=True, animations="disabled", caret="hide")
                        many += 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return many
