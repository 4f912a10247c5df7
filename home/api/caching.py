"""What is the same for everybody can be kept, and asked for again without being sent again."""

import hashlib
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control, patch_vary_headers

DIGEST_LENGTH = 16


def kept_until_it_changes(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """Return the answer, or 304 to a client that has it. It can be kept by anybody, but never shown without asking."""
    # Weak, as the same is also sent compressed.
    etag = f'W/"{hashlib.sha256(answer.content).hexdigest()[:DIGEST_LENGTH]}"'
    for one in (answer, found := get_conditional_response(request, etag, response=answer)):
        if one is not None:
            one.headers["ETag"] = etag
            patch_cache_control(one, public=True, no_cache=True)
            patch_vary_headers(one, ["Accept-Encoding"])
    return cast(HttpResponse, found)
