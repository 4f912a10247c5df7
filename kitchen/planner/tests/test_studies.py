"""Stored studies: their parts on the way through the workers, and their pages."""

import csv
import io
import json
import time
from datetime import timedelta

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from home.models import Order
from kitchen import flow
from kitchen.models import Shop, Station, Study, StudyPart
from kitchen.planner import planner, studies, tasks
from kitchen.planner.scenarios import load
from kitchen.tests.test_worker import worker
from simulation.spec import Conveyor

pytestmark = pytest.mark.django_db

DAY = {"demand": {"profile": "flat", "per_hour": 25}, "open": "17:00", "close": "19:00", "most_replications": 200}
ASKED = {**DAY, "scenarios": [{"stations": {"out_for_delivery": {"places": 9}}}]}
FORM = {"question": "compare", "demand.profile": "flat", "demand.per_hour": "25", "open": "17:00", "close": "19:00"}


@pytest.fixture
def queue(monkeypatch):
    """Collect the parts that were sent, instead of a broker."""
    parts = []
    monkeypatch.setattr(tasks, "send", parts.extend)
    return parts


@pytest.fixture
def study(queue, bob):
    return studies.make(ASKED, bob, timezone.now())


def work_off(queue):
    """Work as a worker would; return how many parts that took."""
    count = 0
    while queue:
        tasks.study_part(queue.pop(0))
        count += 1
    return count


def fresh(study):
    study.refresh_from_db()
    return study


# The parts


@pytest.mark.database
def test_the_parts_give_the_same_answer_as_one_process(study, queue):
    tasks.go_on(study)
    assert work_off(queue) == 4
    assert fresh(study).status == "done"
    assert study.answer == json.loads(json.dumps(planner.run(load(study.plan))))
    assert study.ended_at
    assert not study.parts.exists()


def test_a_search_for_the_smallest_crew_goes_through_the_workers_too(queue, bob, monkeypatch):
    monkeypatch.setattr("kitchen.planner.crew.MOST_CREW", 12)
    study = studies.make({**DAY, "question": "crew", "keep": 0.5, "promise_minutes": 60}, bob, timezone.now())
    tasks.go_on(study)
    assert work_off(queue) > 4
    assert fresh(study).answer == json.loads(json.dumps(planner.run(load(study.plan))))
    assert study.title == "Smallest crew for 50\u00a0% within 60 minutes"


def test_run_again_it_gives_the_same_figures_however_the_shop_changed(study, queue, bob):
    tasks.go_on(study)
    work_off(queue)
    Station.objects.update(capacity=1, mean_seconds=10)
    again = studies.again(study, bob, timezone.now())
    tasks.go_on(again)
    work_off(queue)
    assert fresh(again).answer == fresh(study).answer
    assert again.pk != study.pk


def test_only_a_few_parts_are_with_the_workers_at_a_time(queue, bob, monkeypatch):
    monkeypatch.setattr(studies, "AT_ONCE", 3)
    study = studies.make(ASKED, bob, timezone.now())
    tasks.go_on(study)
    assert len(queue) == 3
    tasks.study_part(queue.pop(0))
    assert len(queue) == 3
    work_off(queue)
    assert fresh(study).status == "done"


def test_a_part_that_a_worker_lost_is_sent_again_and_only_then(study, queue, swept):
    now = timezone.now()
    lost = studies.advance(study, now)
    assert len(lost) == 4  # and it never reports back
    assert studies.advance(study, now + timedelta(seconds=studies.LOST_SECONDS - 1)) == []
    assert swept == []
    assert studies.advance(study, now + timedelta(seconds=studies.LOST_SECONDS + 1)) == lost
    assert swept == [("study_part", 4)]
    queue += lost
    work_off(queue)
    assert fresh(study).status == "done"


def test_the_sweep_begins_what_was_never_sent_and_leaves_the_rest_alone(study, queue):
    tasks.study_sweep()
    assert len(queue) == 4
    tasks.study_sweep()
    assert len(queue) == 4
    work_off(queue)
    tasks.study_sweep()
    assert queue == []


def test_a_part_done_twice_is_done_once(study, queue):
    first = studies.advance(study, timezone.now())[0]
    tasks.study_part(first)
    before = bytes(StudyPart.objects.get(pk=first).figures)
    assert studies.work(first) is None
    assert bytes(StudyPart.objects.get(pk=first).figures) == before


def test_cancelled_the_parts_do_nothing_and_what_is_known_stays(study, queue):
    tasks.go_on(study)
    tasks.study_part(queue.pop(0))
    assert studies.cancel(study, timezone.now())
    assert work_off(queue) == 3
    assert fresh(study).status == "cancelled"
    assert study.answer["replications"] == 50
    assert not studies.cancel(study, timezone.now())
    tasks.study_sweep()
    tasks.go_on(study)  # a part that was done just before
    assert queue == []
    late = StudyPart.objects.create(study=study, key="all:0+1", first_block=0, blocks=1)
    assert studies.work(late.pk) is None
    late.refresh_from_db()
    assert late.figures is None
    tasks.study_sweep()
    assert not StudyPart.objects.exists()


def test_a_part_in_the_form_of_a_version_before_is_simulated_again(study, queue):
    """A study was running while the shop was upgraded."""
    for pk in studies.advance(study, timezone.now()):
        studies.work(pk)
    good = [bytes(part.figures) for part in study.parts.order_by("pk")]
    file = io.BytesIO()
    np.savez_compressed(file, orders=np.ones((50, 2)), histogram=np.ones((1, 2, 9, 700)))
    old = study.parts.order_by("pk")[1]
    StudyPart.objects.filter(pk=old.pk).update(figures=file.getvalue())
    assert studies.snapshot(study)["answer"]["replications"] == 50  # up to the one that is missing
    tasks.go_on(study)
    assert queue == [old.pk]
    studies.work(queue.pop())
    assert [bytes(part.figures) for part in study.parts.order_by("pk")] == good
    tasks.go_on(study)
    assert fresh(study).status == "done"


def test_cancelling_stops_a_part_in_the_middle(study, monkeypatch):
    part = studies.advance(study, timezone.now())[0]
    simulated = []

    def simulate(plan, piece, check):
        check()
        simulated.append(piece)
        studies.cancel(study, timezone.now())
        check()
        raise AssertionError("It went on")

    monkeypatch.setattr(planner, "simulate", simulate)
    assert studies.work(part) is None
    assert len(simulated) == 1


def test_a_part_that_can_not_be_simulated_ends_the_study(study, queue, monkeypatch, caplog):
    def simulate(*args):
        raise ZeroDivisionError

    monkeypatch.setattr(planner, "simulate", simulate)
    tasks.go_on(study)
    work_off(queue)
    assert fresh(study).status == "failed"
    assert "can't be simulated" in caplog.text


def test_old_studies_make_room(queue, bob, monkeypatch):
    monkeypatch.setattr(studies, "KEPT", 2)
    made = [studies.make(ASKED, bob, timezone.now()) for _ in range(4)]
    for one in made[:3]:
        studies.cancel(one, timezone.now())
    studies.make(ASKED, bob, timezone.now())
    assert not Study.objects.filter(pk=made[0].pk).exists()
    assert Study.objects.filter(pk=made[3].pk).exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_real_worker_does_it(valkey, bob):
    study = studies.make(ASKED, bob, timezone.now())
    with worker("prefork"):
        tasks.start(study)
        while fresh(study).status == "running":
            time.sleep(0.1)
    assert study.answer == json.loads(json.dumps(planner.run(load(study.plan))))


# The shop as it is


def test_a_study_begins_with_the_shop_as_it_is(bob):
    Shop.objects.update(demand_per_hour=33)
    oven = Station.objects.get(stage="baking")
    oven.capacity, oven.distribution, oven.mean_seconds, oven.spread_seconds = 5, "gamma", 400, 50
    oven.save()
    plan = load(studies.make({}, bob, timezone.now()).plan)
    row = plan.scenarios[0].stations[1]
    assert (row.capacity, row.distribution, row.mean_seconds, row.spread_seconds) == (5, "gamma", 400, 50)
    assert "33 an hour" in plan.scenarios[0].demand.words


def test_as_measured_where_staff_want_that(bob):
    Station.objects.filter(stage="baking").update(
        as_measured=True, measured_distribution="lognormal", measured_mean_seconds=500, measured_spread_seconds=20
    )
    row = studies.present_stations()[1]
    assert (row.distribution, row.mean_seconds, row.spread_seconds) == ("lognormal", 500, 20)


def test_people_who_wait_at_the_counter_are_no_capacity():
    stations = studies.present_stations()
    assert [(row.stage, row.unit) for row in stations] == [
        ("received", "item"),
        ("baking", "item"),
        ("baked", "order"),
        ("out_for_delivery", "order"),
    ]


def test_a_belt_of_the_shop_is_a_conveyor(bob):
    Station.objects.filter(stage="baking").update(kind="belt", headway_seconds=60, mean_seconds=450)
    plan = load(studies.make(DAY, bob, timezone.now()).plan)
    belt = plan.scenarios[0].stations[1]
    assert (belt.distribution, belt.headway_seconds, belt.capacity) == ("conveyor", 60, 8)
    assert planner.spec_of(plan, plan.scenarios[0]).stations[1].service == Conveyor(60, 450)


def test_a_distribution_that_can_not_be_drawn_from_gives_the_mean():
    Station.objects.filter(stage="baking").update(distribution="gamma", spread_seconds=0)
    assert studies.present_stations()[1].distribution == "fixed"


@pytest.mark.database
def test_a_past_day_is_counted_by_its_hours(place, margherita):
    day = timezone.localtime().replace(hour=12, minute=5, second=0, microsecond=0) - timedelta(days=3)
    for hour, quantity in ((12, 1), (12, 3), (19, 1)):
        place(now=day.replace(hour=hour), items=[(margherita, quantity)])
    rates, pizzas = studies.measured_day(day.date().isoformat())
    assert (rates[12], rates[19], sum(rates)) == (2, 1, 3)
    assert pizzas == {1: 2, 3: 1}
    assert studies.measured_day(day.date().isoformat(), speed=4)[0][12] == 0.5
    assert studies.measured_carry_out(day.date().isoformat()) == 0
    with pytest.raises(ValueError, match="No order came on 2020-01-01"):
        studies.measured_day("2020-01-01")
    with pytest.raises(ValueError, match="Say which day"):
        studies.measured_day("last friday")


def test_a_past_day_has_its_share_of_carry_out(place, bob):
    day = timezone.localtime().replace(hour=12, minute=5, second=0, microsecond=0) - timedelta(days=3)
    for way in ("delivery", "carry_out", "delivery", "delivery"):
        place(now=day, way=way)
    asked = {"demand": {"profile": "measured", "day": day.date().isoformat()}}
    demand = load(studies.make(asked, bob, timezone.now()).plan).scenarios[0].demand
    assert demand.carry_out == 0.25
    assert demand.words.endswith(", 25 % of orders collected")


def test_a_title_has_one_name_for_one_more_place_everywhere(bob):
    broken = {"name": "Broken oven", "changes": [{"stage": "baking", "at": "18:00", "places": 1}]}
    asked = {**DAY, "scenarios": [broken], "one_more": True}
    title = studies.make(asked, bob, timezone.now()).title
    assert title == "Broken oven · One more place, at each station in turn"


def test_a_past_day_is_in_the_kitchens_hours_and_says_so(place, staff):
    """An hour on the wall is sixty in a kitchen that runs sixty times as fast: 120 orders in it are two an hour."""
    Shop.objects.update(speed=60)
    day = timezone.localtime().replace(hour=12, minute=5, second=0, microsecond=0) - timedelta(days=3)
    place(now=day)
    asked = {"demand": {"profile": "measured", "day": day.date().isoformat()}}
    plan = load(studies.make(asked, None, timezone.now()).plan)
    assert plan.scenarios[0].orders() == pytest.approx(1 / 60)
    assert any("on the wall, of which each is 60 of the kitchen's" in note for note in plan.notes)
    Shop.objects.update(speed=1)
    assert not any("wall" in note for note in load(studies.make(asked, None, timezone.now()).plan).notes)


def test_from_now_it_begins_with_the_live_kitchen(small_kitchen, place, bob, sent, cooked):
    """Fixed times 10, 20, 5, 30: one order for 5 s in the oven, one just at the make line, one on hold."""
    now = timezone.now()
    baking = place(now=now - timedelta(seconds=15))
    flow.advance(baking.pk, clock=lambda: now - timedelta(seconds=5))
    held = place(now=now - timedelta(seconds=5))
    flow.hold(held.pk, clock=lambda: now - timedelta(seconds=4))
    place(now=now)
    plan = load(studies.make({"question": "now", "demand": {"profile": "flat", "per_hour": 0}}, bob, now).plan)
    assert plan.notes[0] == "It begins with the 2 orders that are in the kitchen now."
    assert "Orders on hold are left out: 1." in plan.notes
    row = planner.run(plan)["scenarios"][0]
    # 15 s old with 15 + 5 + 30 to go; and new: 10, 5 until the oven is free, 20, 5, 10 until the driver is back, 30
    first, second = 15 + 15 + 5 + 30, 10 + 5 + 20 + 5 + 10 + 30
    assert row["mean_minutes"]["value"] == pytest.approx((first + second) / 2 / 60, abs=1e-4)


def from_now(bob, now, **values):
    asked = {"question": "now", "demand": {"profile": "flat", "per_hour": 0}, **values}
    plan = load(studies.make(asked, bob, now).plan)
    return plan, planner.run(plan)


def test_from_now_it_knows_where_each_pizza_is(small_kitchen, place, bob, margherita, sent, cooked):
    """Of three pizzas one is in the oven for 5 of its 20 s, one is made for 5 of its 10 s, and one waits for that."""
    now = timezone.now()
    order = place(now=now - timedelta(seconds=15), items=[(margherita, 3)])
    flow.advance(order.pk, item=1, clock=lambda: now - timedelta(seconds=5))
    plan, answer = from_now(bob, now)
    (state,) = plan.state
    assert [(row.station, row.working, row.elapsed_seconds, row.is_done) for row in state.items] == [
        (1, True, 5, False),
        (0, True, 5, False),
        (0, False, 0, False),
    ]
    # made after 5 and 15 s; in the only place of the oven from 15 to 35 and to 55; then cut and brought
    assert answer["scenarios"][0]["mean_minutes"]["value"] == pytest.approx((15 + 55 + 5 + 30) / 60, abs=1e-4)


def test_from_now_it_leaves_out_who_waits_at_the_counter(small_kitchen, place, bob, sent, cooked):
    now = timezone.now()
    baked, ready = (place(now=now - timedelta(seconds=100), way="carry_out") for _ in range(2))
    for order, stage in ((ready, "ready"), (baked, "baked")):
        flow.override(order.pk, stage, bob, clock=lambda: now - timedelta(seconds=1))
    plan, answer = from_now(bob, now)
    assert plan.notes[0] == "It begins with the 1 order that is in the kitchen now."
    assert [(row.station, row.way) for row in plan.state] == [(2, "carry_out")]
    assert answer["ends"] == ["counter"]
    assert answer["scenarios"][0]["mean_minutes"]["value"] == pytest.approx((100 + 4) / 60, abs=1e-4)


def test_an_order_waits_for_its_pizza_on_hold(small_kitchen, place, bob, margherita, sent, cooked):
    now = timezone.now()
    order = place(now=now - timedelta(seconds=5), items=[(margherita, 2)])
    flow.hold(order.pk, item=2, clock=lambda: now)
    plan, _ = from_now(bob, now)
    assert plan.state == ()
    assert "Orders on hold are left out: 1." in plan.notes


# The pages


def test_the_pages_are_for_staff(client, alice, study):
    pages = [(reverse("planner"), client.get), (reverse("planner"), client.post)]
    pages += [(reverse(name, args=[study.pk]), client.get) for name in ("study", "study_json", "study_csv")]
    pages += [(reverse(name, args=[study.pk]), client.post) for name in ("cancel_study", "study_again")]
    for address, ask in pages:
        assert ask(address).url == f"{reverse('login')}?next={address}"
    client.force_login(alice)
    for address, ask in pages:
        assert ask(address).status_code == 403
    assert fresh(study).status == "running"
    assert Study.objects.count() == 1


@pytest.fixture
def staff(client, bob):
    client.force_login(bob)
    return client


def test_the_form_makes_a_study_of_what_is_different(staff, queue, django_capture_on_commit_callbacks):
    page = staff.get(reverse("planner")).content.decode()
    assert "None yet." in page
    assert 'name="scenarios.0.stations.baking.places"' in page
    same = {"scenarios.0.stations.baking.places": "6", "scenarios.0.stations.baking.mean_seconds": "450"}
    changed = {"scenarios.2.stations.out_for_delivery.places": "9", "scenarios.2.demand.times": "1"}
    with django_capture_on_commit_callbacks(execute=True):
        response = staff.post(reverse("planner"), {**FORM, **same, **changed, "most_replications": "200"})
    study = Study.objects.get()
    assert response.url == reverse("study", args=[study.pk])
    assert study.request["scenarios"] == [{"stations": {"out_for_delivery": {"places": "9"}}}]
    assert study.title == "One more place at “Drivers”"
    work_off(queue)
    page = staff.get(response.url).content.decode()
    assert fresh(study).answer["sentence"].partition(";")[0] in page
    assert 'value="9"' in page


def test_the_form_has_per_cent_and_the_plan_shares(staff, queue):
    sent = {"demand.carry_out_percent": "29", "scenarios.0.demand.carry_out_percent": "50"}
    staff.post(reverse("planner"), {**FORM, **sent, "most_replications": "200"})
    study = Study.objects.get()
    assert study.request["demand"]["carry_out"] == 0.29
    assert study.request["scenarios"] == [{"demand": {"carry_out": 0.5}}]
    assert study.title == "50 % of orders collected"
    tasks.go_on(study)
    work_off(queue)
    page = staff.get(reverse("study", args=[study.pk])).content.decode()
    assert 'name="demand.carry_out_percent" type="number" value="29"' in page
    assert 'name="scenarios.0.demand.carry_out_percent" type="number" value="50"' in page
    rows = list(csv.DictReader(io.StringIO(staff.get(reverse("study_csv", args=[study.pk])).content.decode())))
    figures = {row["figure"] for row in rows}
    assert {"order to door or counter", "delivered: order to door", "collected: kept"} <= figures
    response = staff.post(reverse("planner"), {**FORM, "demand.carry_out_percent": "129"})
    page = response.content.decode()
    assert response.status_code == 400
    assert 'id="demand-carry_out_percent-error"' in page
    assert "The share of carry-out must be a number from 0 to 1, not “1.29”." in page


def test_a_past_day_has_a_share_of_its_own_in_the_form(staff, queue, place):
    place(now=timezone.now() - timedelta(days=3))
    day = timezone.localtime(timezone.now() - timedelta(days=3)).date().isoformat()
    sent = {"demand.profile": "measured", "demand.day": day, "demand.carry_out_percent": "0"}
    staff.post(reverse("planner"), {**FORM, **sent})
    assert "carry_out" not in Study.objects.get().request["demand"]


def test_an_error_is_shown_beside_its_field_and_nothing_is_lost(staff):
    wrong = {"scenarios.0.name": "<b>mine</b>", "scenarios.0.stations.baking.places": "many"}
    response = staff.post(reverse("planner"), {**FORM, **wrong})
    page = response.content.decode()
    assert response.status_code == 400
    assert "Oven: places must be a number from 1 to 1000, not “many”." in page
    assert "&lt;b&gt;mine&lt;/b&gt;" in page
    assert 'value="many"' in page
    assert 'id="scenarios-0-stations-baking-places-error"' in page
    assert not Study.objects.exists()


NONSENSE = [
    {"keep_percent": "all", "question": "crew"},
    {"scenarios": "x"},
    {"scenarios.0": "x"},
    {"scenarios.0.stations": "x", "scenarios.0.stations.baking.places": "7"},
    {"scenarios.0.changes.0.at": "19:00"},
    {"a.b.c.d.e.f.g.h.i.j": "x"},
    {"demand": "x", "demand.profile": "y"},
    {"promise_minutes": "1e999"},
    {"open": "noon"},
    {"nonsense": "x"},
    {"scenarios.0.name": "\0"},
    {"demand.profile": "measured", "demand.day": "2020-01-01"},
]


def test_no_form_breaks_the_page_whatever_it_contains(staff, queue):
    for sent in NONSENSE:
        response = staff.post(reverse("planner"), {**FORM, **sent})
        assert response.status_code in (302, 400), sent
        assert "errorlist" in response.content.decode() or response.status_code == 302, sent
        Study.objects.all().delete()


def test_a_program_asks_in_json(staff, queue):
    response = staff.post(reverse("planner"), ASKED, content_type="application/json")
    study = Study.objects.get()
    assert response.status_code == 201
    assert response.json() == {
        "id": study.pk,
        "url": reverse("study", args=[study.pk]),
        "json": reverse("study_json", args=[study.pk]),
    }
    for body, field in (("{", ""), ("[]", ""), ('{"seed": -1}', "seed"), ("[" * 10_000, "")):
        response = staff.post(reverse("planner"), body, content_type="application/json")
        assert response.status_code == 400
        assert response.json()["field"] == field
        assert response.json()["error"].endswith((".", "”"))


def test_too_many_at_once_are_refused(staff, queue, bob):
    for _ in range(5):
        studies.make(ASKED, bob, timezone.now())
    response = staff.post(reverse("planner"), ASKED, content_type="application/json")
    assert response.json()["error"] == "5 studies are running. Wait for one, or cancel one."
    assert (response.status_code, response["Retry-After"]) == (429, "30")


def test_one_person_leaves_room_for_others(staff, queue, bob, alice):
    for _ in range(3):
        studies.make(ASKED, bob, timezone.now())
    response = staff.post(reverse("planner"), ASKED, content_type="application/json")
    assert response.status_code == 429
    assert response.json()["error"] == "3 studies of yours are running. Wait for one, or cancel one."
    Study.objects.update(by=alice)
    assert staff.post(reverse("planner"), ASKED, content_type="application/json").status_code == 201


def test_running_again_does_not_evade_the_limit(staff, study, queue, bob):
    for _ in range(4):
        studies.make(ASKED, bob, timezone.now())
    response = staff.post(reverse("study_again", args=[study.pk]))
    assert response.status_code == 429
    assert "5 studies are running" in response.content.decode()
    assert Study.objects.count() == 5


def test_the_form_has_the_hours_that_a_program_asked_for(staff, queue, bob):
    for hours in ({"11": 6, "12": 12.5}, [0] * 11 + [6, 12.5]):
        study = studies.make({**ASKED, "demand": {"profile": "hours", "by_hour": hours}}, bob, timezone.now())
        assert "11: 6, 12: 12.5" in staff.get(reverse("study", args=[study.pk])).content.decode()


def test_results_come_while_it_runs_and_cancelling_keeps_them(staff, study, queue):
    address = reverse("study_json", args=[study.pk])
    assert staff.get(address).json()["answer"]["scenarios"] == []
    tasks.go_on(study)
    tasks.study_part(queue.pop(0))
    known = staff.get(address).json()
    assert known["status"] == "running"
    assert known["share_done"] == 0.25
    assert known["answer"]["replications"] == 50
    staff.post(reverse("cancel_study", args=[study.pk]))
    assert staff.get(address).json()["status"] == "cancelled"
    assert "Cancelled." in staff.get(reverse("study", args=[study.pk])).content.decode()
    staff.post(reverse("study_again", args=[study.pk]))
    assert Study.objects.count() == 2


def test_the_downloads_have_all_figures(staff, queue, bob):
    named = {**ASKED, "scenarios": [{**ASKED["scenarios"][0], "name": "=cmd|' /C calc'!A0"}]}
    study = studies.make(named, bob, timezone.now())
    tasks.go_on(study)
    work_off(queue)
    response = staff.get(reverse("study_csv", args=[study.pk]))
    assert response["Content-Disposition"] == f'attachment; filename="study-{study.pk}.csv"'
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    answer = fresh(study).answer
    scenario = answer["scenarios"][1]
    assert {row["scenario"] for row in rows} == {"The shop as it is", "'=cmd|' /C calc'!A0"}
    (saves,) = [row for row in rows if row["figure"] == "saves" and row["value"]]
    assert float(saves["value"]) == scenario["saves_minutes"]["value"]
    assert float(saves["half_width"]) == scenario["saves_minutes"]["half_width"]
    loads = [row for row in rows if row["figure"] == "load" and row["from"] and row["scenario"].startswith("'")]
    assert [row["from"] for row in loads[:5:4]] == ["17:00", "17:15"]
    response = staff.get(reverse("study_json", args=[study.pk]), {"download": ""})
    assert response["Content-Disposition"] == f'attachment; filename="study-{study.pk}.json"'
    assert response.json()["answer"] == answer
    assert load(response.json()["plan"]) == load(study.plan)


def test_the_csv_of_a_crew(staff, queue, bob, monkeypatch):
    monkeypatch.setattr("kitchen.planner.crew.MOST_CREW", 12)
    study = studies.make({**DAY, "question": "crew", "keep": 0.5, "promise_minutes": 60}, bob, timezone.now())
    tasks.go_on(study)
    work_off(queue)
    rows = list(csv.DictReader(io.StringIO(staff.get(reverse("study_csv", args=[study.pk])).content.decode())))
    assert [row["value"] for row in rows if row["figure"] == "does"][:2] == ["yes", "no"]


def test_there_is_no_such_study(staff):
    for name in ("study", "study_json", "study_csv"):
        assert staff.get(reverse(name, args=[10**20])).status_code == 404


def test_looking_changes_nothing(staff, study):
    before = Order.objects.count(), Study.objects.count()
    staff.get(reverse("planner"))
    staff.get(reverse("study", args=[study.pk]))
    assert (Order.objects.count(), Study.objects.count()) == before
    assert staff.get(reverse("cancel_study", args=[study.pk])).status_code == 405
