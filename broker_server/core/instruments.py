"""What a worker watches itself with; made once, handed to the parts that do something worth watching."""

from __future__ import annotations

from dataclasses import dataclass, field

from broker_server.core.measuring import Meter
from broker_server.core.tracing import NoTraces, Tracer


@dataclass(frozen=True, slots=True)
class Instruments:
    """The meter, and the tracer, which follows nothing unless traces are on."""

    meter: Meter = field(default_factory=Meter)
    tracer: Tracer = field(default_factory=NoTraces)
