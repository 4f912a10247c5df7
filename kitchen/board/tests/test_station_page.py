"""One station on the screen above it: /kitchen/?station=baking."""

import pytest

from kitchen.models import Station

pytestmark = pytest.mark.django_db
COLUMN = 'data-stage="{}" aria-labelledby'


@pytest.fixture
def page(client, bob):
    """page(query) returns the answer to a member of staff."""
    client.force_login(bob)
    return lambda query="": client.get(f"/kitchen/{query}")


def columns_of(answer):
    return [
        station.stage for station in Station.objects.all() if COLUMN.format(station.stage) in answer.content.decode()
    ]


def test_a_station_has_a_screen_of_its_own_with_a_way_there_and_back(page):
    board, oven = page(), page("?station=baking")
    assert columns_of(board) == [station.stage for station in Station.objects.all()]
    assert columns_of(oven) == ["baking"]
    assert 'href="?station=baking"' in board.content.decode()
    assert 'href="/kitchen/">‹ All stations' in oven.content.decode()
    assert "<title>Oven, Kitchen" in oven.content.decode()


def test_the_name_of_no_station_gets_a_sentence_and_the_stations_there_are(page):
    answer = page("?station=<b>fried")
    text = answer.content.decode()
    assert (answer.status_code, columns_of(answer)) == (404, [])
    assert "There is no station “&lt;b&gt;fried” in this kitchen." in text
    assert all(f'href="/kitchen/?station={station.stage}"' in text for station in Station.objects.all())


def test_no_name_is_the_whole_board(page):
    assert len(columns_of(page("?station="))) == Station.objects.count()


def test_the_log_in_leads_back_to_the_station(client):
    assert client.get("/kitchen/?station=baking").headers["Location"] == "/log-in/?next=/kitchen/%3Fstation%3Dbaking"
