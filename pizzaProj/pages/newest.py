"""Pages of a list that grows for ever: of its newest rows, so that no page costs more as history grows."""

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator

from pizzaProj import limits


class NewestPages(Paginator):  # type: ignore[type-arg]
    """Pages of the first LISTED_ROWS rows of a query. To count all of a million takes longer than to show the page."""

    @cached_property
    def count(self) -> int:
        return first_of(self.object_list).count() if hasattr(self.object_list, "query") else len(self.object_list)

    @property
    def is_cut(self) -> bool:
        """Whether there can be more rows than are listed."""
        return self.count == limits.LISTED_ROWS


def first_of(rows: Any) -> Any:
    """Return so many rows of a query as are listed, for counting: in no order, which would cost a sort."""
    return rows.order_by()[: limits.LISTED_ROWS]
