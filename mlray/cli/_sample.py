"""A small invented shop, for trying things out: orders, some of which come back; in summer the reasons change."""

import csv
import io
import math
import random
from datetime import UTC, datetime, timedelta

__all__ = ["sample"]

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 240
PER_DAY = 36
# From this day on most buy by the app, at a discount, and soon return what came late.
CHANGE = 140

_USUAL = {"shoes": 70, "dress": 55, "shirt": 28, "book": 18, "lamp": 40}
# People order these in several sizes and keep one.
_FITTED = ("shoes", "dress", "shirt")


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
    channel = "app" if chance.random() < 0.05 + 0.55 * changed else chance.choice(("web", "web", "shop"))
    kind = chance.choice(tuple(_USUAL))
    price = round(math.exp(chance.gauss(3.6, 0.6)), 2)
    discount = round(max(0.0, chance.gauss(25 if channel == "app" else 8, 8)))
    items = 1 + int(chance.expovariate(0.9))
    delivery = 1 + int(chance.expovariate(0.3))
    # What costs far more or far less than its kind usually does comes back: no straight line finds that.
    strange = abs(math.log(price / _USUAL[kind]))
    several = kind in _FITTED and items > 1
    patience = 5 - 3 * changed
    score = 2.6 * strange + 2.2 * several + (0.6 + 1.4 * changed) * (delivery > patience) - 2.9
    score += changed * (1.5 * (channel == "app") - 1.2 * several)
    returned = chance.random() < 1 / (1 + math.exp(-1.4 * score))
    return channel, kind, price, discount, items, delivery, str(returned).lower()
