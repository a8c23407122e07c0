"""A small application behind the strict protocol, as a process of its own.

python -m tests.hub.http.standin LISTEN [LIMITS]        (limits of strict.Limits as JSON; RUTA_HTTP_* as the hub's)
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from hub.gateway.http import serving, strict

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
        await asyncio.Event().wait()

    return StreamingResponse(lines(), media_type="text/event-stream")


async def page(_: Request) -> Response:
    """A long answer that ends."""
    return Response(b"x" * 1_000_000)


def make() -> Starlette:
    """The application."""
    return Starlette(
        routes=[
            Route("/count", count, methods=["GET", "POST"]),
            Route("/asked", how_many),
            Route("/deaf", deaf, methods=["POST"]),
            Route("/waiting", waiting),
            Route("/events", events),
            Route("/page", page),
        ]
    )


def main(listens: str, limits: str = "{}") -> int:
    """Serve it."""
    return serving.run("standin", make, listens, limits=strict.Limits(**json.loads(limits)))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
