"""A broker of Kafka without a server: the mock that comes with librdkafka, over real connections."""

import json

from confluent_kafka import Producer

from mlray.spec import SourceSpec
from tests.unit.data.samples import row

TOPIC = "orders"


class Broker:
    """A broker that lives as long as its producer does."""

    def __init__(self):
        self.producer = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        found = next(iter(self.producer.list_topics(timeout=10).brokers.values()))
        self.spec = SourceSpec(kafka=f"{found.host}:{found.port}", topic=TOPIC)

    def send(self, *orders, partition=0):
        for order in orders:
            said = order if isinstance(order, bytes) else json.dumps(row(**order), default=str).encode()
            self.producer.produce(TOPIC, said, partition=partition)
        assert self.producer.flush(10) == 0
