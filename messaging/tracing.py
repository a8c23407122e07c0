"""Traces that follow a message from sender to sender: OpenTelemetry spans, with the context carried in the envelope.

Off, and free of cost, unless OTEL_EXPORTER_OTLP_ENDPOINT is set; then the trace context of incoming messages is still
handed on to what they cause. Spans carry ids, types and codes, nothing else.
"""

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import contracts
from messaging import confidential
from messaging.broker import Publication
from messaging.log import describe

FLUSH_WITHIN = 1.5  # seconds for the last spans, when a process ends

_propagator = TraceContextTextMapPropagator()
_provider: TracerProvider | None = None
_tracer: trace.Tracer | None = None
_NO_SPAN: AbstractContextManager[None] = nullcontext()


def set_up(process: str, exporter: SpanExporter | None = None) -> None:
    """Switch tracing on for this process when an exporter is given or OTEL_EXPORTER_OTLP_ENDPOINT is set."""
    global _provider, _tracer
    if exporter is None and os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        # not needed, and slow to import, where traces go nowhere
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter()
    if exporter is None:
        _provider = _tracer = None
        return
    # Not at exit: a process that was forked does not come there, and any other would wait long for a silent collector.
    _provider = TracerProvider(resource=Resource.create({"service.name": process}), shutdown_on_exit=False)
    _provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = _provider.get_tracer("ruta")


def shut_down() -> None:
    """Send the last spans before the process ends, as far as that takes no longer than FLUSH_WITHIN."""
    if _provider is not None:
        flushing = threading.Thread(target=_provider.shutdown, daemon=True)
        flushing.start()
        flushing.join(FLUSH_WITHIN)


def processing(message: contracts.Message, received_at: datetime) -> AbstractContextManager[None]:
    """Put the block into a `process` span, below a `receive` span as long as the message was under way.

    The `receive` span begins when the sender made the message, so the time spent in queues is its length.
    """
    return _NO_SPAN if _tracer is None else _processing(_tracer, message, received_at)


def taken_up(message: contracts.Message, received_at: datetime, refused: Exception | None = None) -> None:
    """Note the same two spans of a message that was decided on at once, and why it was refused."""
    with suppress(Exception), processing(message, received_at):
        if refused is not None:
            raise refused  # through the span, which says so


@contextmanager
def _processing(tracer: trace.Tracer, message: contracts.Message, received_at: datetime) -> Iterator[None]:
    parent = _propagator.extract({"traceparent": message.traceparent}) if message.traceparent else None
    attributes, contract = _attributes(message), _contract(message)
    sent_at = min(message.time, received_at)
    waited = tracer.start_span(
        f"receive {contract}", parent, trace.SpanKind.CONSUMER, attributes, start_time=_nanoseconds(sent_at)
    )
    waited.end(_nanoseconds(received_at))
    with _span(f"process {contract}", trace.set_span_in_context(waited), trace.SpanKind.INTERNAL, attributes):
        yield


@contextmanager
def publishing(publications: Sequence[Publication]) -> Iterator[None]:
    """Put the block that publishes messages, and waits for their confirms, into a span linked to what wrote each."""
    if _tracer is None or not publications:
        yield
        return
    links = [trace.Link(context) for one in publications if (context := _written_in(one)).is_valid]
    attributes: dict[str, str | int] = {
        "messaging.system": "rabbitmq",
        "messaging.batch.message_count": len(publications),
    }
    with _span("publish", Context(), trace.SpanKind.PRODUCER, attributes, links):
        yield


def _written_in(publication: Publication) -> trace.SpanContext:
    parent = json.loads(publication.body).get("traceparent")
    return trace.get_current_span(_propagator.extract({"traceparent": parent} if parent else {})).get_span_context()


@contextmanager
def _span(
    name: str,
    context: Context,
    kind: trace.SpanKind,
    attributes: Mapping[str, str | int],
    links: Sequence[trace.Link] = (),
) -> Iterator[None]:
    """Open a span that, of an exception, keeps its class and place: what it says may quote a person."""
    assert _tracer is not None
    with _tracer.start_as_current_span(
        name, context, kind, attributes, links, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except BaseException as error:
            span.set_status(trace.StatusCode.ERROR, describe(error))
            raise


def traceparent(cause: contracts.Message | None) -> str | None:
    """Return the trace context that a message made now should carry."""
    if _tracer is None:
        return cause.traceparent if cause else None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent") or (cause.traceparent if cause else None)


def _attributes(message: contracts.Message) -> dict[str, str]:
    """Of what says that its case is confidential, the family of its contract alone, and not whose it is."""
    source = {} if confidential.says_so(message) else {"ruta.source": message.source}
    return {
        "messaging.system": "rabbitmq",
        "messaging.message.id": str(message.id),
        "messaging.message.conversation_id": str(message.correlationid),
        "ruta.contract": _contract(message),
        **source,
    }


def _contract(message: contracts.Message) -> str:
    return message.type.partition(".")[0] if confidential.says_so(message) else message.type


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000_000)
