"""The API: order, watch, menu. Every refusal is {"status": false, "error": "a sentence"}."""

from datetime import datetime
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError

from accounts import limits
from archive import reading
from home.api.bodies import (
    KEY_HEADER,
    ORDER_BODY,
    PIZZAS_PARAMETER,
    WAY_PARAMETER,
    Wanted,
    added_up,
    choose,
    read_order,
    read_pizzas,
    read_way,
)
from home.api.caching import kept_until_it_changes
from home.api.callers import Token, check_csrf, guest_for, idempotency_key, is_simulated, member
from home.api.pace import count_order
from home.models import Order, Pizza
from home.timeline import sentence_of, timeline
from kitchen import flow, stages
from kitchen.incomplete import AGAIN_SECONDS, Incomplete
from kitchen.promises import forecast
from pizzaProj.unavailable import keep_answer

# For the OpenAPI description
WITHOUT_TOKEN: list[dict[str, list[str]]] = [{}]  # with a token, or without
ANYWHERE = frozenset({401, 429, 503})  # a wrong token, too many of these, and no answer from the database
RETRY_AFTER = {"description": "Seconds until it is allowed again", "schema": {"type": "integer", "minimum": 1}}
TOO_MANY = {429: {"headers": {"Retry-After": RETRY_AFTER}}}
OTHER_METHODS = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]  # than POST
NOT_NOW = "We can't take orders right now: something is missing in the kitchen. Please try again in a few minutes."

api = NinjaAPI(
    title="Forno Vivo",
    description="Order, and watch the kitchen work. A page of this shop needs nothing more, nor does a script. With a "
    "token an order is its user's, without one it belongs to nobody.",
    auth=Token(),
    version="1",
    urls_namespace="api",
)


class Placed(Schema):
    status: bool
    message: str
    order: dict[str, Any]


class Told(Schema):
    payload: dict[str, Any]
    events: list[dict[str, Any]]
    timeline: list[dict[str, Any]]


class Menu(Schema):
    pizzas: list[dict[str, Any]]


class Times(Schema):
    low: datetime
    median: datetime
    high: datetime


class Ready(Schema):
    promise: Times | None
    what: str  # happens between low and high: "at the door" or "ready to collect"
    why_not: str


class Me(Schema):
    username: str


class Refusal(Schema):
    """The body of every answer of 400 and above."""

    status: bool
    error: str


@api.exception_handler(HttpError)
def refuse(request: HttpRequest, error: HttpError) -> HttpResponse:
    return api.create_response(request, {"status": False, "error": str(error)}, status=error.status_code)


@api.exception_handler(flow.Refused)
def refuse_as_kitchen(request: HttpRequest, refused: flow.Refused) -> HttpResponse:
    return refuse(request, HttpError(409, str(refused)))


@api.exception_handler(Incomplete)
def refuse_as_incomplete(request: HttpRequest, refused: Incomplete) -> HttpResponse:
    answer = refuse(request, HttpError(503, NOT_NOW))
    answer["Retry-After"] = str(AGAIN_SECONDS)
    return answer


@api.exception_handler(limits.TooMany)
def refuse_too_many(request: HttpRequest, refused: limits.TooMany) -> HttpResponse:
    return refused.answered_by(refuse(request, HttpError(429, refused.sentence)))


@api.exception_handler(RequestDataTooBig)
def refuse_too_much(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return refuse(request, HttpError(413, "That is too much to read for one order."))


@api.post(
    "/order/",
    summary="Order pizzas",
    response={201: Placed, ANYWHERE | {400, 403, 409, 413, 422}: Refusal},
    openapi_extra={
        "requestBody": ORDER_BODY,
        "parameters": [KEY_HEADER],
        "security": WITHOUT_TOKEN,
        "responses": TOO_MANY,
    },
)
@api.post("/order", include_in_schema=False)
def order_pizza(request: HttpRequest) -> HttpResponse:
    """Order one pizza or several, brought to the door or to collect (`way`).

    Requests with the same `Idempotency-Key` header make one order.
    """
    check_csrf(request)
    wanted = read_order(request.body)
    guest = guest_for(request)
    key = idempotency_key(request)
    order = placed_by(key, wanted, guest) or place_once(request, wanted, guest, key)
    answer = {
        "status": True,
        "message": f"Thank you! Order {order.number} is in the kitchen.",
        "order": order.payload(),
    }
    return keep_answer(request, api.create_response(request, answer, status=201))


@api.api_operation(OTHER_METHODS, "/order/", include_in_schema=False)
@api.api_operation(OTHER_METHODS, "/order", include_in_schema=False)
def only_post(request: HttpRequest) -> HttpResponse:
    answer = refuse(request, HttpError(405, "Orders are placed with POST."))
    answer["Allow"] = "POST"
    return answer


def place_once(request: HttpRequest, wanted: Wanted, guest: str, key: str | None) -> Order:
    """Place the order; if an equal request is placing it at this moment, return the order that it makes."""
    user = request.user if request.user.is_authenticated else None
    items, simulated = choose(wanted.lines), is_simulated(request)
    if not simulated:
        count_order(request, guest)
    promise = forecast.promise(wanted.pizzas, timezone.now(), wanted.way)
    try:
        return flow.place(
            items,
            way=wanted.way,
            user=user,
            guest=guest,
            idempotency_key=key,
            simulated=simulated,
            promise=promise,
        )
    except IntegrityError:
        earlier = placed_by(key, wanted, guest)
        if earlier is None:
            raise
        return earlier


def placed_by(key: str | None, wanted: Wanted, guest: str) -> Order | None:
    """Return the order of an earlier, equal request. HttpError 422 if that one asked for something else."""
    order = Order.objects.filter(idempotency_key=key).first() if key else None
    if order is None:
        return None
    ordered = added_up((line.pizza_id, line.quantity) for line in order.lines.all())
    if (ordered, order.way) != (wanted.quantities, wanted.way):
        raise HttpError(422, "This Idempotency-Key was used for another order.")
    if order.user_id is None and order.guest != guest:
        # The first answer was lost, and with it the session that it brought: the new one takes over.
        order.guest = guest
        order.save(update_fields=["guest"])
    return order


@api.get(
    "/order/{order_id}/",
    summary="One order and what happened to it",
    response={200: Told, ANYWHERE | {404}: Refusal},
    openapi_extra={"security": WITHOUT_TOKEN, "responses": TOO_MANY},
)
@api.get("/order/{order_id}", include_in_schema=False)
def get_order(request: HttpRequest, order_id: str) -> dict[str, Any]:
    """Return the order. The payload is the same as on the socket `/ws/pizza/<order_id>/`.

    Its `items` are its pizzas, numbered; an event's `item` is the number of the pizza that it is about, or null.
    The `timeline` says the same as the events in fewer lines, for people.
    """
    order = reading.order_at(order_id, Order.objects.with_items().prefetch_related("events"))
    if order is None:
        raise HttpError(404, "There is no order with this id.")
    return {
        "payload": order.payload(),
        "events": [{**event.as_dict(), "sentence": sentence_of(event, order)} for event in order.events.all()],
        "timeline": [{"at": at, "sentence": sentence} for at, sentence in timeline(order)],
    }


@api.get(
    "/promise/",
    summary="When an order would be here",
    response={200: Ready, ANYWHERE | {400}: Refusal},
    openapi_extra={
        "parameters": [PIZZAS_PARAMETER, WAY_PARAMETER],
        "security": WITHOUT_TOKEN,
        "responses": TOO_MANY,
    },
)
@api.get("/promise", include_in_schema=False)
def get_promise(request: HttpRequest) -> dict[str, Any]:
    """Say when an order placed now would be at the door, or ready to collect.

    It is so between low and high in nine of ten cases; without a promise, `why_not` says why.
    """
    pizzas, way = read_pizzas(request.GET.get("pizzas", "1")), read_way(request.GET.get("way", stages.DELIVERY))
    answer = forecast.preview(pizzas, timezone.now(), way)
    return {"promise": answer.times, "what": stages.ROUTES[way].what, "why_not": answer.why_not}


@api.get(
    "/me/",
    summary="Who is calling",
    response={200: Me, ANYWHERE: Refusal},
    openapi_extra={"responses": TOO_MANY},
)
@api.get("/me", include_in_schema=False)
def get_me(request: HttpRequest) -> dict[str, Any]:
    """Return the account of the token, or of the page's session: a way to try a token."""
    return {"username": member(request).username}


@api.get(
    "/menu/",
    summary="What can be ordered",
    response={200: Menu, 304: None, ANYWHERE: Refusal},
    openapi_extra={"security": WITHOUT_TOKEN, "responses": TOO_MANY},
)
@api.get("/menu", include_in_schema=False)
def get_menu(request: HttpRequest) -> HttpResponse:
    """Return the menu. Prices are in dollars.

    With the `ETag` of the last answer in `If-None-Match` it is 304, without a body, as long as nothing has changed.
    """
    menu = {"pizzas": [pizza.as_dict() for pizza in Pizza.objects.filter(on_menu=True)]}
    return kept_until_it_changes(request, api.create_response(request, menu, status=200))
