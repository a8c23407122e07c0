"""Spans hang together from sender to sender, tell how long a message was under way, and are off unless asked for."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import contracts
from messaging import database, outbox, tracing
from messaging.runtime import Delivery, Runtime
from tests.messaging.harness import Probe, service_published
from tests.messaging.probe.service import ProbeService

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
WAITED, ROUNDED = timedelta(seconds=3), timedelta(milliseconds=1)
NAME = "María"


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.set_up("probe", exporter)
    yield exporter
    _processor().shutdown()
    tracing.set_up("probe")


def _processor() -> Any:
    return tracing._tracer.span_processor  # type: ignore[union-attr]


def a_traced_message(name: str = "note") -> contracts.Message:
    message = service_published(name)
    told = {"traceparent": f"00-{TRACE}-{SPAN}-01", "time": datetime.now(UTC) - WAITED}
    return message.model_copy(update=told)


def apply(runtime: Runtime, message: contracts.Message) -> contracts.Message | None:
    """Apply a message and publish nothing; return its answer."""
    (committed,) = runtime.apply(ProbeService(), [Delivery(1, message.to_json(), redelivered=False)])
    with tracing.publishing(committed.publications):
        pass
    return contracts.parse(committed.publications[0].body) if committed.publications else None


def spans(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    _processor().force_flush()
    return {span.name.split()[0]: span for span in exporter.get_finished_spans()}


def moment(nanoseconds: int | None) -> datetime:
    """A span's beginning or end."""
    assert nanoseconds is not None
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)


def test_the_spans_of_a_message_belong_to_its_senders_trace(runtime: Runtime, exporter: InMemorySpanExporter) -> None:
    answer = apply(runtime, a_traced_message())

    found = spans(exporter)
    receive, process, publish = found["receive"], found["process"], found["publish"]
    assert trace.format_trace_id(receive.context.trace_id) == TRACE
    assert receive.parent is not None
    assert trace.format_span_id(receive.parent.span_id) == SPAN
    assert process.parent is not None
    assert process.parent.span_id == receive.context.span_id
    assert answer is not None
    assert answer.traceparent == f"00-{TRACE}-{trace.format_span_id(process.context.span_id)}-01"
    assert [link.context.span_id for link in publish.links] == [process.context.span_id]


def test_the_receive_span_is_as_long_as_the_message_was_under_way(
    runtime: Runtime, exporter: InMemorySpanExporter
) -> None:
    message = a_traced_message()
    before = datetime.now(UTC)
    apply(runtime, message)
    after = datetime.now(UTC)

    receive = spans(exporter)["receive"]
    assert abs(moment(receive.start_time) - message.time) < ROUNDED
    assert before - ROUNDED < moment(receive.end_time) < after + ROUNDED


def test_a_span_says_nothing_of_what_a_handler_raised(runtime: Runtime, exporter: InMemorySpanExporter) -> None:
    apply(runtime, a_traced_message(f"fail {NAME}"))

    process = spans(exporter)["process"]
    assert process.status.description is not None
    assert process.status.description.startswith("RuntimeError at service.py:")
    assert NAME not in str(json.loads(process.to_json()))  # in which no letter is written as its number
    assert process.events == ()


def test_a_refusal_is_part_of_the_trace(runtime: Runtime, exporter: InMemorySpanExporter) -> None:
    answer = apply(runtime, a_traced_message("refuse"))
    assert answer is not None
    assert answer.traceparent is not None
    assert answer.traceparent.split("-")[1] == TRACE


def test_tracing_is_off_unless_asked_for_and_hands_on_what_it_was_given(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    tracing.set_up("probe")

    answer = apply(runtime, a_traced_message())

    assert tracing._tracer is None
    assert answer is not None
    assert answer.traceparent == f"00-{TRACE}-{SPAN}-01"


def test_the_relay_links_what_it_publishes_to_what_wrote_it(
    probe: Probe, runtime: Runtime, exporter: InMemorySpanExporter
) -> None:
    apply(runtime, a_traced_message())
    exporter.clear()

    with database.connect(probe.database_url) as connection:
        left = outbox.backlog(connection, exchange="hub", patience="0 seconds", limit=10)
    with tracing.publishing([one.publication for one in left]):
        pass

    (link,) = spans(exporter)["publish"].links
    assert trace.format_trace_id(link.context.trace_id) == TRACE
