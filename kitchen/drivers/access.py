"""Who can open the drivers' page."""

from django.contrib.auth.models import AnonymousUser, User


def may_deliver(user: User | AnonymousUser) -> bool:
    """Return whether a person is on the staff, or a driver: that alone opens nothing else of the kitchen."""
    return user.is_staff or user.has_perm("home.deliver_order")
