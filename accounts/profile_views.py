"""Show a person their own account: the profile page, and the actions it offers."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import leaving, tokens
from accounts.forms import DeleteForm, EmailForm, ProfileForm, TokenForm
from accounts.models import Profile
from accounts.views import limited, sent

require_form = require_http_methods(["GET", "HEAD", "POST"])


@login_required
@never_cache
@require_form
def profile(request: HttpRequest) -> HttpResponse:
    mine = Profile.of(request.user)
    form = ProfileForm(sent(request), request.FILES or None, instance=mine)
    if form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return redirect("profile")
    return profile_page(request, mine, form=form)


@login_required
@never_cache
@sensitive_post_parameters()
@require_form
def change_email(request: HttpRequest) -> HttpResponse:
    user = the_user(request)
    form = EmailForm(user, sent(request), initial={"email": user.email})
    if form.is_valid():
        user.email = form.cleaned_data["email"]
        user.save(update_fields=["email"])
        messages.success(request, "Your e-mail address has been changed.")
        return redirect("profile")
    return limited(render(request, "accounts/change_email.html", {"form": form}), form)


@login_required
@never_cache
@require_POST
def make_token(request: HttpRequest) -> HttpResponse:
    """Show the new key without a redirect, which would require storing the key for the next page."""
    user = the_user(request)
    form = TokenForm(user, request.POST)
    if not form.is_valid():
        return profile_page(request, Profile.of(user), token_form=form)
    return render(request, "accounts/token.html", {"key": form.save(), "name": form.cleaned_data["name"]})


@login_required
@require_POST
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    if tokens.revoke(the_user(request), pk):
        messages.success(request, "The token is revoked and no longer works.")
    else:
        messages.error(request, "You have no such token. It may already have been revoked.")
    return redirect("profile")


@login_required
@never_cache
@sensitive_post_parameters()
@require_form
def delete_account(request: HttpRequest) -> HttpResponse:
    user = the_user(request)
    form = DeleteForm(user, sent(request))
    if form.is_valid():
        leaving.leave(user, form.cleaned_data["takes_words"])
        logout(request)
        messages.success(request, "Your account has been deleted. Goodbye!")
        return redirect("index")
    return limited(render(request, "accounts/delete.html", {"form": form}), form)


def profile_page(
    request: HttpRequest, mine: Profile, form: ProfileForm | None = None, token_form: TokenForm | None = None
) -> HttpResponse:
    """Render the profile page with the form that has errors; the other form is fresh."""
    user = the_user(request)
    context: dict[str, Any] = {
        "profile": mine,
        "form": form or ProfileForm(instance=mine),
        "token_form": token_form or TokenForm(user),
        "tokens": user.tokens.all(),
        "now": timezone.now(),
    }
    return limited(render(request, "accounts/profile.html", context), context["token_form"])


def the_user(request: HttpRequest) -> User:
    """Return the account of a request to a page that requires a log-in."""
    assert isinstance(request.user, User)
    return request.user
