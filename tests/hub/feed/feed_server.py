"""Serves the inbox alone, with real keys: what the whole entrance does before and behind it is not tried here.

    python -m tests.hub.feed.feed_server postgresql://…     prints the port that it listens on

CONSTANTS are as tests/messaging/tampered.py has them.
"""

import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from types import FrameType

import psycopg_pool
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hub.gateway.http import feed, keys
from hub.gateway.http.problems import Problem, language_of, response
from hub.gateway.http.signals import Signals
from messaging import log
from messaging.topology import read


class WithKeys:
    """Finds out who calls, and answers with problems, as the entrance does."""

    def __init__(self, app: Starlette) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        try:
            scope[keys.CALLER] = await self.app.state.keys.check(scope, headers)
        except Problem as problem:
            for message in response(problem, language_of(headers), "request"):
                await send(message)
            return
        await self.app(scope, receive, send)


async def answer(request: Request, error: Exception) -> Response:
    """Answer with a problem that an endpoint has raised."""
    assert isinstance(error, Problem)
    start, body = response(error, language_of(dict(request.scope["headers"])), "request")
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return Response(body["body"], start["status"], headers)


def make_app(database_url: str) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        organisations = read().organisations
        async with (
            psycopg_pool.AsyncConnectionPool(database_url, min_size=1, max_size=4, open=False) as pool,
            Signals(database_url) as signals,
        ):
            app.state.pool, app.state.signals = pool, signals
            app.state.keys = keys.Keys(pool, lambda: organisations, lambda key, day: None)
            yield

    return Starlette(routes=feed.routes, lifespan=lifespan, exception_handlers={Problem: answer})


class Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        app.state.signals.end()
        super().handle_exit(sig, frame)


if __name__ == "__main__":
    for name, value in json.loads(os.environ.get("CONSTANTS", "{}")).items():
        module, _, constant = name.rpartition(".")
        assert hasattr(import_module(module), constant), name
        setattr(import_module(module), constant, value)
    log.set_up("feed")
    app = make_app(sys.argv[1])
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(WithKeys(app), http="httptools", loop="uvloop", access_log=False, log_config=None)
    Server(config).run([listening])
