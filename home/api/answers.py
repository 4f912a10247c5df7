"""Answers that every operation of the API can give, for its OpenAPI description."""

from typing import Any


def refusal(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Refusal"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


RETRY_AFTER = {"description": "Seconds until it is allowed again", "schema": {"type": "integer", "minimum": 1}}
TOO_MANY = {**refusal("Too many tries, as `error` says"), "headers": {"Retry-After": RETRY_AFTER}}
# Any call can bring a token, which can be wrong, and too often wrong.
WITH_ANY_TOKEN = {401: refusal("The token is not valid"), 429: TOO_MANY}
