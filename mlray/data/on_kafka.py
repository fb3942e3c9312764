"""Kafka topics: what their partitions hold, and the messages between two offsets.

Offsets are ours, kept in the version's manifest; nothing is committed to the broker, and no consumer group moves.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from mlray.data.sources._secrets import with_environment
from mlray.errors import DataError, UnavailableError
from mlray.spec import SourceSpec

__all__ = ["consumer_settings", "ends", "mark", "messages"]

PATIENCE = 20.0
"""Seconds that a broker may be silent."""
BATCH = 5_000
"""Messages that are asked for at once."""


def ends(spec: SourceSpec) -> dict[int, tuple[int, int]]:
    """Return partition → the first offset that is there, and the one that the next message will have.

    Raises:
        DataError: there is no such topic.
        UnavailableError: no broker answers.
    """
    with _consumer(spec) as consumer:
        found = consumer.list_topics(spec.topic, timeout=PATIENCE).topics[spec.topic]
        if found.error is not None or not found.partitions:
            raise DataError(f"{spec} has no such topic.", remedy="Check `topic:`.")
        return {
            number: consumer.get_watermark_offsets(
                TopicPartition(str(spec.topic), number), timeout=PATIENCE, cached=False
            )
            for number in sorted(found.partitions)
        }


def messages(spec: SourceSpec, partition: int, start: int, end: int) -> Iterator[list[bytes]]:
    """Yield the values of the messages of a partition from `start` to `end`, which is not among them, some at a time.

    Offsets may be missing, as in a compacted topic; the end of the partition ends the reading as well.

    Raises:
        UnavailableError: the broker goes away.
    """
    with _consumer(spec) as consumer:
        consumer.assign([TopicPartition(str(spec.topic), partition, start)])
        at, since = start, time.monotonic()
        while at < end:
            values: list[bytes] = []
            for message in consumer.consume(num_messages=min(BATCH, end - at), timeout=1.0):
                error = message.error()
                if error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 (its public name)
                    at = end
                elif error is not None:
                    raise KafkaException(error)
                elif message.offset() < end:
                    values.append(message.value() or b"")
                    at = message.offset() + 1
                else:
                    at = end
                since = time.monotonic()
            if values:
                yield values
            if time.monotonic() - since > PATIENCE:
                raise UnavailableError(
                    f"{spec} is silent at offset {at:,} of partition {partition}, before {end:,}.",
                    remedy="Check the broker; nothing was committed.",
                )


def mark(spec: SourceSpec) -> str:
    """Return the end offsets of all partitions, as a probe tells them; errors as `ends`."""
    return ", ".join(f"{partition}: {end}" for partition, (_, end) in ends(spec).items())


def consumer_settings(spec: SourceSpec) -> dict[str, Any]:
    """Return librdkafka's settings: those of the source, with its secrets from the environment."""
    return {name: with_environment(value) for name, value in spec.options.items()}


@contextmanager
def _consumer(spec: SourceSpec) -> Iterator[Any]:
    settings: dict[str, Any] = {
        "group.id": "mlray",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        **consumer_settings(spec),
        "bootstrap.servers": spec.kafka,
        # What librdkafka would write to the terminal comes back as an error anyway.
        "log_level": 0,
    }
    try:
        with closing(Consumer(settings)) as consumer:
            yield consumer
    except KafkaException as error:
        told = error.args[0]
        said = told.str() if isinstance(told, KafkaError) else str(told)
        raise UnavailableError(
            f"{spec} does not answer: {said}.", remedy="Check the brokers and `options:`."
        ) from error
