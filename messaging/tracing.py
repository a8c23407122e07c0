"""Traces that follow a message from sender to sender: OpenTelemetry spans, with the context carried in the envelope.

Off, and free of cost, unless OTEL_EXPORTER_OTLP_ENDPOINT is set; then the trace context of incoming messages is still
handed on to what they cause. Spans carry ids, types and codes, nothing else.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import contracts

_propagator = TraceContextTextMapPropagator()
_tracer: trace.Tracer | None = None


def set_up(process: str, exporter: SpanExporter | None = None) -> None:
    """Switch tracing on for this process when an exporter is given or OTEL_EXPORTER_OTLP_ENDPOINT is set."""
    global _tracer
    if exporter is None and os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        # not needed, and slow to import, where traces go nowhere
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter()
    if exporter is None:
        _tracer = None
        return
    provider = TracerProvider(resource=Resource.create({"service.name": process}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = provider.get_tracer("ruta")


@contextmanager
def processing(message: contracts.Message, received_at: datetime) -> Iterator[None]:
    """Put the block into a `process` span, below a `receive` span as long as the message was under way.

    The `receive` span begins when the sender made the message, so the time spent in queues is its length.
    """
    if _tracer is None:
        yield
        return
    parent = _propagator.extract({"traceparent": message.traceparent}) if message.traceparent else None
    attributes = _attributes(message)
    sent_at = min(message.time, received_at)
    waited = _tracer.start_span(
        f"receive {message.type}", parent, trace.SpanKind.CONSUMER, attributes, start_time=_nanoseconds(sent_at)
    )
    waited.end(_nanoseconds(received_at))
    with _tracer.start_as_current_span(
        f"process {message.type}", trace.set_span_in_context(waited), trace.SpanKind.INTERNAL, attributes
    ):
        yield


@contextmanager
def publishing(count: int) -> Iterator[None]:
    """Put the block that publishes `count` messages, and waits for their confirms, into a span."""
    if _tracer is None:
        yield
        return
    with _tracer.start_as_current_span(
        "publish", kind=trace.SpanKind.PRODUCER, attributes={"messaging.batch.message_count": count}
    ):
        yield


def traceparent(cause: contracts.Message | None) -> str | None:
    """Return the trace context that a message made now should carry."""
    if _tracer is None:
        return cause.traceparent if cause else None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


def _attributes(message: contracts.Message) -> dict[str, str]:
    return {
        "messaging.system": "rabbitmq",
        "messaging.message.id": str(message.id),
        "messaging.message.conversation_id": str(message.correlationid),
        "ruta.contract": message.type,
        "ruta.source": message.source,
    }


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000_000)
