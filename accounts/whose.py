"""Say whose page it is, so that what is typed on it is never sent in somebody else's name.

A page carries this word and sends it along. Once another tab of the browser has logged in as somebody else, or out,
the word is no longer that of the person who is there. All visitors share one: they have no account to take over.
"""

from django.contrib.auth.models import AnonymousUser, User
from django.utils.crypto import salted_hmac

LENGTH = 16


def whose(user: User | AnonymousUser) -> str:
    """Return an opaque word for the account: it stands in pages and in addresses of sockets."""
    who = f"account {user.pk}" if user.is_authenticated else "a visitor"
    return salted_hmac("accounts.whose", who).hexdigest()[:LENGTH]


def now_it_is(user: User | AnonymousUser) -> str:
    """Return the sentence for a page that is no longer this person's."""
    if user.is_authenticated:
        return f"You are now logged in as {user.get_username()} in another tab. Reload this page to go on."
    return "You have been logged out. Log in again to go on."
