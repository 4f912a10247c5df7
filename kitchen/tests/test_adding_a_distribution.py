"""Adding a service-time distribution takes an entry in the table, and a migration that Django writes."""

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings

# In a process of its own: the entry has to be there before the models are.
CODE = """
import io, json
from dataclasses import dataclass

import numpy as np

from simulation.distributions.table import DISTRIBUTIONS, HIGH, LOW, Entry, Form


@dataclass(frozen=True)
class Coin:
    low: float
    high: float

    @property
    def mean(self):
        return (self.low + self.high) / 2

    @property
    def variance(self):
        return (self.high - self.low) ** 2 / 4

    def one(self, random):
        return random.choice((self.low, self.high))

    def many(self, random, shape):
        return random.choice((self.low, self.high), shape)

    def remaining(self, random, elapsed, rows):
        return np.maximum(self.high - np.tile(elapsed, (rows, 1)), 0.0)


DISTRIBUTIONS["coin"] = Entry("coin", "Coin", (Form(Coin, LOW, HIGH),))

import django

django.setup()

from django.contrib import admin
from django.core.management import call_command

from kitchen.models import Station
from kitchen.planner.scenarios import StationPlan
from kitchen.planner.stations import read_station
from simulation.fields import PLAN, Fields
from simulation.simulator import read_spec, simulate

form = admin.site.get_model_admin(Station).get_form(None)()
station = Station(
    stage="baking", name="Oven", capacity=1, distribution="coin", parameters={"low": 5, "high": 9}, mean_seconds=7
)
station.clean()
spec = {
    "stations": [{"places": 1, "service": {"law": "coin", "low": 5, "high": 9}}],
    "arrivals": {"law": "times", "seconds": [0]},
    "replications": 64,
}
oven = StationPlan("baking", "Oven", 1, "fixed", 450, 0, False)
asked = Fields({"baking": {"law": "coin", "parameters": "low 5, high 9"}}, dialect=PLAN)
planned = read_station(asked, oven)
draws = planned.service.many(np.random.default_rng(1), (20,))
migrations = io.StringIO()
call_command("makemigrations", dry_run=True, stdout=migrations)
print(json.dumps({
    "choices": form.fields["distribution"].choices[-1:],
    "help": form.fields["parameters"].help_text,
    "spread": station.spread_seconds,
    "drawn": sorted({station.service_seconds(f"order-{n}", 1) for n in range(20)}),
    "simulated": simulate(read_spec(spec)).as_dict()["stations"][0]["service_mean"]["value"],
    "planned": [planned.mean_seconds, planned.spread_seconds, sorted(set(draws))],
    "migrations": migrations.getvalue(),
}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    environment = {
        **os.environ,
        "DATA_DIR": str(tmp_path_factory.mktemp("shop")),
        "PYTHONPATH": str(settings.BASE_DIR),
    }
    environment["DJANGO_SETTINGS_MODULE"] = "pizzaProj.settings"
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_admin_offers_it_and_says_what_it_takes(told):
    assert told["choices"] == [["coin", "Coin"]]
    assert "Coin: low and high." in told["help"]


def test_the_live_kitchen_draws_from_it(told):
    assert told["drawn"] == [5, 9]
    assert told["spread"] == 2


def test_the_spec_and_the_planner_know_it(told):
    assert 5 < told["simulated"] < 9
    assert told["planned"] == [7, 2, [5, 9]]


def test_it_needs_one_migration_for_the_choices(told):
    lines = [line.strip() for line in told["migrations"].splitlines()]
    assert [line for line in lines if line.startswith(("~", "+", "-"))] == ["~ Alter field distribution on station"]
    assert sum(line.endswith(".py") for line in lines) == 1
