"""What `flow` reads under its locks, in SQL (see home.rows for the reason).

The order of locks is the whole kitchen's: stations first, in stage order, then the order itself.
"""

from django.db import connection

from home.models import ORDER_ROWS, Order
from home.rows import Rows
from kitchen import stages
from kitchen.models import Station

# Written out, so that both databases see that the partial indexes of home.Order serve these queries.
_WORKED = "stage IN ({})".format(", ".join(f"'{code}'" for code in stages.WORKED))
_STATION_ROWS = Rows(Station)
_STATIONS = f"""
    SELECT {_STATION_ROWS.columns}, shop.speed, shop.is_open
    FROM kitchen_station JOIN kitchen_shop shop ON shop.id = kitchen_station.shop_id
    WHERE kitchen_station.stage IN ({{}}) ORDER BY kitchen_station.id"""
_ORDER = f"SELECT {ORDER_ROWS.columns} FROM home_order WHERE id = %s"
_TAKEN = f"SELECT count(*) AS taken FROM home_order WHERE stage = %s AND started_at IS NOT NULL AND {_WORKED}"
_ORDER_AND_TAKEN = f"SELECT {ORDER_ROWS.columns}, places.taken FROM home_order, ({_TAKEN}) places"
_NEXT = f"""
    {_ORDER_AND_TAKEN} WHERE places.taken < %s AND home_order.id = (
        SELECT id FROM home_order WHERE stage = %s AND started_at IS NULL AND NOT held AND {_WORKED}
        ORDER BY rushed DESC, joined_at, id LIMIT 1)"""


def lock_stations(*codes: str) -> dict[str, Station]:
    """The stations of these stages (those that have one), locked in stage order."""
    return read_stations(*codes, locked=True)


def read_stations(*codes: str, locked: bool = False) -> dict[str, Station]:
    """The same without the locks, for who only wants to know how long the work takes."""
    if not codes:
        return {}
    sql = _STATIONS.format(", ".join(["%s"] * len(codes))) + (_for_update("kitchen_station") if locked else "")
    found = _STATION_ROWS.read(sql, codes, also=("speed", "shop_is_open"))
    if locked and connection.features.has_select_for_update:
        _look_at_the_clock_again(found)
    stations = {station.stage: station for station in found}
    for code in codes:
        if code in stages.WORKED and code not in stations:
            raise Station.DoesNotExist(f"Nobody works at stage “{code}”: its station is missing. Run migrate.")
    return stations


def _look_at_the_clock_again(stations: list[Station]) -> None:
    """Who waited for the locks is given the stations as they are now, but the shop as it was when it began to wait.

    What it waited for may have been `flow.set_speed`: its work would then take an hour that should take a minute.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT speed, is_open FROM kitchen_shop")
        speed, shop_is_open = cursor.fetchone()
    for station in stations:
        station.speed, station.shop_is_open = speed, shop_is_open


def lock_order(pk: int) -> Order:
    """Order.DoesNotExist if there is none."""
    for order in ORDER_ROWS.read(_ORDER + _for_update("home_order"), [pk]):
        return order
    raise Order.DoesNotExist(f"There is no order {pk}.")


def lock_order_before(pk: int, station: Station) -> Order:
    """The same, and a look at the (locked) station that it may go to: one statement for both."""
    sql = f"{_ORDER_AND_TAKEN} WHERE home_order.id = %s" + _for_update("home_order")
    for order in ORDER_ROWS.read(sql, [station.stage, pk], also=("taken",)):
        station.taken = order.taken
        return order
    raise Order.DoesNotExist(f"There is no order {pk}.")


def has_free_place(station: Station) -> bool:
    """Places and line of a station change under its lock alone, and what `lock_order_before` saw answers once."""
    if not station.is_open:
        return False
    taken, station.taken = station.taken, None
    if taken is None:
        with connection.cursor() as cursor:
            cursor.execute(_TAKEN, [station.stage])
            (taken,) = cursor.fetchone()
    return taken < station.capacity


def lock_next(station: Station) -> tuple[Order | None, bool]:
    """Who may begin now, and whether that takes the last place. None: nobody waits, or has a place to go to.

    Rushed orders come first, then by `joined_at`, then by id. A closed station begins nothing.
    """
    if station.is_open:
        values = [station.stage, station.capacity, station.stage]
        for order in ORDER_ROWS.read(_NEXT + _for_update("home_order"), values, also=("taken",)):
            return order, order.taken + 1 >= station.capacity
    return None, True


def _for_update(table: str) -> str:
    """SQLite has no row locks: there BEGIN IMMEDIATE lets one writer in at a time."""
    return f" FOR UPDATE OF {table}" if connection.features.has_select_for_update else ""
