"""Stored studies: the shop as it is, from which a plan starts, and a study's parts on their way through the workers.

`kitchen.planner` derives everything from a plan and its finished parts, with the same result wherever it runs, so
nothing here needs a lock: the first to finish writes, the second changes nothing. A part is claimed in one statement
before it is sent; a part that does not report back is claimed again.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import ExtractHour
from django.utils import timezone

from archive import reading
from home.models import Order
from kitchen import stages
from kitchen.models import Shop, Study, StudyPart
from kitchen.planner import planner
from kitchen.planner.parts import Parts, pack, unpack
from kitchen.planner.planner import Piece
from kitchen.planner.requests import Present, read_plan
from kitchen.planner.scenarios import CREW, NOW, Plan, Scenario, load, one_more
from kitchen.planner.shop import open_orders
from kitchen.planner.shop import present_stations as present_stations
from kitchen.promises.state import read_state, unfulfilled
from simulation.lookahead import State
from telemetry import sweeps

logger = logging.getLogger(__name__)

# Parts of one study that are with the workers at a time: enough for a few machines, few enough that the orders of the
# live kitchen, which share the queue, never wait long.
AT_ONCE = 6
LOST_SECONDS = 30.0
USUAL_PER_HOUR = 20.0  # where the shop has no demand of its own
TITLE_LETTERS = 80
KEPT = 200  # studies; older ones are deleted when new ones come
Status = Study.Status


# The shop as it is


def present(now: datetime) -> Present:
    state = read_state(now)
    placed = dict(Order.objects.filter(pk__in=state.pks).values_list("pk", "created_at"))
    local = timezone.localtime(now)
    return Present(
        stations=present_stations(),
        per_hour=Shop.objects.get().demand_per_hour or USUAL_PER_HOUR,
        measured=partial(measured_day, speed=state.speed),
        now_hour=local.hour + local.minute / 60 + local.second / 3600,
        state=open_orders(state, placed, now),
        notes=tuple(present_notes(state)),
        measured_notes=tuple(measured_notes(state.speed)),
        measured_carry_out=measured_carry_out,
    )


def present_notes(state: State) -> Iterable[str]:
    count = sum(not order.is_held for order in state.orders)
    there = f"{count} order{'' if count == 1 else 's'} that {'is' if count == 1 else 'are'} in the kitchen now"
    yield f"It begins with the {there}." if count else "It begins with an empty kitchen: no order is in work now."
    held = unfulfilled().count() - count  # also those of which a single pizza is
    if held > 0:
        yield f"Orders on hold are left out: {held}."
    for station in state.stations:
        if not station.is_open:
            yield f"{station.name} is closed now. The study assumes that it is open."
    if state.speed != 1:
        yield f"Times of the day are the kitchen's: its clock runs {state.speed:g} times as fast as the wall's."


def measured_notes(speed: float) -> Iterable[str]:
    """Explain the hours of a past day. The clock's speed on that day is not recorded: the present one is assumed."""
    if speed != 1:
        yield (
            f"A past day is counted by the hours on the wall, of which each is {speed:g} of the kitchen's at the speed"
            f" of now: {speed:g} orders in an hour of that day are simulated as one an hour."
        )


def measured_day(day: Any, speed: float = 1.0) -> tuple[list[float], dict[int, float]]:
    """Return the orders of a past day and the frequency of each number of pizzas. ValueError with a sentence.

    Orders are per hour of the kitchen's clock, at that `speed`, by the hour on the wall in which they came.
    """
    try:
        wanted = date.fromisoformat(str(day))
    except ValueError:
        raise ValueError("Say which day, such as 2026-10-30.") from None
    rates, pizzas = [0.0] * 24, Counter[int]()
    for (hour, number, _), count in placed_on(wanted).items():
        rates[hour] += count / speed
        pizzas[number] += count
    if not any(rates):
        raise ValueError(f"No order came on {wanted}. Choose another day.")
    return rates, {number: float(count) for number, count in sorted(pizzas.items()) if number}


def measured_carry_out(day: Any) -> float:
    """Return the share of the orders of a day of `measured_day` that were collected."""
    placed = placed_on(date.fromisoformat(str(day)))
    collected = sum(count for (*_, way), count in placed.items() if way == stages.CARRY_OUT)
    return collected / placed.total()


def placed_on(day: date) -> Counter[tuple[int, int, str]]:
    """Count the orders of a day by hour, number of pizzas and way, wherever they are by now."""
    orders = Order.objects.filter(created_at__date=day).order_by().annotate(hour=ExtractHour("created_at"))
    rows = orders.values_list("hour", "pizzas", "way").annotate(count=Count("pk"))
    placed = Counter({(hour, pizzas, way): count for hour, pizzas, way, count in rows})
    placed.update((timezone.localtime(at).hour, pizzas, way) for at, pizzas, way in reading.placed_on(day))
    return placed


# Made and ended by people


def make(asked: Any, by: Any, now: datetime) -> Study:
    """Make a study of the request, without starting it. SpecError with a sentence."""
    plan = read_plan(asked, present(now))
    return store(asked, plan, by, now)


def again(study: Study, by: Any, now: datetime) -> Study:
    """Run the same plan with the same seed: the figures are the same, however the shop has changed since."""
    return store(study.request, load(study.plan), by, now)


def store(asked: Any, plan: Plan, by: Any, now: datetime) -> Study:
    study = Study.objects.create(request=asked, plan=plan.as_dict(), by=by, made_at=now, title=title(plan))
    old = Study.objects.exclude(status=Status.RUNNING).values_list("pk", flat=True)[KEPT:]
    Study.objects.filter(pk__in=list(old)).delete()
    return study


def title(plan: Plan) -> str:
    base, *others = plan.scenarios
    if plan.question == CREW:
        words = f"Smallest crew for {100 * plan.keep:g}\u00a0% within {base.promise_minutes:g} minutes"
    else:
        words = " · ".join(names_of(base, others)) or base.name
    words = f"From now: {words}" if plan.question == NOW else words
    return words if len(words) <= TITLE_LETTERS else words[: TITLE_LETTERS - 1] + "…"


def names_of(base: Scenario, others: Iterable[Scenario]) -> list[str]:
    """Name the scenarios; those with one more place share one name, if there is one for each station."""
    names, more = [row.name for row in others], [one_more(base, station).name for station in base.stations]
    if not set(more) <= set(names):
        return names
    return [*(name for name in names if name not in more), "One more place, at each station in turn"]


def cancel(study: Study, now: datetime) -> bool:
    """Cancel a study and keep what is known. Parts that are being simulated check the status and stop."""
    return end(study, Status.CANCELLED, planner.answer(load(study.plan), done(study)), now)


def end(study: Study, status: str, answer: dict[str, Any] | None, now: datetime) -> bool:
    """End a study once; return True if this call did it."""
    with transaction.atomic():
        changed = Study.objects.filter(pk=study.pk, status=Status.RUNNING).update(
            status=status, answer=answer, ended_at=now
        )
        if changed:
            study.parts.all().delete()
    return bool(changed)


# Under way


def piece_of(part: StudyPart) -> Piece:
    return Piece(tuple(part.crew), part.first_block, part.blocks)


def done(study: Study) -> dict[Piece, Parts]:
    return {piece_of(part): parts for part, parts in simulated(study) if parts}


def simulated(study: Study) -> Iterable[tuple[StudyPart, Parts | None]]:
    """Yield the finished parts with their results; None if an earlier version stored these in another form."""
    for part in study.parts.exclude(figures=None):
        yield part, unpack(bytes(part.figures or b""))


def advance(study: Study, now: datetime) -> list[int]:
    """Claim the parts to be sent to the workers now; end the study if the answer is final."""
    if not Study.objects.filter(pk=study.pk, status=Status.RUNNING).exists():
        return []
    if not study.parts.filter(figures=None).exists():
        found = list(simulated(study))
        old = [part.pk for part, parts in found if parts is None]
        if old:  # they are simulated again
            study.parts.filter(pk__in=old).update(figures=None, sent_at=None)
            return claim(study, now)
        plan, finished = load(study.plan), {piece_of(part): parts for part, parts in found if parts}
        wanted = planner.next_pieces(plan, finished)
        if not wanted:
            end(study, Status.DONE, planner.answer(plan, finished), now)
            return []
        rows = [
            StudyPart(study=study, key=piece.key, crew=piece.crew, first_block=piece.first, blocks=piece.blocks)
            for piece in wanted
        ]
        StudyPart.objects.bulk_create(rows, ignore_conflicts=True)
    return claim(study, now)


def claim(study: Study, now: datetime) -> list[int]:
    """Claim as many parts as there is room for: first those that were lost, then those that were never sent."""
    silence = timedelta(seconds=LOST_SECONDS)
    lost = Q(sent_at__lt=now - silence) | Q(sent_at__gt=now + silence)  # ahead: the clock was set back since
    waiting = study.parts.filter(figures=None)
    room = AT_ONCE - waiting.exclude(sent_at=None).exclude(lost).count()
    free = waiting.filter(lost | Q(sent_at=None))
    chosen = free.order_by("first_block", "pk").values_list("pk", "sent_at")[: max(0, room)]
    claimed = [(pk, sent_at) for pk, sent_at in chosen if free.filter(pk=pk).update(sent_at=now)]
    tell_of_lost(sum(sent_at is not None for _, sent_at in claimed))
    return [pk for pk, _ in claimed]


def tell_of_lost(parts: int) -> None:
    if parts:
        logger.warning("%d parts of a study had not come back: they are sent again", parts)
        sweeps.note("study_part", parts)


class Stopped(Exception):
    """Raised if the study was cancelled, or is gone."""


def work(pk: int) -> Study | None:
    """Simulate one part; return its study if it can go on. Doing it twice has the same effect as once."""
    part = StudyPart.objects.select_related("study").filter(pk=pk, figures=None).first()
    if part is None:
        return None
    try:
        figures = planner.simulate(load(part.study.plan), piece_of(part), check_of(part.study))
    except Stopped:
        return None
    StudyPart.objects.filter(pk=pk, figures=None).update(figures=pack(figures))
    return part.study


def check_of(study: Study) -> Callable[[], None]:
    running = Study.objects.filter(pk=study.pk, status=Status.RUNNING)

    def check() -> None:
        if not running.exists():
            raise Stopped

    return check


def tidy() -> None:
    """Delete what two workers that ended a study at the same time can have left of its parts."""
    StudyPart.objects.exclude(study__status=Status.RUNNING).delete()


def running() -> list[Study]:
    return list(Study.objects.filter(status=Status.RUNNING))


# Views


def snapshot(study: Study) -> dict[str, Any]:
    """Return what the page and the JSON show: the answer, or what is known of it by now."""
    plan = load(study.plan)
    share = 1.0
    answer = study.answer
    if study.status == Status.RUNNING:
        finished = done(study)
        answer, share = planner.answer(plan, finished), planner.share_done(plan, finished)
    return {
        "id": study.pk,
        "title": study.title,
        "status": study.status,
        "made_at": study.made_at.isoformat(),
        "share_done": round(share, 3),
        "answer": answer,
    }
