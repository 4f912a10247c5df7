"""The model says what its own costs say, and the document says what the model says."""

from dataclasses import replace

import pytest
from django.conf import settings

from benchmarks.scaling.__main__ import main
from benchmarks.scaling.costs import MEASURED, SOCKETS_OF_WEB
from benchmarks.scaling.model import Demand, limits_of_one, needs
from benchmarks.scaling.tables import TABLES, filled_in
from pizzaProj import limits

SHOP = Demand(shops=1, orders_per_second=5, watchers=5_000)


def test_the_document_has_the_tables_of_the_model():
    """If not, `python -m benchmarks.scaling --write` writes them anew."""
    document = (settings.BASE_DIR / "docs" / "scaling.md").read_text()
    assert [name for name in TABLES if f"<!-- table: {name} -->\n|" not in document] == []
    assert filled_in(document) == document


def test_a_web_holds_as_many_sockets_as_the_model_says():
    assert SOCKETS_OF_WEB <= limits.SOCKETS_OF_PROCESS


def test_what_is_needed_grows_with_what_is_asked():
    quiet = needs(Demand(1, 0.001, 10))
    assert (quiet.webs, quiet.workers, quiet.beats, quiet.connections) == (1, 1, 1, 17)
    crowded, busy = needs(replace(SHOP, watchers=100_000)), needs(replace(SHOP, orders_per_second=500))
    assert crowded.webs >= 100_000 / SOCKETS_OF_WEB and crowded.workers == needs(SHOP).workers
    assert busy.webs > needs(SHOP).webs and busy.workers > needs(SHOP).workers
    assert busy.kilobytes_a_day == pytest.approx(100 * needs(SHOP).kilobytes_a_day)


def test_at_its_limit_a_part_is_full_and_needs_no_second():
    full = limits_of_one()
    at = {part: needs(Demand(1, full[part] * 0.999, 0, peak=1)) for part in ("web", "worker")}
    beyond = {part: needs(Demand(1, full[part] * 1.001, 0, peak=1)) for part in ("web", "worker")}
    assert [(at["web"].webs, beyond["web"].webs), (at["worker"].workers, beyond["worker"].workers)] == [(1, 2)] * 2
    assert needs(Demand(1, full["kitchen's lock"], 0, peak=1)).kitchen == pytest.approx(0.7)


def test_kitchens_do_not_share_their_locks():
    chain = Demand(shops=10, orders_per_second=50, watchers=10)
    assert needs(chain).kitchen == pytest.approx(needs(chain.of_one_shop()).kitchen)
    assert needs(chain, replace(MEASURED, kitchen_changes_per_second=1)).kitchen > 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "1,000 shops, 105 orders/s, 1,000,000 pages"),
        (["--shops", "3", "--orders-a-second", "2", "--peak", "4"], "3 shops, 8 orders/s"),
    ],
)
def test_it_is_asked_in_a_terminal(words, sentence, capsys):
    main(words)
    assert sentence in capsys.readouterr().out


@pytest.mark.parametrize("word", ["-1", "0", "nan", "inf", "many"])
def test_nonsense_is_refused(word, capsys):
    with pytest.raises(SystemExit):
        main(["--watchers", word])
    assert "--watchers: " in capsys.readouterr().err
