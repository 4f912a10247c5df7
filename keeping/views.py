"""Hand a person their own data."""

import tempfile

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.forms import ExportForm
from accounts.profile_views import the_user
from accounts.views import limited, sent
from keeping import export
from keeping.export import Person, TooMuch
from pizzaProj import limits

IN_MEMORY_BYTES = 1_000_000
FILE_NAME = "my-data.zip"
TOO_MUCH = "There is more than we can pack while you wait. Please ask us for it: we send you the file."


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def my_data(request: HttpRequest) -> HttpResponse:
    user = the_user(request)
    form = ExportForm(user, sent(request))
    if form.is_valid():
        try:
            return download(Person(user))
        except TooMuch:
            form.add_error(None, TOO_MUCH)
    return limited(render(request, "keeping/data.html", {"form": form}), form)


def download(person: Person) -> HttpResponse:
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        export.write(person, file, timezone.now(), limits.EXPORT_BYTES)
        file.seek(0)
        response = HttpResponse(file.read(), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{FILE_NAME}"'
    return response
