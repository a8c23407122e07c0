"""The application: what answers to which path, and what lives as long as the process."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Route

from hub.gateway.admission import Members
from hub.gateway.http import feed, key_directory, messages, openapi, problems
from hub.gateway.http.accepting import Accepting
from hub.gateway.http.delivered import Pool
from hub.gateway.http.entrance import Entrance
from hub.gateway.http.keys import Keys
from hub.gateway.http.limits import InUse, Limits
from hub.gateway.http.problems import Problem
from hub.gateway.http.refusals import Refusals
from hub.gateway.http.signals import Signals
from hub.gateway.settings import setting
from messaging import database, register
from messaging.public_keys import KeyIds, PublicKeys
from messaging.topology import ENVIRONMENTS, Organisation

POOL = 4  # connections for what is read
ANSWERS_WITHIN = 2.0  # seconds until a connection of the pool is there
OPTIONS = f"-c statement_timeout=5s -c idle_in_transaction_session_timeout={database.IDLE_WITHIN} -c timezone=UTC"
CONNECTED_WITHIN = 5.0  # seconds that the start waits for the database: it serves without it, too
_CODE = re.compile(r"[a-z][a-z0-9_]{1,60}")


@dataclass(frozen=True)
class Settings:
    """What the application has to know."""

    database_url: str
    amqp_url: str
    organisations: Callable[[], Mapping[str, Organisation]]
    """Who takes part at a moment."""
    keys: Callable[[], KeyIds] = dict
    """Everybody's public keys, as they are at the moment."""
    limits: Limits = field(default_factory=Limits)
    """Of everybody who has none of its own."""
    environment: str = ENVIRONMENTS[0]

    def members(self) -> Members:
        """Who takes part, with the keys of this moment."""
        return Members(self.organisations(), self.keys())

    def limits_of(self, organisation: str) -> Limits:
        """What the keys of an organisation may ask."""
        one = self.organisations().get(organisation)
        return self.limits if one is None else self.limits.of(one)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read it; raises SettingError, ValueError, TopologyError or DirectoryError, each with one sentence."""
        directory = environment.get("RUTA_DIRECTORY_FILE")
        network, organisations = register.of_environment(environment)
        return cls(
            setting("GATEWAY_DATABASE_URL", environment),
            setting("GATEWAY_HUB_AMQP_URL", environment),
            organisations,
            PublicKeys(Path(directory)).ids if directory else dict,
            Limits.from_environment(environment),
            network.environment,
        )


def make_app(settings: Settings) -> Starlette:
    """Make the application; everything it needs is opened when it starts, and closed when it ends."""
    refusals = Refusals()
    accepting = Accepting(settings.database_url, settings.amqp_url, settings.limits, refusals)
    signals = Signals(settings.database_url)
    pool, keys_pool = _pool(settings, POOL), _pool(settings, 1)  # whatever pages take, keys are read

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        accepting.start(asyncio.get_running_loop())
        await pool.open(wait=False)
        await keys_pool.open(wait=False)
        await asyncio.to_thread(accepting.connected.wait, CONNECTED_WITHIN)
        try:
            async with signals:
                # Streams end, and who waits is answered, when the process begins to stop: it waits for them.
                ending = asyncio.create_task(_end_with(app, signals))
                yield
                ending.cancel()
        finally:
            await asyncio.to_thread(accepting.stop)
            await pool.close(timeout=ANSWERS_WITHIN)
            await keys_pool.close(timeout=ANSWERS_WITHIN)

    app = Starlette(
        routes=routes(),
        middleware=[Middleware(Entrance)],
        exception_handlers={HTTPException: _raise_as_problem},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # a path that is none is 404, and never leads to another
    app.state.members = settings.members
    app.state.pool = pool
    app.state.accepting = accepting
    app.state.refusals = refusals
    app.state.in_use = InUse()
    app.state.limits_of = settings.limits_of
    app.state.signals = signals
    app.state.outcome_of = feed.outcome_of
    app.state.keys = Keys(keys_pool, settings.organisations, accepting.used, settings.environment)
    return app


def _pool(settings: Settings, most: int) -> Pool:
    return AsyncConnectionPool(
        settings.database_url,
        min_size=1,
        max_size=most,
        timeout=ANSWERS_WITHIN,
        open=False,
        check=AsyncConnectionPool.check_connection,  # after a restart of the database, none of those it had is good
        kwargs={"connect_timeout": 2, "options": OPTIONS},
    )


async def _end_with(app: Starlette, signals: Signals) -> None:
    """End the signals once the server says that it stops (serving.py)."""
    if (stopping := getattr(app.state, "stopping", None)) is not None:
        await stopping.wait()
        signals.end()


def routes() -> list[BaseRoute]:
    """Everything that is answered."""
    return [
        Route(messages.PATH, messages.Post(), methods=["POST"]),
        *feed.routes,
        Route(key_directory.PATH, key_directory.read, methods=["GET"]),
        Route(openapi.PATH, openapi.read, methods=["GET"]),
        Route("/problems/{code}", problem_page, methods=["GET"]),
    ]


async def _raise_as_problem(_: Request, error: Exception) -> HTMLResponse:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "internal")
    raise Problem(error.status_code if code != "internal" else 500, code, headers=error.headers) from None


async def problem_page(request: Request) -> HTMLResponse:
    """What a problem's `type` leads to, in both languages; of the code of an outcome, what each service means by it."""
    code = request.path_params["code"]
    page = problems.page(code) if _CODE.fullmatch(code) else None
    if page is None:
        raise Problem(404, "not_found")
    return HTMLResponse(page, headers={"Content-Security-Policy": "default-src 'none'"})
