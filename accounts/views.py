"""Sign up, log in and manage passwords with Django's own views, plus limits and the shop's templates."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.auth import login
from django.contrib.auth import views as auth
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.contenttypes.views import shortcut
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import limits
from accounts.forms import ForgottenPasswordForm, LogInForm, NewPasswordForm, SignUpForm


def limited(response: HttpResponse, form: BaseForm | None) -> HttpResponse:
    """Give the page that shows this form the status 429 if a limit is exceeded, and say when to come back."""
    refused = refusal_in(form) if form is not None else None
    return refused.answered_by(response) if refused else response


def refusal_in(form: BaseForm) -> limits.TooMany | None:
    errors = (error for found in form.errors.as_data().values() for error in found)
    return next((error for error in errors if isinstance(error, limits.TooMany)), None)


def sent(request: HttpRequest) -> QueryDict | None:
    """Return the data to bind a form to, None unless it was posted. An unchecked lone check box posts no data."""
    return request.POST if request.method == "POST" else None


class Limited:
    """Make a FormView answer with 429 if its form exceeded a limit."""

    def form_invalid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_invalid(form)  # type: ignore[misc]
        return limited(response, form)


@sensitive_post_parameters()
@never_cache
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """Create an account and log it in. The visitor's earlier orders come along (home.signals)."""
    if request.user.is_authenticated:
        return redirect("index")
    form = SignUpForm(limits.address_of(request), sent(request))
    target = request.POST.get("next") or request.GET.get("next", "")
    if form.is_bound and make_account(request, form):
        safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
        # Not `redirect`, which would take a bare word for the name of a view.
        return HttpResponseRedirect(target) if safe else redirect("index")
    return limited(render(request, "registration/sign_up.html", {"form": form, "next": target}), form)


def make_account(request: HttpRequest, form: SignUpForm) -> bool:
    """Create the account and log it in. If that fails, return False; the form then has the error."""
    user = None
    try:
        if form.is_valid():
            with limits.spending(("sign_up", form.address)):
                user = form.save()
    except ValidationError as error:
        form.add_error(None, error)
    if user:
        login(request, user)
    elif not refusal_in(form):
        limits.note("sign_up_form", form.address)
    return user is not None


class LogIn(Limited, auth.LoginView):
    authentication_form = LogInForm
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Go on if somebody has logged in in another tab, and say so to a person who wants to be somebody else."""
        if request.method == "POST" and isinstance(request.user, User) and not names(request):
            messages.info(request, f"You are logged in as {request.user}. To use another account, log out first.")
        return super().dispatch(request, *args, **kwargs)

    def get_success_url(self) -> str:
        """Never return this page: after the log-in it would redirect to itself, which Django reports as an error."""
        url = super().get_success_url()
        return self.get_default_redirect_url() if urlsplit(url).path == self.request.path else url


def names(request: HttpRequest) -> bool:
    """Return whether a log-in names the person who is logged in, by name or e-mail address."""
    user, typed = request.user, request.POST.get("username", "").strip().casefold()
    return typed in (user.get_username().casefold(), user.email.casefold())  # type: ignore[union-attr]


def admin_log_in(request: HttpRequest) -> HttpResponse:
    """Show the admin's own log-in page with the same limits (accounts.admin sets its form)."""
    response = admin.site.login(request)
    return limited(response, (getattr(response, "context_data", None) or {}).get("form"))


@admin.site.admin_view
def view_on_site(request: HttpRequest, content_type_id: str, object_id: str) -> HttpResponse:
    """Redirect to the page of what one can see in the admin: Django would tell all staff every order's address."""
    try:
        model = ContentType.objects.get_for_id(int(content_type_id)).model_class()
        shown = admin.site.get_model_admin(model)  # type: ignore[arg-type]  # None is not registered
    except (ValueError, ContentType.DoesNotExist, NotRegistered):
        raise Http404 from None
    if not shown.has_view_permission(request):
        raise PermissionDenied
    return shortcut(request, content_type_id, object_id)


class NewPassword(Limited, auth.PasswordChangeView):
    """Change the password. That ends all other sessions: each carries a digest of the password."""

    form_class = NewPasswordForm
    template_name = "accounts/new_password.html"
    success_url = reverse_lazy("profile")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password has been changed. Other devices are logged out.")
        return super().form_valid(form)


class ForgottenPassword(Limited, auth.PasswordResetView):
    """Show the same page whether or not the address is known."""

    form_class = ForgottenPasswordForm
    template_name = "accounts/forgotten_password.html"
    subject_template_name = "accounts/reset_subject.txt"
    email_template_name = "accounts/reset_mail.txt"

    def form_valid(self, form: Any) -> HttpResponse:
        email = form.cleaned_data["email"].casefold()
        try:
            limits.spend(("reset", email), ("reset_address", limits.address_of(self.request)))
        except limits.TooMany as too_many:
            form.add_error(None, too_many)
            return self.form_invalid(form)
        return super().form_valid(form)


class ResetPassword(auth.PasswordResetConfirmView):
    """Handle the link in the mail, which works once and within settings.PASSWORD_RESET_TIMEOUT."""

    template_name = "accounts/reset_password.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password has been changed. Log in with it.")
        return super().form_valid(form)


@method_decorator(never_cache, name="dispatch")
class ResetSent(auth.PasswordResetDoneView):
    template_name = "accounts/reset_sent.html"
