"""Runs custody so that it kills itself once an entry of the audit is committed, before anything is opened."""

import os
import signal
import sys
from typing import Any

from hub.console.custody import __main__ as custody
from hub.console.custody import recording

commit = recording.commit


def commit_and_die(connection: Any) -> None:
    commit(connection)
    (entry,) = connection.execute("select act from audit_entry order by number desc limit 1").fetchall()
    if entry["act"] == "opened":
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    recording.commit = commit_and_die
    sys.exit(custody.main())
