"""What pages and files are sent as: compressed, where that gives nothing away.

How long a compressed page is tells whether something in it repeats what was in its address (BREACH). So nothing secret
repeats: the token of its forms is masked anew in each page, and the cookie is in none. What else is not for everybody,
such as codes of cases, stands in pages that another site can have asked for, by a link with an address of its choice,
but not read: those are sent as they are.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

LEVEL: Final = 6  # of 9: beyond it a page takes longer and hardly gets smaller
ELSEWHERE: Final = frozenset({"cross-site", "same-site"})


class Compressing:
    """ASGI middleware that compresses what is answered to whom takes it so."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._compressed = GZipMiddleware(app, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request: as it is, where it comes from a page that is not ours."""
        is_from_elsewhere = scope["type"] == "http" and Headers(scope=scope).get("sec-fetch-site") in ELSEWHERE
        await (self._plain if is_from_elsewhere else self._compressed)(scope, receive, send)
