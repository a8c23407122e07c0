"""Runs the reader of hosted organisations' inboxes.

python -m hub.console.inbox     (the environment of hub/console/beginning.py)
"""

import sys
import threading
from typing import Final

from hub.console import beginning
from hub.console.inbox.reader import LOOK_EVERY, Readers
from messaging import log as logs

NAME: Final = "console-inbox"
PART: Final = "readers"


def main() -> int:
    """Read until SIGTERM or SIGINT; 1 if it ends before that."""
    logs.set_up(NAME)
    where = beginning.places()
    readers = Readers(where.database_url, where.organisations, where.credentials, where.url)

    def look(stopping: threading.Event) -> None:
        readers.look()
        stopping.wait(LOOK_EVERY)

    return beginning.go_on(NAME, PART, where, look, readers.stop)


if __name__ == "__main__":
    sys.exit(main())
