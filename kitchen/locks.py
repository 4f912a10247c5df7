"""What `flow` reads under its locks, in SQL (see home.rows for the reason).

The order of locks is the whole kitchen's: stations first, in stage order, then the order itself.
"""

from dataclasses import dataclass

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
_LINE = f"""
    SELECT
        (SELECT count(*) FROM home_order WHERE stage = %s AND started_at IS NOT NULL AND {_WORKED}),
        (SELECT id FROM home_order WHERE stage = %s AND started_at IS NULL AND NOT held AND {_WORKED}
         ORDER BY rushed DESC, joined_at, id LIMIT 1)"""


@dataclass(frozen=True)
class Line:
    """A station at one moment: how many more it may begin now, and who is first in line (a pk, if anyone).

    Rushed orders come first, then by `joined_at`, then by id. A closed station begins nothing.
    """

    free: int
    first: int | None


def lock_stations(*codes: str) -> dict[str, Station]:
    """The stations of these stages (those that have one), locked in stage order."""
    return read_stations(*codes, locked=True)


def read_stations(*codes: str, locked: bool = False) -> dict[str, Station]:
    """The same without the locks, for who only wants to know how long the work takes."""
    if not codes:
        return {}
    sql = _STATIONS.format(", ".join(["%s"] * len(codes))) + (_for_update("kitchen_station") if locked else "")
    found = _STATION_ROWS.read(sql, codes, also=("speed", "shop_is_open"))
    stations = {station.stage: station for station in found}
    for code in codes:
        if code in stages.WORKED and code not in stations:
            raise Station.DoesNotExist(f"Nobody works at stage “{code}”: its station is missing. Run migrate.")
    return stations


def lock_order(pk: int) -> Order:
    """Order.DoesNotExist if there is none."""
    for order in ORDER_ROWS.read(_ORDER + _for_update("home_order"), [pk]):
        return order
    raise Order.DoesNotExist(f"There is no order {pk}.")


def look(station: Station) -> Line:
    """True until the transaction ends: places and line of a station change under its lock alone."""
    with connection.cursor() as cursor:
        cursor.execute(_LINE, [station.stage, station.stage])
        taken, first = cursor.fetchone()
    return Line(station.places - taken if station.is_open else 0, first)


def _for_update(table: str) -> str:
    """SQLite has no row locks: there BEGIN IMMEDIATE lets one writer in at a time."""
    return f" FOR UPDATE OF {table}" if connection.features.has_select_for_update else ""
