"""The two shops that most people want, each a set of settings of the shop and of its stations."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError

from kitchen import flow, stages
from kitchen.locks import lock_kitchen
from kitchen.models import Shop, Station

DEMO_PER_HOUR = 10.0  # one every six seconds at the demo's speed: enough to see it move, half of what the shop can do
KEEPS_ITS_CLOCK = ("baking",)  # an oven has a timer
# The counter is left out: of that the shop itself says who hands over.
ENDED_BY_PEOPLE = tuple(code for code in stages.WORKED if code not in (*KEEPS_ITS_CLOCK, stages.READY))

CLOCK, HAND = Station.EndsBy.CLOCK, Station.EndsBy.HAND


@dataclass(frozen=True)
class Setting:
    """One thing that a preset sets, in words for the owner: columns of the shop, or who ends the work, by stage."""

    sentence: str
    shop: Mapping[str, Any] = field(default_factory=dict)
    ends_by: Mapping[str, str] = field(default_factory=dict)

    def is_so(self, shop: Shop, ends_by: Mapping[str, str]) -> bool:
        return self.shop.items() <= shop.__dict__.items() and self.ends_by.items() <= ends_by.items()


@dataclass(frozen=True)
class Preset:
    code: str
    label: str
    purpose: str
    settings: tuple[Setting, ...]
    open_orders: str  # what it means for orders that are in the kitchen


PRESETS = {
    preset.code: preset
    for preset in (
        Preset(
            "demo",
            "Demo",
            "A shop that runs by itself, to look at and to show around.",
            (
                Setting("An hour in the kitchen takes a minute.", {"speed": 60.0}),
                Setting("Simulated customers order, ten in a kitchen hour.", {"demand_per_hour": DEMO_PER_HOUR}),
                Setting(
                    "The clock ends the work at every station.",
                    ends_by=dict.fromkeys((*KEEPS_ITS_CLOCK, *ENDED_BY_PEOPLE), CLOCK),
                ),
                Setting("An order to collect is handed over by itself.", {"hands_over": True}),
            ),
            "What is overdue moves on within seconds, and the rest as the clock goes.",
        ),
        Preset(
            "real",
            "Real shop",
            "Your own kitchen, run by your own people.",
            (
                Setting("An hour in the kitchen takes an hour.", {"speed": 1.0}),
                Setting("Nobody orders but real customers.", {"demand_per_hour": 0.0}),
                Setting(
                    "A tap ends the work at the make line, at the bench and on the road; the oven keeps its clock.",
                    ends_by=dict.fromkeys(KEEPS_ITS_CLOCK, CLOCK) | dict.fromkeys(ENDED_BY_PEOPLE, HAND),
                ),
                Setting("An order to collect is handed over with a tap.", {"hands_over": False}),
            ),
            "Where a tap ends the work, they wait for one. Simulated ones, too: cancel them if you don't want them.",
        ),
    )
}


def who_ends_work() -> dict[str, str]:
    """Return who ends the work at each station: {stage: ends_by}."""
    return dict(Station.objects.values_list("stage", "ends_by"))


def apply(preset: Preset) -> None:
    """Set what a preset says and nothing else: all of it or, if a station or the shop refuses, nothing.

    Refused says why. The boards hear of it after the commit.
    """
    with lock_kitchen():
        set_shop({name: value for each in preset.settings for name, value in each.shop.items()})
        ends_by = who_ends_work()
        for each in preset.settings:
            for stage, wanted in each.ends_by.items():
                if ends_by.get(stage) != wanted:  # of a lost station `flow` says so
                    with named(stages.BY_CODE[stage].station):
                        flow.change_station(stage, ends_by=wanted)


def set_shop(values: dict[str, Any]) -> None:
    with named("The shop"):
        flow.set_speed(values.pop("speed"))
        shop = Shop.objects.get()
        changed = [name for name, value in values.items() if getattr(shop, name) != value]
        for name in changed:
            setattr(shop, name, values[name])
        if changed:
            shop.full_clean()
            shop.save(update_fields=changed)


@contextmanager
def named(what: str) -> Iterator[None]:
    """Say of what else is wrong with a row whose it is: nobody has typed that now."""
    try:
        yield
    except ValidationError as error:
        raise flow.Refused(f"{what}: {' '.join(error.messages)}") from None
