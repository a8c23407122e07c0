"""Serves the console's pages as they are, but to who searches and opens more than anybody may: each is counted as ever.

python -m bench.console.serving
"""

import sys
from typing import Final

from hub.console.web import pace
from hub.console.web.pace import Pace

WIDE: Final = Pace(at_once=1_000_000, every=0.001)
OF: Final = ("OF_A_PERSON", "OF_AN_ORGANISATION", "OPENED_BY_A_PERSON", "OPENED_BY_AN_ORGANISATION")


def widen() -> None:
    """Before the pages are imported, which take the numbers then."""
    for name in OF:
        assert isinstance(getattr(pace, name), Pace)
        setattr(pace, name, WIDE)


def main() -> int:
    """Serve until SIGTERM or SIGINT; 1 if that cannot be."""
    widen()
    from hub.console.web.__main__ import main as serve

    return serve()


if __name__ == "__main__":
    sys.exit(main())
