"""A small invented shop, for trying things out: orders, some of which come back; in summer the reasons change."""

import csv
import io
import math
import random
from datetime import UTC, datetime, timedelta

__all__ = ["sample"]

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 240
PER_DAY = 25
# From this day on a new channel sells at a discount, and its customers return what came late.
CHANGE = 140

_KINDS = {"shoes": 0.5, "dress": 0.7, "shirt": -0.3, "book": -1.6, "lamp": -0.8}


def sample(seed: int = 7) -> str:
    """Return the orders as CSV; the same seed gives the same text.

    >>> sample().splitlines()[0]
    'ordered_at,order_id,channel,kind,price,discount,items,delivery_days,returned'
    """
    chance = random.Random(seed)  # noqa: S311 (an example, not a secret)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(
        ("ordered_at", "order_id", "channel", "kind", "price", "discount", "items", "delivery_days", "returned")
    )
    number = 10_000
    for day in range(DAYS):
        for minute in sorted(chance.sample(range(24 * 60), PER_DAY)):
            number += 1
            at = FIRST + timedelta(days=day, minutes=minute)
            rows.writerow((f"{at:%Y-%m-%d %H:%M:%S}", number, *_order(chance, day)))
    return text.getvalue()


def _order(chance: random.Random, day: int) -> tuple[object, ...]:
    changed = min(1.0, max(0.0, (day - CHANGE) / 30))
    channel = "app" if chance.random() < 0.5 * changed else chance.choice(("web", "web", "shop"))
    kind = chance.choice(tuple(_KINDS))
    price = round(math.exp(chance.gauss(3.6, 0.6)), 2)
    discount = round(max(0.0, chance.gauss(25 if channel == "app" else 8, 8)))
    items = 1 + int(chance.expovariate(0.9))
    delivery = 1 + int(chance.expovariate(0.3))
    late = (0.1 + 0.5 * changed) * (delivery - 3)
    score = -1.1 + _KINDS[kind] * (1 - 0.6 * changed) + 0.35 * (items - 2) + 0.015 * (price - 40) + late
    returned = chance.random() < 1 / (1 + math.exp(-1.3 * score))
    return channel, kind, price, discount, items, delivery, str(returned).lower()
