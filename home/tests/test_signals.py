"""Announcements come after the commit, once for every seq."""

import logging

import pytest
from django.db import transaction

from home.models import Order
from kitchen import flow
from realtime.broadcast import broadcaster

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_placing_announces_once_after_the_commit(cooked, sent, place):
    with transaction.atomic():
        order = place()
        assert sent == []
    assert sent == [(order.order_id, 1)]


def test_a_change_announces_its_seq(cooked, sent, place, bob):
    order = place()
    flow.override(order.pk, "baking", by=bob)
    flow.hold(order.pk, by=bob)
    assert sent == [(order.order_id, seq) for seq in (1, 2, 3)]


def test_a_rolled_back_change_announces_nothing(cooked, sent, place, bob):
    order = place()
    sent.clear()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        flow.override(order.pk, "baking", by=bob)
        raise ZeroDivisionError
    assert sent == []
    assert Order.objects.get().stage == "received"


def test_a_save_that_changed_nothing_announces_nothing(cooked, sent, place):
    place()
    sent.clear()
    Order.objects.get().save()
    assert sent == []


def test_a_save_succeeds_with_redis_down_and_it_is_logged(cooked, valkey, place, caplog):
    valkey.stop()
    with caplog.at_level(logging.WARNING, logger="realtime.broadcast"):
        order = place()
        broadcaster.flush()
    assert Order.objects.get() == order
    assert f"Not sent to order_{order.order_id[:4]}…" in caplog.text
    assert order.order_id not in caplog.text


def test_an_order_is_accepted_with_the_broker_down(valkey, place, caplog):
    valkey.stop()
    order = place()
    broadcaster.flush()
    assert Order.objects.get() == order
    assert "The broker does not answer; the recovery sweep will bring what is not sent" in caplog.text
