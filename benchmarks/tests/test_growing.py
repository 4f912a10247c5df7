"""Each measure of a kitchen that grows can be taken, and leaves orders behind as it says."""

import pytest

from benchmarks.growing import __main__ as growing
from benchmarks.growing import boarding, forecasting, measures, promising
from home.models import Order

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


def test_each_measure_has_figures_and_each_bar_one_of_them(place, monkeypatch):
    monkeypatch.setattr(forecasting, "ROUNDS", 2)
    monkeypatch.setattr(forecasting, "EVERY_SECONDS", 0)
    monkeypatch.setattr(promising, "BURST", 3)
    monkeypatch.setattr(boarding, "ROUNDS", 2)
    place()
    figures = {name: value for measure in measures.MEASURES.values() for name, value in measure().items()}
    assert min(figures.values()) > 0 and growing.BARS.keys() <= figures.keys()
    assert Order.objects.open().count() == 4
    assert not growing.is_met({"figure": "a round, median", "value": 201.0})
