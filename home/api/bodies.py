"""Read the body of an order, with a sentence for everything that can be wrong with it."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from ninja.errors import HttpError

from home.models import MAX_QUANTITY, Pizza
from kitchen import stages
from realtime.incoming import Unkeepable, parse_json

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
_WAY = {
    "type": "string",
    "enum": list(stages.ROUTES),
    "default": stages.DELIVERY,
    "description": "Brought to the door, or collected at the counter",
}
_ONE = {**_ITEM, "properties": {**_ITEM["properties"], "way": _WAY}}  # type: ignore[dict-item]
_ITEMS = {
    "type": "object",
    "required": ["items"],
    "properties": {
        "items": {
            "type": "array",
            "items": _ITEM,
            "minItems": 1,
            "maxItems": MAX_ITEMS,
            "description": f"Two lines can be of the same pizza; at most {MAX_QUANTITY} of each in all",
        },
        "way": _WAY,
    },
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
WAY_PARAMETER = {
    "name": "way",
    "in": "query",
    "schema": {key: value for key, value in _WAY.items() if key != "description"},
    "description": _WAY["description"],
}
ORDER_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"oneOf": [_ONE, _ITEMS]},
            "examples": {
                "one": {"value": {"id": 4}},
                "several": {"value": {"items": [{"id": 4, "quantity": 2}, {"id": 1}]}},
                "collect": {"value": {"items": [{"id": 4, "quantity": 3}], "way": stages.CARRY_OUT}},
            },
        }
    },
}


class Wanted(NamedTuple):
    """What somebody asks for."""

    lines: list[tuple[int, int]]  # (pizza's id, quantity), as they were sent
    way: str  # a code of stages.ROUTES

    @property
    def quantities(self) -> Counter[int]:
        """How many of each pizza, whatever lines they are in."""
        return added_up(self.lines)

    @property
    def pizzas(self) -> int:
        return self.quantities.total()


def added_up(lines: Iterable[tuple[int, int]]) -> Counter[int]:
    """Return {pizza's id: quantity}."""
    sums = Counter[int]()
    for pizza, quantity in lines:
        sums[pizza] += quantity
    return sums


def read_order(body: bytes) -> Wanted:
    """Return what the body asks for; HttpError 400 with a sentence if it is not an order."""
    content = _object(body)
    wanted = Wanted([_item(row) for row in _rows(content)], read_way(content.get("way", stages.DELIVERY)))
    for quantity in wanted.quantities.values():
        if quantity > MAX_QUANTITY:
            raise HttpError(400, f"At most {MAX_QUANTITY} of each pizza: you asked for {quantity}.")
    return wanted


def read_way(code: Any) -> str:
    """Return the way out of the kitchen; HttpError 400 with a sentence if there is no such way."""
    if not isinstance(code, str) or code not in stages.ROUTES:
        raise HttpError(400, "“way” must be {}.".format(" or ".join(f"“{code}”" for code in stages.ROUTES)))
    return code


def read_pizzas(text: str) -> int:
    """Return how many pizzas an order would have; HttpError 400 with a sentence if that is not a number of them."""
    most = MAX_ITEMS * MAX_QUANTITY
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise HttpError(400, f"“pizzas” must be a whole number from 1 to {most}.")
    return int(text)


def choose(lines: Iterable[tuple[int, int]]) -> list[tuple[Pizza, int]]:
    """Return the lines with the pizzas themselves; HttpError 400 if one is not on the menu."""
    menu = {pizza.pk: pizza for pizza in Pizza.objects.filter(on_menu=True)}
    chosen = []
    for pk, quantity in lines:
        if pk not in menu:
            raise HttpError(400, _not_on_menu(pk))
        chosen.append((menu[pk], quantity))
    return chosen


def _not_on_menu(pk: int) -> str:
    if abs(pk) > MAX_ID:
        return "There is no such pizza."
    pizza = Pizza.objects.filter(pk=pk).first()
    return f"{pizza or f'Pizza {pk}'} is not on the menu."


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = parse_json(body)
    except ValueError:
        raise HttpError(400, 'The body is not JSON. Send, say, {"id": 4}.') from None
    except Unkeepable as unkeepable:
        raise HttpError(400, str(unkeepable)) from None
    if not isinstance(content, dict):
        raise HttpError(400, 'Send a JSON object, such as {"id": 4} or {"items": [{"id": 4, "quantity": 2}]}.')
    return content


def _rows(content: dict[str, Any]) -> list[Any]:
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
    if any(isinstance(row, dict) and "way" in row for row in rows):
        raise HttpError(400, "“way” is for the whole order: send it beside “items”.")
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
