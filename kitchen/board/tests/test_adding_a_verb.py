"""Another verb for staff takes a rule in flow, its entry on the board, and the sentence of its event."""

import pytest

from home.models import Order, OrderEvent
from kitchen.board import actions

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


def test_a_new_verb_has_its_button_on_the_board_and_is_called(client, bob, place, monkeypatch):
    order, tasted = place(), []

    def taste(pk, *args, seen):
        tasted.append((pk, seen))
        return []

    monkeypatch.setitem(actions.VERBS, "taste", taste)
    monkeypatch.setitem(actions.BUTTONS, "taste", ("Taste it", ""))
    client.force_login(bob)
    button = '<button type="button" class="btn" data-action="taste">Taste it</button>'
    assert client.get("/kitchen/").content.decode().count(button) == 1
    answer = actions.act({"action": "taste", "order_id": order.order_id, "seq": order.seq}, bob)
    assert (answer["done"], tasted) == ("taste", [(order.pk, order.seq)])


def test_every_button_is_a_verb():
    assert [name for name in actions.BUTTONS if name not in actions.VERBS] == []


@pytest.mark.parametrize("event", OrderEvent.Event)
def test_every_event_has_a_sentence(event):
    assert OrderEvent(order=Order(), event=event, stage="baking").sentence
