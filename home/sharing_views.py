"""The customer's buttons: show the order to a friend, stop sharing it."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from accounts import people
from home import sharing
from home.models import Order
from realtime.refused import Refused


@require_POST
@login_required
def share(request: HttpRequest, order_id: str) -> HttpResponse:
    return change(request, order_id, sharing.share, "{} now sees it on their page.")


@require_POST
@login_required
def unshare(request: HttpRequest, order_id: str) -> HttpResponse:
    return change(request, order_id, sharing.unshare, "{} no longer sees it on their page.")


def change(
    request: HttpRequest, order_id: str, verb: Callable[[Order, User, User], None], sentence: str
) -> HttpResponse:
    """Call the verb. Somebody else's order is answered like one that does not exist."""
    assert request.user.is_authenticated  # login_required
    order = get_object_or_404(Order, order_id=order_id, user=request.user)
    try:
        friend = people.person(request.user, request.POST.get("friend", ""))
        verb(order, friend, request.user)
    except Refused as refused:
        messages.warning(request, str(refused))
    else:
        messages.success(request, sentence.format(friend))
    return redirect(order)
