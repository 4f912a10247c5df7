"""Change whose archived orders are, as kitchen.flow does with those in the tables.

Where the archive is a file of its own this comes after the commit. If the process is killed in between, the number of
an account stays that is there no longer: it leads nowhere, as numbers are never given again, and the next run of
keeping.archiving clears it away.
"""

from django.contrib.auth.models import User

from archive import store

ACCOUNTS = 500  # in one query: no database takes any number


def adopt(guest: str, user_pk: int) -> None:
    """Give a visitor's orders to the account that they sign up with or log in to."""
    store.together(
        lambda: store.change(
            "UPDATE archive_order SET user_id = %s WHERE guest = %s AND guest <> '' AND user_id IS NULL",
            [user_pk, guest],
        )
    )


def disown(user_pk: int) -> None:
    """Leave the orders of an account that is deleted to nobody, and forget what it did to others."""
    store.together(lambda: forget_account(user_pk))


def forget_account(user_pk: int) -> None:
    store.change("UPDATE archive_order SET user_id = NULL, guest = '' WHERE user_id = %s", [user_pk])
    store.change("DELETE FROM archive_deed WHERE user_id = %s", [user_pk])


def disown_visitor(guest: str) -> None:
    """Do the same with the orders of a visitor without an account."""
    store.together(
        lambda: store.change(
            "UPDATE archive_order SET guest = '' WHERE guest = %s AND guest <> '' AND user_id IS NULL", [guest]
        ),
        robust=False,  # nothing would bring it back: whoever asked for it is told
    )


def forget_the_deleted() -> None:
    """Forget accounts that are there no longer."""
    for table in ("archive_order", "archive_deed"):
        found = [pk for (pk,) in store.ask(f"SELECT DISTINCT user_id FROM {table} WHERE user_id IS NOT NULL")]
        for start in range(0, len(found), ACCOUNTS):
            known = set(found[start : start + ACCOUNTS])
            for user_pk in known - set(User.objects.filter(pk__in=known).values_list("pk", flat=True)):
                forget_account(user_pk)
