"""A small application behind the strict protocol, as a process of its own.

python -m tests.hub.http.standin LISTEN [LIMITS [FAULT]]      (connection_limits.Limits as JSON; a name of FAULTS;
                                                               RUTA_HTTP_* as the hub's)
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from hub.gateway.http import places, serving
from hub.gateway.http.connection_limits import Limits
from hub.gateway.http.places import KNOWN, Place, Places

LINE = b"data: " + b"x" * 1000 + b"\n\n"
asked = 0


async def count(request: Request) -> JSONResponse:
    """How many bytes the body has, and which headers there are when it has come."""
    body = await request.body()
    return JSONResponse({"bytes": len(body), "path": request.url.path, "headers": sorted(request.headers)})


async def how_many(_: Request) -> JSONResponse:
    """How many requests have come to `deaf`."""
    return JSONResponse(asked)


async def deaf(_: Request) -> Response:
    """Answer without reading the body."""
    global asked
    asked += 1
    return Response(status_code=401)


async def known(request: Request) -> Response:
    """Answer as to somebody whose key is good, of the organisation of `?of=`."""
    request.scope[KNOWN](request.query_params["of"])
    return JSONResponse("known")


class Refusals:
    """What the server refuses before it comes here."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def note(self, organisation: str | None, code: str, _: datetime) -> None:
        """Count one."""
        self.counts[f"{organisation} {code}"] += 1


async def refused(request: Request) -> JSONResponse:
    """How often what was refused."""
    return JSONResponse(request.app.state.refusals.counts)


async def waiting(request: Request) -> Response:
    """Answer when the process is asked to stop."""
    await request.app.state.stopping.wait()
    return JSONResponse("answered")


async def events(request: Request) -> StreamingResponse:
    """A stream without an end; with `?flood` faster than anybody reads, else one event."""

    async def lines() -> AsyncIterator[bytes]:
        yield LINE
        while "flood" in request.query_params:
            yield LINE
            await asyncio.sleep(0)  # as one that asks a database in between
            if request.app.state.stopping.is_set():
                return
        await request.app.state.stopping.wait()

    return StreamingResponse(lines(), media_type="text/event-stream")


async def page(request: Request) -> Response:
    """A long answer that ends; with `?bytes=` so long."""
    return Response(b"x" * int(request.query_params.get("bytes", 1_000_000)))


def make() -> Starlette:
    """The application."""
    app = Starlette(
        routes=[
            Route("/count", count, methods=["GET", "POST"]),
            Route("/asked", how_many),
            Route("/deaf", deaf, methods=["POST"]),
            Route("/waiting", waiting),
            Route("/events", events),
            Route("/page", page),
            Route("/known", known),
            Route("/refused", refused),
        ]
    )
    app.state.refusals = Refusals()
    return app


def _take_and_free(self: Places, address: str) -> Place | None:
    place = Place(self, address, None)
    place.leave()
    return place


# Planted: what each makes of the server, the tests have to notice.
FAULTS: dict[str, tuple[object, str, object]] = {
    "nobody makes room": (Places, "_make_room", lambda _, error, *__: error),
    "addresses are not told apart": (places, "network_of", lambda _: "all"),
    "each connection has an address": (places, "network_of", lambda _: str(time.monotonic_ns())),
    "nothing is counted": (Places, "take", _take_and_free),
    "who is known stays a stranger": (Place, "known", lambda *_: None),
    "who rests makes no room": (Place, "rests", lambda _: None),
    "who works makes room": (Place, "works", lambda _: None),
    "who makes room is whoever came first": (places, "_count_for", lambda *_: None),
}


def main(listens: str, limits: str = "{}", fault: str | None = None) -> int:
    """Serve it, with a fault of these if one is named."""
    if fault is not None:
        setattr(*FAULTS[fault])
    return serving.run("standin", make, listens, limits=Limits(**json.loads(limits)))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
