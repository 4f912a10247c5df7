"""The embedded shop collects its static files once, and serves them compressed and for good."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli
import pytest
from django.http import HttpResponse
from django.templatetags.static import static
from django.test import RequestFactory

from pizzaProj import collected
from pizzaProj.static_files import StaticFiles
from pizzaProj.tests.test_stack import Shop

STYLE = ".pizza { width: 1px; background: url('../img/pizza.svg') }\n" * 40
FILES = {
    "css/site.css": STYLE,
    "img/pizza.svg": "<svg/>",
    "js/board.js": 'import { live } from "./live.js";\n',
    "js/live.js": "export const live = 1;\n",
    "axios/axios.min.js": "//# sourceMappingURL=axios.min.js.map\n",
    "axios/axios.min.js.map": "{}",
}


@pytest.fixture
def source(tmp_path: Path, settings: Any) -> Path:
    folder = tmp_path / "source"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    settings.STATICFILES_DIRS = [folder]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    return folder


@pytest.fixture
def served(source: Path, tmp_path: Path, settings: Any) -> Iterator[StaticFiles]:
    settings.STATIC_ROOT = str(collected.collect(tmp_path / "static"))
    settings.WHITENOISE_USE_FINDERS = False
    hashed = {"BACKEND": "pizzaProj.storage.HashedStaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": hashed}
    yield StaticFiles(lambda request: HttpResponse(status=404))


def names(folder: Path) -> set[str]:
    """Return the collected files, with x for what is in their names of their content."""
    files = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    return {re.sub(r"\.[0-9a-f]{12}\.", ".x.", name) for name in files}


def test_files_are_collected_under_hashed_names_and_compressed(source: Path, tmp_path: Path) -> None:
    (tmp_path / "static/draft").mkdir(parents=True)  # of one that was killed
    folder = collected.collect(tmp_path / "static")
    assert names(folder) == {
        "staticfiles.json",
        *("css/site.x.css", "css/site.x.css.br", "css/site.x.css.gz"),
        *("img/pizza.x.svg", "js/board.x.js", "js/live.x.js", "axios/axios.min.x.js"),
    }
    (board,) = folder.glob("js/board.*.js")
    (live,) = folder.glob("js/live.*.js")
    assert f'from "./{live.name}"' in board.read_text()
    assert list((tmp_path / "static").iterdir()) == [folder]


def test_they_are_collected_again_only_when_one_has_changed(source: Path, tmp_path: Path) -> None:
    first = collected.collect(tmp_path / "static")
    (first / "mark").touch()
    assert collected.collect(tmp_path / "static") == first and (first / "mark").exists()
    (source / "js/live.js").write_text("export const live = 2;\n")
    second = collected.collect(tmp_path / "static")
    assert second != first and list((tmp_path / "static").iterdir()) == [second]


def test_development_and_an_image_collect_nothing(settings: Any) -> None:
    settings.DEBUG = True
    assert collected.environment() == {}
    settings.DEBUG, settings.STATIC_HASHED = False, True
    assert collected.environment() == {}


@pytest.mark.parametrize(
    ("accepted", "encoding", "unpack"),
    [
        ("gzip, deflate, br", "br", brotli.decompress),
        ("gzip", "gzip", gzip.decompress),
        ("", None, bytes),
    ],
)
def test_a_hashed_file_is_compressed_and_kept_for_good(served, accepted, encoding, unpack) -> None:
    answer = served(RequestFactory().get(static("css/site.css"), headers={"Accept-Encoding": accepted}))
    assert answer.headers["Cache-Control"] == "max-age=31536000, public, immutable"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers.get("Content-Encoding") == encoding
    body = b"".join(answer.streaming_content)
    assert int(answer.headers["Content-Length"]) == len(body)
    assert static("img/pizza.svg").split("/")[-1] in unpack(body).decode()


@pytest.mark.slow
def test_the_stack_serves_its_pages_with_them(tmp_path: Path) -> None:
    with Shop(tmp_path / "data", "--no-demo") as shop:
        shop.open()
        page = shop.ask("")[1].decode()
        addresses = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
        assert len(addresses) > 10
        assert {re.search(r"\.[0-9a-f]{12}\.\w+$", address) is not None for address in addresses} == {True}
        for address in addresses:
            assert shop.ask(address[1:])[0] == 200
