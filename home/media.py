"""Serve uploaded pictures where no proxy does (on a laptop)."""

from pathlib import Path

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.utils._os import safe_join
from django.views.decorators.http import require_safe


@require_safe
def picture(request: HttpRequest, folder: str, name: str) -> HttpResponse:
    """Serve one picture. File names are digests of the content or random, so they never change their meaning. All are
    WebP: nothing else is ever stored."""
    try:
        path = Path(safe_join(settings.MEDIA_ROOT, folder, name))
        content = path.read_bytes()
    except (OSError, ValueError, SuspiciousFileOperation):
        raise Http404("No such picture") from None
    # What people upload of themselves is for whoever sees their page, not for a cache between.
    who = "public" if folder == "pizzas" else "private"
    kept = f"{who}, max-age={365 * 24 * 3600}, immutable"
    return HttpResponse(content, content_type="image/webp", headers={"Cache-Control": kept})
