"""Topics through Ray Data's reader, where a Ray runs: one task per partition."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import ray
import ray.data

from mlray.data.on_kafka import consumer_settings
from mlray.spec import SourceSpec

__all__ = ["messages_on_ray", "ray_runs"]


def ray_runs() -> bool:
    """Tell whether this process is connected to a Ray."""
    return bool(ray.is_initialized())


def messages_on_ray(spec: SourceSpec, spans: Mapping[int, tuple[int, int]], patience: float) -> dict[int, Any]:
    """Return partition → a pyarrow.Table of `offset` and `value`, in order, of the messages between the two offsets.

    The reader does not know that offsets may be missing at the end of a partition; after `patience` seconds it gives
    what it has, and the caller reads the rest.
    """
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    topic = str(spec.topic)
    read = ray.data.read_kafka(
        topic,
        bootstrap_servers=(spec.kafka or "").split(","),
        start_offset={topic: {partition: start for partition, (start, _) in spans.items()}},
        end_offset={topic: {partition: end for partition, (_, end) in spans.items()}},
        consumer_config=consumer_settings(spec) or None,
        timeout_ms=int(patience * 1000),
    )
    wanted = read.select_columns(["partition", "offset", "value"])
    parts = list(wanted.iter_batches(batch_size=None, batch_format="pyarrow"))
    if not parts:
        return {}
    table = pa.concat_tables(parts).sort_by([("partition", "ascending"), ("offset", "ascending")])
    return {partition: table.filter(pc.equal(table["partition"], partition)) for partition in spans}
