"""Runs the reader of inboxes so that it kills itself once messages are committed, before it acknowledges them."""

import os
import signal
import sys

from hub.console.inbox import __main__ as inbox
from hub.console.inbox import reader
from hub.console.inbox.reading import Inbox


def die(inbox: Inbox, through: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    reader.acknowledge = die
    sys.exit(inbox.main())
