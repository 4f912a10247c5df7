"""Forms for sign-up, log-in and the profile. Exceeding a limit is a validation error (limits.TooMany)."""

import unicodedata
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, PasswordResetForm, UserCreationForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.template import loader
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts import leaving, limits, mail, pictures, tokens
from accounts.backends import MAX_SHARING
from accounts.models import NAME_LENGTH, Profile
from accounts.names import is_taken

LONGEST_EMAIL = 254  # characters; Django's own limit
LONGEST_USERNAME = 40  # characters; with Django's 150, a request from a stranger would fill a phone screen
MAX_TOKENS = 20  # per account
EXPIRY_DAYS = {"7": "in a week", "30": "in 30 days", "90": "in 90 days", "365": "in a year"}
DEFAULT_EXPIRY_DAYS = "30"
EMAIL_HELP = "In case you forget your password. Nobody else sees it."
READS_HELP = "Others see how far you have read, and you see how far they have."
NAME_TAKEN = "A user with that username already exists."


class SignUpForm(UserCreationForm):  # type: ignore[type-arg]
    email = forms.EmailField(
        label="E-mail",
        max_length=LONGEST_EMAIL,
        help_text=EMAIL_HELP,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username", "email")

    def __init__(self, address: str, *args: Any, **kwargs: Any) -> None:
        self.address = address
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "User name"
        self.fields["username"].widget.attrs["maxlength"] = LONGEST_USERNAME
        self.fields["username"].help_text = "Letters, digits and . + - _ only. Everyone sees it."

    def clean_username(self) -> str:
        """Refuse a name that contains an @, has no letter or digit, or looks like a name that is taken.

        With an @ it could pass for somebody's e-mail address. It is part of a URL, where “..” would be another page.
        """
        # Before the form reveals whether the name is taken
        limits.check(("sign_up", self.address), ("sign_up_form", self.address))
        username: str = self.cleaned_data["username"]
        if "@" in username:
            raise ValidationError("A user name can't contain an @. Your e-mail address goes into the field below.")
        if len(username) > LONGEST_USERNAME:
            raise ValidationError(f"A user name has at most {LONGEST_USERNAME} characters: this has {len(username)}.")
        if not any(map(str.isalnum, username)):
            raise ValidationError("A user name needs a letter or a digit.")
        if is_taken(username):
            raise ValidationError(NAME_TAKEN)
        return username

    def save(self, commit: bool = True) -> User:
        """Raise ValidationError if somebody else took the name at the same moment."""
        try:
            with transaction.atomic():
                user: User = super().save(commit)
        except IntegrityError:
            raise ValidationError({"username": NAME_TAKEN}) from None
        return user


class LogInForm(AuthenticationForm):
    """Log in by user name or e-mail address. Failures are counted."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "That name or e-mail address and that password don't match.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        username = self.fields["username"]
        username.label = "User name or e-mail"
        username.max_length = username.widget.attrs["maxlength"] = LONGEST_EMAIL  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        with limits.failing(*log_in_tries(self)):
            return super().clean()


class AdminLogInForm(AdminAuthenticationForm):
    """The admin's own form, with the same count of failures."""

    def clean(self) -> dict[str, Any]:
        with limits.failing(*log_in_tries(self)):
            return super().clean()


class NewPasswordForm(PasswordChangeForm):
    """Change the password after checking the old one. Failures are counted."""

    def clean_old_password(self) -> str:
        with limits.failing(("confirm", self.user.pk)):
            return super().clean_old_password()


class ForgottenPasswordForm(PasswordResetForm):
    """Write and send the mail in the background, so that an unknown address takes as long as a known one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = "E-mail"

    def get_users(self, email: str) -> list[User]:
        """Return the accounts that can log in with this address (accounts.backends).

        Their number is limited: somebody could create hundreds with one address to flood its mailbox.
        """
        return sorted(super().get_users(email), key=lambda user: user.pk)[:MAX_SHARING]

    def send_mail(
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, Any],
        from_email: str | None,
        to_email: str,
        html_email_template_name: str | None = None,
    ) -> None:
        def write() -> EmailMessage:
            subject = " ".join(loader.render_to_string(subject_template_name, context).split())
            body = loader.render_to_string(email_template_name, context)
            return EmailMessage(subject, body, from_email, [to_email])

        mail.post(write)


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    # A plain file field: Django's image field would open the upload before we can refuse it in clear words.
    picture = forms.FileField(
        required=False,
        help_text="A JPEG, PNG, WebP, GIF or AVIF. It is cropped to a small square that everyone can see.",
    )
    remove_picture = forms.BooleanField(required=False, label="Remove the picture", label_suffix="")

    class Meta:
        model = Profile
        fields = ("shows_reads",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["picture"].widget.attrs["accept"] = "image/*"
        self.fields["shows_reads"].label_suffix = ""
        self.fields["shows_reads"].help_text = READS_HELP
        if not self.instance.picture:
            del self.fields["remove_picture"]
        self.order_fields(["picture", "remove_picture", "shows_reads"])

    def clean_picture(self) -> "File[bytes] | None":
        upload = self.cleaned_data["picture"]
        return pictures.square(upload) if upload else None

    def save(self, commit: bool = True) -> Profile:
        """Save the profile, and delete the old picture's file when the picture is replaced or removed."""
        picture = self.cleaned_data["picture"]
        with transaction.atomic():
            # Read the row again: another page may have saved another picture, whose file must be deleted or kept.
            locked = Profile.objects.select_for_update().get(pk=self.instance.pk)
            locked.shows_reads = self.cleaned_data["shows_reads"]
            if picture or self.cleaned_data.get("remove_picture"):
                pictures.delete_file(locked, locked.picture.name or "")
                locked.picture = picture or ""
            locked.save()
        return locked


class ConfirmForm(forms.Form):
    """Ask a person who is logged in for their password again. Failures are counted."""

    password = forms.CharField(
        label="Your password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    @sensitive_variables("password")
    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        with limits.failing(("confirm", self.user.pk)):
            if not self.user.check_password(password):
                raise ValidationError("That is not your password.")
        return password


class EmailForm(ConfirmForm):
    """Change the e-mail address. Requires the password: mail to that address can set a new one."""

    email = forms.EmailField(
        label="E-mail",
        max_length=LONGEST_EMAIL,
        help_text=EMAIL_HELP,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    field_order = ("email", "password")


class DeleteForm(ConfirmForm):
    takes_words = forms.BooleanField(
        required=False, label="Erase what I wrote in chats and conversations, too", label_suffix=""
    )

    def clean(self) -> dict[str, Any] | None:
        if leaving.is_last_superuser(self.user):
            raise ValidationError("You are the only superuser. Make somebody else one first, in the admin.")
        return super().clean()


class ExportForm(ConfirmForm):
    """Ask for one's data. To pack it takes a while, so it is counted once the password was right."""

    def clean(self) -> dict[str, Any] | None:
        if not self.errors:
            limits.spend(("export", self.user.pk))
        return super().clean()


class TokenForm(forms.Form):
    name = forms.CharField(max_length=NAME_LENGTH, help_text="What it is for, such as “till at the counter”.")
    days = forms.ChoiceField(label="Expires", choices=list(EXPIRY_DAYS.items()), initial=DEFAULT_EXPIRY_DAYS)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_name(self) -> str:
        """Refuse a name that is in use, so that reloading the page creates no second token."""
        name: str = self.cleaned_data["name"]
        if self.user.tokens.filter(name=name).exists():
            raise ValidationError("You already have a token with this name.")
        return name

    def clean(self) -> dict[str, Any] | None:
        if self.user.tokens.count() >= MAX_TOKENS:
            raise ValidationError(f"You can have at most {MAX_TOKENS} tokens at a time: revoke one first.")
        limits.check(("token_made", self.user.pk))
        return super().clean()

    def save(self) -> str:
        """Create the token and return its key, which can't be read again."""
        limits.note("token_made", self.user.pk)
        days = timedelta(days=int(self.cleaned_data["days"]))
        return tokens.make(self.user, self.cleaned_data["name"], timezone.now() + days)


def log_in_tries(form: AuthenticationForm) -> list[tuple[object, ...]]:
    """Return the attempts that a failure counts as. The name is as typed, whether or not the account exists."""
    if form.request is None:
        return []
    name = unicodedata.normalize("NFKC", str(form.cleaned_data.get("username", ""))).strip().casefold()
    address = limits.address_of(form.request)
    return [("log_in", name, address), ("log_in_name", name), ("log_in_address", address)]
