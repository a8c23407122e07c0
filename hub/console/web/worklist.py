"""All that needs somebody for one reason of Hoy: the same rows, as many as Hoy counts, and as a file."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from starlette.responses import Response

from hub.console.store import cases, work
from hub.console.store.cases import Viewer
from hub.console.store.work import AfterWork, Bucket
from hub.console.web import exporting, holding, showing, today
from hub.console.web.errors import Stopped
from hub.console.web.saying import day_of
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit

AT_ONCE: Final = 50  # rows of a page


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        viewer, say = showing.viewer_of(visit, settings), showing.saying(visit, settings)
        bucket, after = _bucket(visit, viewer), read(visit.query)
        day, (is_mine, held_by) = day_of(say.now), today.whose(visit, say)
        with cases.promptly(visit.tx):
            many = work.counts(visit.tx, viewer, day, held_by=held_by)[bucket]
            found = work.work(visit.tx, viewer, day, bucket, after=after, limit=AT_ONCE + 1, held_by=held_by)
            of_page = today.rows_of(visit, viewer, {bucket: found[:AT_ONCE]})
        (group,) = today.groups_of(visit, settings, of_page, {bucket: many})
        rows = group.rows
        visit.note("work_seen", people=[row["code"] for row in rows], count=len(rows))
        has_more = len(found) > AT_ONCE
        return visit.page(
            "work.html",
            say=say,
            group=group,
            is_first=after is None,
            held=holding.held(visit, rows),
            file=today.path_of(bucket, is_mine, to=today.FILE),
            back=today.path_of(None, is_mine),
            next=today.path_of(bucket, is_mine, after=work.last_of(bucket, rows[-1])) if has_more else None,
        )

    def export(visit: Visit) -> Response:
        viewer, say = showing.viewer_of(visit, settings), showing.saying(visit, settings)
        bucket, (_, held_by) = _bucket(visit, viewer), today.whose(visit, say)
        limit = exporting.AT_MOST + 1
        found = work.work(visit.tx, viewer, day_of(say.now), bucket, limit=limit, held_by=held_by)
        return exporting.answer(visit, say, "hoy", found, reason=bucket.value)

    return (
        Screen("work", f"{today.PATH}/{{bucket}}", get=show, act="work_seen"),
        Screen("work_file", f"{today.PATH}/{{bucket}}{today.FILE}", get=export, act="referrals_exported"),
    )


def read(query: Mapping[str, str]) -> AfterWork | None:
    """Behind which row an address asks for more. Raises Stopped where it means nothing."""
    if not query.get(today.AFTER):
        return None
    said, _, id = query[today.AFTER].partition("~")
    try:
        at = None if said == today.NO_TIME else datetime.fromisoformat(said)
        after = AfterWork(at, UUID(id))
    except ValueError:
        raise Stopped("not_found") from None
    if at is not None and at.tzinfo is None:
        raise Stopped("not_found")
    return after


def _bucket(visit: Visit, viewer: Viewer) -> Bucket:
    """The reason that an address names. Raises Stopped where there is none such, or not for the viewer."""
    found = next((one for one in work.buckets(viewer) if one == visit.path_params["bucket"]), None)
    if found is None:
        raise Stopped("not_found")
    return found
