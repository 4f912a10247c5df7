"""Compress pages whose length tells nobody anything.

Over https, whoever can make a browser ask for a page and sees how long the answer is can guess a secret in it, if the
same page repeats what they choose: each right guess makes it shorter (BREACH). So what repeats something of its
request, in its address behind the question mark, in a body or in a refusal, is sent as it is. In the rest the CSRF
token is masked anew each time, the session is never in a page, and Django adds up to a hundred random bytes.
"""

from typing import Any

from django.http import HttpRequest
from django.middleware.gzip import GZipMiddleware

PLAIN = ("/admin/", "/profile/")  # tokens of the API are shown there, once, and staff search for what they like


class Compressed(GZipMiddleware):
    def process_response(self, request: HttpRequest, response: Any) -> Any:
        return super().process_response(request, response) if is_safe(request, response) else response


def is_safe(request: HttpRequest, response: Any) -> bool:
    repeats_nothing = request.method == "GET" and not request.META.get("QUERY_STRING") and response.status_code == 200
    # Static files are compressed once, and pictures are small already.
    is_text = response.headers.get("Content-Type", "").startswith(("text/", "application/json"))
    return repeats_nothing and is_text and not response.streaming and not request.path.startswith(PLAIN)
