"""The size of a run."""

from dataclasses import dataclass


@dataclass
class Plan:
    """How much is measured, and how often. The whole takes about fifty minutes, `quick` about three."""

    rounds: int = 5  # turns of each side: A B C A B C

    # the engines
    orders: int = 200
    several: int = 3  # pizzas an order, where each is cooked by itself
    warm_up_orders: int = 20
    written_orders: int = 50

    # the shop at its own pace
    speed: float = 600  # kitchen seconds a second
    load: float = 0.8
    paced_per_second: float = 15  # orders
    paced_seconds: float = 40

    # many orders in flight
    in_flight: int = 100_000
    due_per_second: float = 50
    flight_seconds: float = 60  # in which orders fall due and are looked at
    take_off_ms: float = 4  # to send one chain and to receive it, until the first falls due

    # an evening
    evening_per_second: float = 15  # orders of the real mix
    evening_seconds: float = 600
    evening_pages: int = 5000
    evening_webs: int = 2
    evening_workers: int = 2
    evening_look_seconds: float = 30
    evening_warm_up_seconds: float = 5

    # what each thing costs
    unit_pages: int = 1000
    unit_orders: int = 60  # that nobody cooks: as many are open, on average half
    unit_seconds: float = 20
    unit_rest_seconds: float = 10  # until a part that was started has come to rest

    # the watchers
    watched: int = 500
    changes: int = 1000
    per_second: float = 100
    crowd: int = 1000
    large_crowd: int = 5000
    crowd_changes: int = 4  # all changes that an order has
    idle: int = 1000  # watchers whose memory is weighed
    at_once: int = 2000  # sockets
    held: int = 10_000
    announcements: int = 500

    @classmethod
    def quick(cls) -> "Plan":
        """Return a plan for trying the bench itself. Its figures are not to be quoted."""
        return cls(
            rounds=1,
            orders=40,
            warm_up_orders=4,
            written_orders=5,
            paced_per_second=5,
            paced_seconds=6,
            in_flight=500,
            flight_seconds=5,
            evening_per_second=3,
            evening_seconds=15,
            evening_pages=50,
            evening_look_seconds=3,
            unit_pages=100,
            unit_orders=20,
            unit_seconds=3,
            unit_rest_seconds=3,
            watched=50,
            changes=100,
            crowd=100,
            large_crowd=300,
            idle=100,
            at_once=200,
            held=300,
            announcements=100,
        )
