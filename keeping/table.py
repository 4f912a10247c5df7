"""Whose data is in which table, and what becomes of it when a person leaves: a row for each model of the shop.

`sections` is what a person gets of it: the way from the table to the account, that to the word of a visitor without
one, and the columns. Nothing of other people is in it but user names of those whom one dealt with, and no secret.
`silent` names the ways to an account of which the person is told nothing, because that is somebody else's affair.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """A part of a person's data. Columns are "name" or "name=way to it", with spaces between."""

    name: str
    columns: str
    user: tuple[str, ...]
    guest: str = ""


@dataclass(frozen=True)
class Kept:
    leaving: str  # what becomes of it when the person leaves, or why it stays
    sections: tuple[Section, ...] = ()
    silent: tuple[str, ...] = ()


NOBODYS = Kept("It says nothing of a person.")
GONE = "Removed with the account."
BOOKS = "Stays in the shop's books, and belongs to nobody."
OF_STAFF = "Stays, as it is about the shop, without the name."

_IN_ROOM = "room=room__name kind=room__kind low=room__low__username high=room__high__username"

TABLE: dict[str, Kept] = {
    # accounts
    "auth.User": Kept(
        GONE,
        (
            Section(
                "account", "username first_name last_name email is_staff is_superuser date_joined last_login", ("pk",)
            ),
        ),
    ),
    "auth.User_groups": Kept(GONE, (Section("groups", "group=group__name", ("user",)),)),
    "auth.User_user_permissions": Kept(GONE, (Section("permissions", "permission=permission__name", ("user",)),)),
    "accounts.Profile": Kept(
        f"{GONE} So is the picture's file.", (Section("profile", "picture shows_reads", ("user",)),)
    ),
    "accounts.Token": Kept(GONE, (Section("tokens", "name created_at expires_at last_used_at", ("user",)),)),
    "accounts.Friendship": Kept(
        GONE,  # that a request was declined is not told to who asked
        (
            Section(
                "friendships",
                "low=low__username high=high__username asked_by=asked_by__username created_at accepted_at",
                ("low", "high"),
            ),
        ),
        silent=("asked_by",),  # one of the two
    ),
    "accounts.Block": Kept(
        GONE, (Section("blocked_by_you", "whom=whom__username created_at", ("by",)),), silent=("whom",)
    ),
    "accounts.Attempt": Kept("Digests that name nobody, gone within a day."),
    "sessions.Session": Kept(
        "The one that is open ends at once. Others hold the number of an account that is no longer there, and end by "
        "themselves (KEEP_SESSIONS_DAYS)."
    ),
    # orders
    "home.Order": Kept(
        BOOKS,
        (
            Section(
                "orders",
                "order_id created_at way summary amount pizzas simulated stage "
                "promised_low promised_median promised_high ready_at delivered_at",
                ("user",),
                "guest",
            ),
        ),
    ),
    "home.OrderLine": Kept(
        BOOKS,
        (
            Section(
                "order_lines",
                "order_id=order__order_id pizza=pizza__name quantity unit_price",
                ("order__user",),
                "order__guest",
            ),
        ),
    ),
    "home.OrderItem": Kept(
        BOOKS,
        (
            Section(
                "pizzas", "order_id=order__order_id number name stage rushed held", ("order__user",), "order__guest"
            ),
        ),
    ),
    "home.OrderEvent": Kept(
        f"{BOOKS} What staff typed as a reason stays, as the customer was told it.",
        (
            Section(
                "order_events",
                "order_id=order__order_id seq at item stage event by_staff=by_person reason",
                ("order__user",),
                "order__guest",
            ),
            Section("done_by_you", "at stage event reason", ("by",)),  # no id: others' orders are theirs
        ),
    ),
    "home.OrderShare": Kept(
        GONE,
        (
            Section(
                "shown_orders",
                "order_id=order__order_id by=by__username friend=friend__username at seen_at",
                ("by", "friend"),
            ),
        ),
    ),
    "home.Pizza": NOBODYS,
    # the kitchen
    "kitchen.Shop": NOBODYS,
    "kitchen.Station": Kept("Who set its times is forgotten."),
    "kitchen.Promise": Kept("Only added to, so that the public book stays true. It names an order, no person."),
    "kitchen.Outcome": Kept("Likewise."),
    "kitchen.LedgerDay": NOBODYS,
    "kitchen.Study": Kept(OF_STAFF, (Section("studies", "title status made_at ended_at", ("by",)),)),
    "kitchen.StudyPart": NOBODYS,
    # chats
    "chat.Room": Kept(
        "Stays for those who are still there; a private room goes with the second of the two.",
        (
            Section("conversations", "name slug created_at closed_at", ("client",)),
            Section("private_rooms", "low=low__username high=high__username slug created_at", ("low", "high")),
        ),
        silent=("agent",),  # the conversation is the customer's
    ),
    "chat.Membership": Kept(GONE, (Section("rooms", f"{_IN_ROOM} last_read muted joined_at", ("user",), "guest"),)),
    "chat.Message": Kept(
        "Stays without the name, as others have answered it; if the person wants that, the text goes, too. One that "
        "was reported can be read by staff until they have decided.",
        (
            Section(
                "messages",
                f"{_IN_ROOM} seq at=created_at sent_by text=body request=data edited_at deleted_at",
                ("author",),
                "guest",
            ),
        ),
    ),
    "chat.Report": Kept(
        "Stays without the name until the message goes: staff decide what is said, not by whom.",
        (Section("reports", "room=message__room__name reason at", ("by",), "guest"),),
        silent=("settled_by",),
    ),
    "chat.CannedAnswer": NOBODYS,
    # the office
    "office.Run": Kept(
        OF_STAFF, (Section("actions_on_many_rows", "table action begun_at ended_at total done", ("by",)),)
    ),
    "office.Selection": Kept("Keys of rows, gone when the action has ended."),
    "admin.LogEntry": Kept(
        "What the person did in the admin is removed; what others did to the account stays without its name.",
        (Section("admin_log", "at=action_time table=content_type__model kind=action_flag", ("user",)),),
    ),
    # Django's and Celery's own
    "auth.Group": NOBODYS,
    "auth.Group_permissions": NOBODYS,
    "auth.Permission": NOBODYS,
    "contenttypes.ContentType": NOBODYS,
    "django_celery_beat.ClockedSchedule": NOBODYS,
    "django_celery_beat.CrontabSchedule": NOBODYS,
    "django_celery_beat.IntervalSchedule": NOBODYS,
    "django_celery_beat.PeriodicTask": NOBODYS,
    "django_celery_beat.PeriodicTasks": NOBODYS,
    "django_celery_beat.SolarSchedule": NOBODYS,
}
