"""Whether promises use what was measured at a station: it turns itself on, and off where people set the times."""

import pytest

from kitchen import as_measured, flow
from kitchen.board import actions, snapshot
from kitchen.models import Station
from kitchen.tests.clock import at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small_kitchen", "sent", "cooked")]

FIGURES = {
    "measured_distribution": "gamma",
    "measured_mean_seconds": 23.4,
    "measured_spread_seconds": 3.21,
    "measured_samples": 77,
}


def oven():
    return Station.objects.get(stage="baking")


@pytest.fixture
def measured():
    Station.objects.filter(stage="baking").update(as_measured=True, **FIGURES)


def test_in_words():
    assert as_measured.words(oven()) == "As set, until enough work has been measured."
    Station.objects.update(**FIGURES)
    assert as_measured.words(oven()) == "As set, until enough work has been measured. Measured: 77 works, 23 ± 3 s."
    Station.objects.update(as_measured=True)
    assert as_measured.words(oven()) == "As measured: 77 works, 23 ± 3 s."
    Station.objects.update(measured_mean_seconds=1263.4, measured_spread_seconds=412.0)
    assert as_measured.round_words(oven()) == "As measured: 50 works, 1300 ± 400 s."
    Station.objects.update(kind="belt")
    assert as_measured.words(oven()) == "As set: all that is on a belt takes the same time."


@pytest.mark.parametrize(
    "change",
    [
        {"mean_seconds": 25},
        {"distribution": "lognormal", "spread_seconds": 4},
        {"per_pizza": True},
        {"distribution": "uniform", "parameters": {"low": 10, "high": 30}},
    ],
)
def test_where_people_set_the_times_promises_use_these(measured, bob, change):
    flow.change_station("baking", by=bob, clock=at(0), **change)
    assert (oven().as_measured, oven().expected[:2]) == (False, (oven().distribution, oven().mean_seconds))
    assert as_measured.words(oven()) == (
        "Set by bob on Nov 20, 12:00: promises use the times as set. Measured: 77 works, 23 ± 3 s."
    )
    assert not as_measured.turn_on(oven(), at(9))
    flow.change_station("baking", clock=at(1), as_measured=True)
    assert as_measured.words(oven()) == "As measured: 77 works, 23 ± 3 s."


@pytest.mark.parametrize("change", [{"mean_seconds": 20}, {"capacity": 5}, {"is_open": False}, {"name": "Grill"}])
def test_what_is_sent_again_or_no_time_changes_nothing(measured, change):
    flow.change_station("baking", clock=at(0), **change)
    assert (oven().as_measured, oven().measured_off_reason) == (True, "")


def test_a_switch_off_stays(measured):
    flow.change_station("baking", clock=at(0), as_measured=False)
    assert as_measured.words(oven()).startswith("Switched off by hand on Nov 20, 12:00. Measured: 77 works")
    assert not as_measured.turn_on(oven(), at(9))
    assert not oven().as_measured


def test_it_turns_itself_on_but_once(measured):
    Station.objects.update(as_measured=False)
    assert [as_measured.turn_on(oven(), at(9)) for _ in range(2)] == [True, False]
    assert (oven().as_measured, oven().as_measured_since) == (True, at(9))


def since():
    return {way: teaching.since for way, teaching in as_measured.teaching_by_way().items()}


def test_since_when_is_said_for_each_way(measured):
    never = as_measured.BEGINNING
    assert since() == {"delivery": never, "carry_out": never}  # it was on before there was a since
    as_measured.turn_on(Station.objects.get(stage="received"), at(5))
    as_measured.turn_on(Station.objects.get(stage="out_for_delivery"), at(7))
    assert since() == {"delivery": at(7), "carry_out": at(5)}
    flow.change_station("received", clock=at(8), mean_seconds=11)
    assert since() == {"delivery": at(7), "carry_out": never}
    flow.change_station("received", clock=at(9), as_measured=True)
    assert since() == {"delivery": at(9), "carry_out": at(9)}


def test_orders_that_were_there_while_a_change_was_unnoticed_teach_nothing(measured):
    spell = {"measured_changed_at": at(100), "measured_noticed_at": at(200)}
    Station.objects.filter(stage="out_for_delivery").update(as_measured=True, **spell)
    Station.objects.filter(stage="received").update(as_measured=False, **spell)  # promises do not use its works
    teaching = as_measured.teaching_by_way()
    orders = [(0, 100), (0, 101), (150, 160), (199, 400), (200, 400)]
    assert [teaching["delivery"].includes(at(promised), at(came)) for promised, came in orders] == [
        True,
        False,
        False,
        False,
        True,
    ]
    assert all(teaching["carry_out"].includes(at(promised), at(came)) for promised, came in orders)


def test_who_sets_times_and_switches_it_on_at_once_wants_what_is_measured(measured, bob):
    flow.change_station("baking", clock=at(0), as_measured=False)
    actions.act({"action": "station", "stage": "baking", "mean_seconds": 22, "as_measured": True}, bob)
    assert (oven().as_measured, oven().measured_off_reason, oven().mean_seconds) == (True, "", 22)


def test_the_board_and_the_admin_know_who_it_was(measured, client, bob):
    actions.act({"action": "station", "stage": "baking", "mean_seconds": 22, "places": 1, "is_open": True}, bob)
    assert oven().measured_off_reason.startswith("Set by bob on ")
    (shown,) = (row for row in snapshot.settings()["stations"] if row["stage"] == "baking")
    assert shown["measured_words"].endswith("promises use the times as set. Measured: 50 works, 23 ± 3 s.")
    client.force_login(bob)
    assert oven().measured_off_reason in client.get("/admin/kitchen/station/").content.decode()
    assert oven().measured_off_reason in client.get("/kitchen/promises/").content.decode()


def test_a_long_name_fits(measured, bob):
    bob.username = "b" * 150
    flow.change_station("baking", by=bob, clock=at(0), mean_seconds=21)
    assert bob.username in oven().measured_off_reason
