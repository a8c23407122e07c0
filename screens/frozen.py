"""The console's pages at a moment that stands still, with codes that are the same each time: two runs look the same.

python -m screens.frozen [SECONDS]     (the environment of `hub.console.web`; after how many pages ask again)

Nobody comes in by it but a browser of ours, to cases and people that are invented.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from typing import Final
from unittest.mock import patch

from starlette.responses import Response

from hub.console.store import acts
from hub.console.web import acting, credentials, listing, shell
from hub.console.web.__main__ import main
from messaging import clock

NOW: Final = datetime(2026, 11, 24, 14, 12, tzinfo=UTC)  # a Tuesday, 9:12 in Barranquilla
SECRET: Final = "RUTAPANTALLASINVENTADAS234567AAA"  # of every authenticator
REQUEST: Final = "0192f0c8a1b27c3d8e4f5a6b7c8d9e0f"  # the number on pages of errors
LOOKS_AGAIN: Final = 3600  # seconds: a page that asks again of itself keeps still meanwhile
ROWS: Final = 12  # of a page of a list: a picture has room for them


@contextmanager
def still(seed: int = 0, looks_again: int = LOOKS_AGAIN) -> Iterator[None]:
    """Within the block it is always NOW, and whatever a page shows that is otherwise left to chance is not."""
    chance = Random(seed)  # noqa: S311 - on purpose

    def new_code(groups: int) -> str:
        return "-".join("".join(chance.choice(credentials.ALPHABET) for _ in range(4)) for _ in range(groups))

    made: Callable[..., Response] = shell.error_page
    with (
        patch.object(clock, "machine_now", lambda: NOW),
        patch.object(acts, "now", lambda _: NOW),
        patch.object(credentials, "new_code", new_code),
        patch.object(credentials, "new_totp_secret", lambda: SECRET),
        patch.object(shell, "error_page", lambda code, language, _, *form_at: made(code, language, REQUEST, *form_at)),
        patch.object(listing, "AT_ONCE", ROWS),
        patch.object(acting, "SOON", looks_again),
    ):
        yield


if __name__ == "__main__":
    with still(looks_again=int(sys.argv[1]) if sys.argv[1:] else LOOKS_AGAIN):
        sys.exit(main())
