"""The application: its screens, what answers to which path, and what lives as long as the process."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from hub.console import presence
from hub.console.store import acts
from hub.console.web import (
    absences,
    acting,
    agenda,
    answers,
    case,
    chasing,
    compressing,
    drafts,
    emergency,
    enrolling,
    entering,
    exporting,
    holding,
    home,
    kept,
    listing,
    notices,
    pages,
    permissions,
    recovering,
    redirecting,
    searching,
    today,
    views,
    who_saw,
    words,
    worklist,
)
from hub.console.web.errors import Stopped
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.shell import AT_ONCE, NOTHING, STOPPED, Serving, Shell, stopped_page
from hub.gateway.audit import store
from hub.gateway.http.problems import LANGUAGES
from hub.monitor.web import (
    alerts,
    auditing,
    failures,
    messages,
    operation,
    organisations,
    queues,
    replays,
    state,
    story,
    topology,
    waits,
)
from messaging import database
from messaging.database import BoundedConnection
from messaging.health import health
from messaging.log import describe, fields
from messaging.pool import works
from messaging.topology import CONSOLE_WEB

log = logging.getLogger("ruta.console")

ANSWERS_WITHIN = 2.0  # seconds until a connection of the pool is there, and is known to work
PAGE_WITHIN = 6.0  # seconds for each answer to a page: one more than the database itself allows a statement
# After this it is tried anew by whoever asks. The pool's own pauses double: a database that was away for minutes would
# stay away for minutes more.
RECONNECTS_FOR = 2.0  # seconds
COPY_EVERY = 1.0  # seconds: so much of its tail the audit's copy may lack
DROP_EVERY = 60.0  # seconds: so much longer than it says may stay what was typed
PART = "audit"
# Plans are made for what is asked: what is right for one organisation is wrong for another that has a thousandth of it.
# A page reads few rows, by their index: not many that happen to lie side by side, and with no other process's help.
OPTIONS = (
    "-c statement_timeout=5s -c idle_in_transaction_session_timeout=10s -c timezone=UTC "
    "-c plan_cache_mode=force_custom_plan -c random_page_cost=1.1 -c max_parallel_workers_per_gather=0"
)
STATIC = "/static/{digest}/{name}"
STOPPED_AT = f"{STOPPED}/{{code}}"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]  # which of them it knows a page says by itself


def all_screens(settings: Settings) -> Sequence[Screen]:
    """Every page."""
    return (
        *home.screens(settings),
        *today.screens(settings),
        *worklist.screens(settings),
        *agenda.screens(settings),
        *searching.screens(settings),
        *listing.screens(settings),
        *views.screens(settings),
        *exporting.screens(settings),
        *case.screens(settings),
        *who_saw.screens(settings),
        *redirecting.screens(settings),
        *acting.screens(settings),
        *chasing.screens(settings),
        *holding.screens(settings),
        *absences.screens(settings),
        *entering.screens(settings),
        *emergency.screens(settings),
        *enrolling.screens(settings),
        *recovering.screens(settings),
        *notices.screens(settings),
        *drafts.screens(settings),
        *state.screens(settings),
        *queues.screens(settings),
        *waits.screens(settings),
        *organisations.screens(settings),
        *topology.screens(settings),
        *alerts.screens(settings),
        *messages.screens(settings),
        *story.screens(settings),
        *failures.screens(settings),
        *operation.screens(settings),
        *replays.screens(settings),
        *auditing.screens(settings),
        NOTHING,
    )


def make_app(settings: Settings) -> Starlette:
    """Make the application. Raises permissions.UndeclaredError where a route has no permission."""
    screens = all_screens(settings)
    permissions.check(("static", "stopped", *(one.name for one in screens)))
    for language in LANGUAGES:  # what cannot be read keeps it from starting, and no request waits for it
        words.translations(language)
    pool = _pool(settings)
    serving = Serving(settings, pool, screens, emergency.Emergency(settings, screens).answer)
    here = presence.Presence(CONSOLE_WEB)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        pool.open(wait=False)
        tasks = [
            asyncio.create_task(_every(COPY_EVERY, _copy_now, settings, serving)),
            asyncio.create_task(_every(DROP_EVERY, _drop_old, pool)),
            asyncio.create_task(_every(presence.EVERY, here.try_to_say, pool.connection, settings.organisations)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await asyncio.to_thread(_copy_now, settings, serving)
            await asyncio.to_thread(serving.stop)
            await asyncio.to_thread(pool.close, ANSWERS_WITHIN)

    app = Starlette(
        routes=routes(screens, serving),
        middleware=[Middleware(Shell, settings=settings), Middleware(compressing.Compressing)],
        exception_handlers={HTTPException: _raise_as_stopped},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def _pool(settings: Settings) -> Any:
    return ConnectionPool(
        settings.database_url,
        connection_class=BoundedConnection,
        min_size=1,
        max_size=AT_ONCE,
        timeout=ANSWERS_WITHIN,
        open=False,
        reconnect_timeout=RECONNECTS_FOR,
        check=works(ANSWERS_WITHIN, PAGE_WITHIN),
        kwargs={
            "row_factory": dict_row,
            "connect_timeout": 2,
            "application_name": "console-web",
            "options": OPTIONS,
        },
    )


def routes(screens: Sequence[Screen], serving: Serving) -> list[BaseRoute]:
    """Everything that is answered; the last one has every other path."""
    return [
        Route(STATIC, _static, methods=["GET"]),
        Route(STOPPED_AT, _stopped(serving.settings), methods=METHODS),
        *(Route(one.path, _endpoint(one, serving), methods=METHODS, name=one.name) for one in screens),
    ]


def _endpoint(screen: Screen, serving: Serving) -> Any:
    async def answer(request: Request) -> Response:
        return await serving.answer(screen, request)

    return answer


def _stopped(settings: Settings) -> Any:
    async def answer(request: Request) -> Response:
        return stopped_page(request, settings)

    return answer


async def _static(request: Request) -> Response:
    try:
        digest, content, media_type = pages.file(request.path_params["name"])
    except KeyError:
        raise Stopped("not_found") from None
    if digest != request.path_params["digest"]:
        raise Stopped("not_found")
    forever = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(content, media_type=media_type, headers=forever)


async def _raise_as_stopped(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    raise Stopped("method_not_allowed" if error.status_code == 405 else "not_found") from None


async def _every(seconds: float, do: Callable[..., None], *arguments: object) -> None:
    while True:
        await asyncio.to_thread(do, *arguments)
        await asyncio.sleep(seconds)


def _drop_old(pool: Any) -> None:
    """Drop what was typed, and nobody has come back for."""
    try:
        with pool.connection() as tx:
            kept.drop_old(tx)
            answers.drop_old(tx)
            acts.drop_old(tx)
    except Exception as error:
        log.warning("what was typed too long ago cannot be dropped", extra=fields(error=describe(error)))


def _copy_now(settings: Settings, serving: Serving) -> None:
    """Keep the copy of the audit's checkpoints up with what is appended."""
    if not serving.has_appended:
        return
    serving.has_appended = False
    try:
        with database.connect(settings.database_url) as connection:
            store.copy(connection, settings.audit)
    except Exception as error:
        serving.has_appended = True  # it is tried again
        log.warning("the audit's checkpoints cannot be copied", extra=fields(error=describe(error)))
        health.say(PART, "unwritten", describe(error))
    else:
        health.over(PART)
