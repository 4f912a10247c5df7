"""Fill a shop with orders that were delivered long ago, and with all that hangs on them.

The rows are made by the database itself, some of a million in a minute: no kitchen could cook them.
"""

from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.db.models import Max

from accounts.models import Profile
from chat.models import Membership, Message, Room
from home.models import Order, OrderEvent, OrderItem, OrderLine, OrderShare, Pizza
from kitchen.models import Outcome, Promise, Shop
from kitchen.promises import days

AT_ONCE = 20_000  # orders in one transaction: those of whole customers
ORDERS_A_DAY = 1_000
ORDERS_OF_A_CUSTOMER = 8
NEWEST_SECONDS = 3 * 3600  # ago: the newest order of the past was placed then
TAKES_SECONDS = 1800  # until it was delivered
PIZZAS = 5  # on the menu
TALKS = 2  # in every second order's room somebody has spoken
OPEN_TALKS = 20  # conversations that are not closed: as many in an old shop as in a young one

# Of order n: how many pizzas it has, and its events, (event, stage, share of the time that it took)
QUANTITY = "(1 + n % 2)"
OF_A_PIZZA = (("started", "received", 0.0), ("started", "baking", 0.2))
OF_THE_ORDER = (("started", "baked", 0.5), ("started", "out_for_delivery", 0.6), ("delivered", "delivered", 1.0))


def fill(orders: int) -> None:
    """Add so many delivered orders to what there is, the oldest first."""
    began = Filling(orders)
    for first in range(0, orders, AT_ONCE):
        with transaction.atomic():
            began.add(range(first, min(orders, first + AT_ONCE)))
    finish()


def finish() -> None:
    """Go on with the keys where the filling ended. PostgreSQL measures its tables, as it does by itself."""
    for model in (Order, OrderLine, User):
        reset(model)
    if is_postgresql():
        look_at_tables()
    while days.add_up():
        pass
    Shop.objects.update(settled=Promise.objects.aggregate(newest=Max("pk"))["newest"] or 0)


def look_at_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 0")  # its own vacuum can be at work
        cursor.execute("ANALYZE" if connection.in_atomic_block else "VACUUM ANALYZE")
        cursor.execute("RESET lock_timeout")


class Filling:
    """One filling: where its keys begin, and how long ago its orders were placed."""

    def __init__(self, orders: int) -> None:
        self.orders = orders
        self.cook = User.objects.get(username="cook").pk
        self.pizzas = list(Pizza.objects.order_by("pk").values_list("pk", flat=True)[:PIZZAS])
        self.base = max(newest(Order), newest(OrderLine)) + 1
        self.user_base = newest(User) + 1
        self.about = ContentType.objects.get_for_model(Order).pk
        self.age = f"({NEWEST_SECONDS} + ({orders} - n) * {86400 / ORDERS_A_DAY})"  # of order n, in seconds
        # A customer has some orders in a row; every other order is a visitor's.
        self.customer = f"({self.user_base} + n / {ORDERS_OF_A_CUSTOMER})"
        self.user = f"CASE n % 2 WHEN 0 THEN {self.customer} END"
        self.friend = f"(CASE {self.customer} WHEN {self.user_base} THEN {self.cook} ELSE {self.customer} - 1 END)"

    def add(self, numbers: range) -> None:
        self.numbers = numbers
        self.people()
        self.placed()
        self.cooked()
        self.promised()
        self.talked()
        self.logged()

    def people(self) -> None:
        first, last = (number // ORDERS_OF_A_CUSTOMER for number in (self.numbers[0], self.numbers[-1]))
        customers = range(first, last + 1)
        key = f"{self.user_base} + n"
        insert(
            User,
            numbers(customers),
            id=key,
            username=f"'customer' || ({key})",
            password="'!'",
            email=f"'customer' || ({key}) || '@example.org'",
            is_active="TRUE",
            is_staff="FALSE",
            is_superuser="FALSE",
            date_joined=ago("86400"),
        )
        insert(Profile, numbers(customers), user_id=key, picture="''", shows_reads="TRUE")

    def placed(self) -> None:
        key, promised = f"{self.base} + n", f"{self.age} - {TAKES_SECONDS}"
        insert(
            Order,
            numbers(self.numbers),
            id=key,
            order_id=random_word(20),
            user_id=self.user,
            guest=f"CASE n % 2 WHEN 1 THEN {random_word(32)} ELSE '' END",
            idempotency_key=random_word(64),
            amount=f"9.5 * {QUANTITY}",
            pizzas=QUANTITY,
            summary=f"{QUANTITY} || ' × Pizza ' || (n % {PIZZAS})",
            created_at=ago(self.age),
            way="'delivery'",
            stage="'delivered'",
            epoch="4",
            seq=f"1 + {len(OF_A_PIZZA)} * {QUANTITY} + {len(OF_THE_ORDER)}",
            joined_at=ago(f"{self.age} - {TAKES_SECONDS}"),
            delivered_at=ago(f"{self.age} - {TAKES_SECONDS}"),
            promised_low=ago(f"{promised} + 300"),
            promised_median=ago(promised),
            promised_high=ago(f"{promised} - 300"),
        )
        insert(
            OrderLine,
            numbers(self.numbers),
            id=key,
            order_id=key,
            pizza_id=choice(self.pizzas),
            quantity=QUANTITY,
            unit_price="9.5",
        )
        insert(
            OrderItem,
            with_pizzas(self.numbers),
            order_id=key,
            number="k",
            line_id=key,
            name=f"'Pizza ' || (n % {PIZZAS})",
            stage="'baked'",
            epoch="3",
            is_done="TRUE",
            joined_at=ago(self.age),
        )
        shares = f"{numbers(self.numbers)} WHERE n % 50 = 0"
        insert(OrderShare, shares, order_id=key, friend_id=self.friend, by_id=self.user, at=ago(self.age))

    def cooked(self) -> None:
        last = f"1 + {len(OF_A_PIZZA)} * {QUANTITY}"
        steps = [("1", "1", "k = 1", "joined", "received", 0.0)]
        steps += [(f"{len(OF_A_PIZZA)} * k + {place}", "k", "TRUE", *what) for place, what in enumerate(OF_A_PIZZA)]
        steps += [(f"{last} + {place}", "NULL", "k = 1", *what) for place, what in enumerate(OF_THE_ORDER, 1)]
        each = " UNION ALL ".join(
            f"SELECT n, {seq} AS seq, {item} AS item, '{event}' AS event, '{stage}' AS stage, {share} AS share "
            f"FROM works WHERE {which}"
            for seq, item, which, event, stage, share in steps
        )
        insert(
            OrderEvent,
            f"(WITH works AS (SELECT n, k FROM {with_pizzas(self.numbers)}) {each}) AS steps ORDER BY n, seq",
            order_id=f"{self.base} + n",
            seq="seq",
            at=ago(f"{self.age} - share * {TAKES_SECONDS} - (n * 7 % 60)"),
            item="item",
            stage="stage",
            order_stage="stage",
            event="event",
            by_person="FALSE",
        )

    def promised(self) -> None:
        key = newest(Promise) + 1 - self.numbers[0]
        seconds = {"low": TAKES_SECONDS - 300, "median": TAKES_SECONDS, "high": TAKES_SECONDS + 300}
        insert(
            Promise,
            numbers(self.numbers),
            id=f"{key} + n",
            order_pk=f"{self.base} + n",
            at=ago(self.age),
            speed="60",
            pizzas=QUANTITY,
            way="'delivery'",
            open_orders="n % 40",
            simulated="FALSE",
            **{f"{name}_seconds": str(value) for name, value in seconds.items()},
            **{f"model_{name}_seconds": str(value) for name, value in seconds.items()},
        )
        kept = "(n % 10 > 0)"
        insert(
            Outcome,
            numbers(self.numbers),
            promise_id=f"{key} + n",
            at=ago(f"{self.age} - {TAKES_SECONDS}"),
            simulated="FALSE",
            seconds=f"{TAKES_SECONDS} + n % 500",
            kept=kept,
            intervened="FALSE",
        )
        reset(Promise)

    def talked(self) -> None:
        key, order = newest(Room) + 1 - self.numbers[0], f"{self.base} + n"
        has_talked, is_open = f"n % {TALKS} = 0", f"n >= {self.orders - TALKS * OPEN_TALKS}"
        joined = f"{numbers(self.numbers)} JOIN home_order ON home_order.id = {order}"
        insert(
            Room,
            joined,
            id=f"{key} + n",
            kind="'order'",
            slug="'order-' || home_order.order_id",
            name="'Order'",
            url="'/order/' || home_order.order_id || '/'",
            is_open=f"NOT ({has_talked}) OR {is_open}",
            created_at=ago(self.age),
            order_id=order,
            client_id="home_order.user_id",
            agent_id=f"CASE WHEN {has_talked} THEN {self.cook} END",
            taken_at=f"CASE WHEN {has_talked} THEN {ago(f'{self.age} - 120')} END",
            waited_seconds=f"CASE WHEN {has_talked} THEN 60 END",
            closed_at=f"CASE WHEN {has_talked} AND NOT ({is_open}) THEN {ago(f'{self.age} - 600')} END",
            order_seq="home_order.seq",
            last_seq="2",
            revision="2",
        )
        reset(Room)
        talked = f"{numbers(self.numbers)} WHERE {has_talked}"
        for seq, author, by_staff, body in (
            (1, self.user, "FALSE", "'When will it be here?'"),
            (2, str(self.cook), "TRUE", "'In a moment.'"),
        ):
            insert(
                Message,
                talked,
                room_id=f"{key} + n",
                seq=str(seq),
                revision=str(seq),
                kind="'text'",
                author_id=author,
                sent_by="'somebody'",
                by_staff=by_staff,
                body=body,
                created_at=ago(f"{self.age} - 60 * {seq}"),
            )
        insert(
            Membership,
            joined + f" WHERE {has_talked}",
            room_id=f"{key} + n",
            user_id="home_order.user_id",
            last_read="2",
            about_order="TRUE",
            joined_at=ago(self.age),
        )
        insert(
            Membership,
            talked,
            room_id=f"{key} + n",
            user_id=str(self.cook),
            last_read="2",
            about_order="TRUE",
            joined_at=ago(self.age),
        )

    def logged(self) -> None:
        some = f"{numbers(self.numbers)} WHERE n % 10 = 0"
        insert(
            LogEntry,
            some,
            action_time=ago(self.age),
            user_id=str(self.cook),
            content_type_id=str(self.about),
            object_id=f"CAST({self.base} + n AS text)",
            object_repr="'#1234'",
            action_flag="2",
            change_message="'[]'",
        )
        insert(
            Session,
            some,
            session_key=random_word(32),
            session_data="'e30:nobody'",
            expire_date=ago("-1209600"),
        )


def newest(model: type[models.Model]) -> int:
    return model._default_manager.aggregate(newest=Max("pk"))["newest"] or 0


def reset(model: type[models.Model]) -> None:
    """Let the next key follow those that were given."""
    with connection.cursor() as cursor:
        for sql in connection.ops.sequence_reset_sql(no_style(), [model]):
            cursor.execute(sql)


# SQL for both databases


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def insert(model: type[models.Model], source: str, **columns: str) -> None:
    """Insert a row for each of the source. Columns that are not named get their default."""
    for field in model._meta.concrete_fields:
        value = None if field.primary_key else field.get_default()
        if value is not None:
            columns.setdefault(str(field.column), literal(value))
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({names}) SELECT {', '.join(columns.values())} FROM {source}"
        )


def literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    return str(value) if isinstance(value, int | float) else "'{}'".format(str(value).replace("'", "''"))


def numbers(wanted: range) -> str:
    """Return a table of numbers, n."""
    return (
        f"(WITH RECURSIVE numbers(n) AS (SELECT {wanted[0]} UNION ALL SELECT n + 1 FROM numbers "
        f"WHERE n < {wanted[-1]}) SELECT n FROM numbers) AS numbers"
    )


def with_pizzas(wanted: range) -> str:
    """Return the same with a row for each pizza of an order, k."""
    return f"{numbers(wanted)} JOIN (SELECT 1 AS k UNION ALL SELECT 2) AS pizzas ON k <= {QUANTITY}"


def ago(seconds: str) -> str:
    """Return the moment so many seconds ago."""
    if is_postgresql():
        return f"now() - ({seconds}) * interval '1 second'"
    return f"strftime('%Y-%m-%d %H:%M:%f', 'now', (-({seconds})) || ' seconds')"


def random_word(letters: int) -> str:
    if is_postgresql():
        return f"left(md5(random()::text) || md5(random()::text), {letters})"
    return f"lower(hex(randomblob({letters // 2})))"


def choice(keys: list[int]) -> str:
    cases = " ".join(f"WHEN {number} THEN {key}" for number, key in enumerate(keys))
    return f"CASE n % {len(keys)} {cases} END"
