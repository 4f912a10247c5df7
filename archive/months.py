"""Months, by which old orders are put away: each is its first day, in UTC.

The shop's own time zone can be changed, and an order must not come to lie in another month by that.
"""

from datetime import UTC, date, datetime

MONTHS = 12  # in a year


def month_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date().replace(day=1)


def later(month: date, number: int) -> date:
    """Return the month so many months later, or, with a negative number, before. OverflowError before the year 1."""
    year, index = divmod(month.year * MONTHS + month.month - 1 + number, MONTHS)
    try:
        return date(year, index + 1, 1)
    except ValueError as error:
        raise OverflowError(str(error)) from None


def beginning(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def end(month: date) -> datetime:
    return beginning(later(month, 1))


def due_before(now: datetime, kept: int) -> date:
    """Return the month from which on orders stay in the tables: so many whole months, and the present one."""
    return later(month_of(now), -kept)


def parsed(text: str) -> date:
    """Return the month of a text such as 2026-10. ValueError if it is none."""
    return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()


def named(month: date) -> str:
    return f"{month:%Y-%m}"
