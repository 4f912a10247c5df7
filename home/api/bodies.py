"""Read the body of an order, with a sentence for everything that can be wrong with it."""

import json
from typing import Any

from ninja.errors import HttpError

from home.models import MAX_QUANTITY, Pizza

MAX_ITEMS = 20
MAX_ID = 2**31

_ITEM = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer", "description": "The pizza's id in the menu"},
        "quantity": {"type": "integer", "minimum": 1, "maximum": MAX_QUANTITY, "default": 1},
    },
}
_ITEMS = {
    "type": "object",
    "required": ["items"],
    "properties": {"items": {"type": "array", "items": _ITEM, "minItems": 1, "maxItems": MAX_ITEMS}},
}
# For the OpenAPI description
KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 200},
    "description": "Requests with the same key from the same caller make one order, however often they are repeated.",
}
PIZZAS_PARAMETER = {
    "name": "pizzas",
    "in": "query",
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_ITEMS * MAX_QUANTITY, "default": 1},
    "description": "How many pizzas",
}
ORDER_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"oneOf": [_ITEM, _ITEMS]},
            "examples": {
                "one": {"value": {"id": 4}},
                "several": {"value": {"items": [{"id": 4, "quantity": 2}, {"id": 1}]}},
            },
        }
    },
}


def read_quantities(body: bytes) -> dict[int, int]:
    """Return {pizza's id: quantity}; HttpError 400 with a sentence if the body is not an order."""
    quantities: dict[int, int] = {}
    for row in _rows(body):
        pizza, quantity = _item(row)
        quantities[pizza] = quantities.get(pizza, 0) + quantity
    for quantity in quantities.values():
        if quantity > MAX_QUANTITY:
            raise HttpError(400, f"At most {MAX_QUANTITY} of each pizza: you asked for {quantity}.")
    return quantities


def read_pizzas(text: str) -> int:
    """Return how many pizzas an order would have; HttpError 400 with a sentence if that is not a number of them."""
    most = MAX_ITEMS * MAX_QUANTITY
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise HttpError(400, f"“pizzas” must be a whole number from 1 to {most}.")
    return int(text)


def choose(quantities: dict[int, int]) -> list[tuple[Pizza, int]]:
    """Return the quantities with the pizzas themselves; HttpError 400 if one is not on the menu."""
    menu = {pizza.pk: pizza for pizza in Pizza.objects.filter(on_menu=True)}
    for pk in quantities:
        if pk not in menu:
            raise HttpError(400, _not_on_menu(pk))
    return [(menu[pk], quantity) for pk, quantity in quantities.items()]


def _not_on_menu(pk: int) -> str:
    if abs(pk) > MAX_ID:
        return "There is no such pizza."
    pizza = Pizza.objects.filter(pk=pk).first()
    return f"{pizza or f'Pizza {pk}'} is not on the menu."


def _rows(body: bytes) -> list[Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise HttpError(400, 'The body is not JSON. Send, say, {"id": 4}.') from None
    if not isinstance(content, dict):
        raise HttpError(400, 'Send a JSON object, such as {"id": 4} or {"items": [{"id": 4, "quantity": 2}]}.')
    if "items" not in content:
        return [content]
    rows = content["items"]
    if "id" in content:
        raise HttpError(400, "Send either “id” or “items”, not both.")
    if not isinstance(rows, list):
        raise HttpError(400, "“items” must be a list.")
    if not rows:
        raise HttpError(400, "The order is empty: choose at least one pizza.")
    if len(rows) > MAX_ITEMS:
        raise HttpError(400, f"At most {MAX_ITEMS} lines in one order: you sent {len(rows)}.")
    return rows


def _item(row: Any) -> tuple[int, int]:
    if not isinstance(row, dict):
        raise HttpError(400, "Each item must be an object with “id” and “quantity”.")
    if "id" not in row:
        raise HttpError(400, "Which pizza? “id” is missing.")
    pizza, quantity = row["id"], row.get("quantity", 1)
    # bool is an int in Python, but true is not a number of pizzas
    if not isinstance(pizza, int) or isinstance(pizza, bool):
        raise HttpError(400, "“id” must be a whole number.")
    if not isinstance(quantity, int) or isinstance(quantity, bool):
        raise HttpError(400, "“quantity” must be a whole number.")
    if not 1 <= quantity <= MAX_QUANTITY:
        raise HttpError(400, f"“quantity” must be from 1 to {MAX_QUANTITY}.")
    return pizza, quantity
