"""What staff can change about an order in the admin."""

import pytest

from home.forms import OrderForm

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


@pytest.mark.parametrize(
    ("way", "stage", "problems"),
    [
        ("delivery", "out_for_delivery", {}),
        ("delivery", "ready", {"stage": ["The order never is “Ready to collect”: its way is “Delivery”."]}),
        ("carry_out", "ready", {}),
        ("carry_out", "out_for_delivery", {"stage": ["The order never is “Out for delivery”: its way is “Collect”."]}),
        ("carry_out", "cancelled", {}),
        ("delivery", "received", {"stage": ["The order is already at that stage."]}),
    ],
)
def test_an_order_goes_only_where_its_way_leads(place, way, stage, problems):
    order = place(way=way)
    shown = "baking" if stage == "received" else "received"
    form = OrderForm({"stage": stage, "initial-stage": shown}, instance=order)
    assert form.errors == problems
