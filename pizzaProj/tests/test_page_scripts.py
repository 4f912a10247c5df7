"""Page scripts import shared modules, by plain names on a laptop and by hashed names in production."""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import sync_playwright

from home.tests.browser import find_or_install
from home.tests.test_browser import FLAGS
from realtime.templatetags.page_scripts import modules_of

SCRIPTS = sorted((settings.BASE_DIR / "static/js").glob("*.js"))
IMPORT = re.compile(r'^import \{ ([^}]+) \} from "\./([\w.]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.MULTILINE)
COLLECT = """
import sys
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
settings.STATIC_ROOT = sys.argv[1]
call_command("collectstatic", interactive=False, verbosity=0)
"""


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collect the static files as the image does, and return their folder."""
    folder = tmp_path_factory.mktemp("static")
    environment = {**os.environ, "STATIC_HASHED": "true", "DATA_DIR": str(tmp_path_factory.mktemp("data"))}
    command = [sys.executable, "-c", COLLECT, str(folder)]
    done = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def hashed(collected: Path) -> dict[str, str]:
    """Map each file's name to its hashed name."""
    paths: dict[str, str] = json.loads((collected / "staticfiles.json").read_text())["paths"]
    return paths


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_imported_names_are_exported(script: Path) -> None:
    source = script.read_text()
    imported = IMPORT.findall(source)
    assert len(imported) == len(re.findall(r"^import\b", source, re.MULTILINE)), "an import in another form"
    for names, module in imported:
        missing = set(names.split(", ")) - set(EXPORT.findall((script.parent / module).read_text()))
        assert not missing, f"{module} does not export them"
    assert "window." not in source


def test_hashed_scripts_import_existing_hashed_scripts(collected: Path, hashed: dict[str, str]) -> None:
    for script in SCRIPTS:
        mine = collected / hashed[f"js/{script.name}"]
        imported = {module for _, module in IMPORT.findall(mine.read_text())}
        plain = {module for _, module in IMPORT.findall(script.read_text())}
        assert imported == {Path(hashed[f"js/{module}"]).name for module in plain}
        assert all((mine.parent / module).is_file() and module not in plain for module in imported)


class Handler(SimpleHTTPRequestHandler):
    """Serve a folder under our pages' content security policy, without logging."""

    extensions_map = {".js": "text/javascript", ".html": "text/html"}

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", "default-src 'self'")
        super().end_headers()

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.browser
def test_a_browser_links_the_hashed_scripts_under_our_policy(collected: Path, hashed: dict[str, str]) -> None:
    """Load all scripts on an empty page: they can fail when they run, but not when they are linked."""
    names = [hashed[f"js/{script.name}"] for script in SCRIPTS]
    tags = "".join(f'<script type="module" src="/{name}"></script>' for name in names)
    (collected / "all.html").write_text(f"<!doctype html><title>All scripts</title>{tags}")
    asked, errors = [], []
    with served(collected) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_or_install(), args=FLAGS)
        page = browser.new_page()
        page.on("response", lambda response: asked.append((response.url.removeprefix(address + "/"), response.status)))
        page.on("pageerror", lambda error: errors.append(error.name))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(f"{address}/all.html")
        page.wait_for_load_state("load")
        browser.close()
    assert {name: status for name, status in asked if name.startswith("js/")} == dict.fromkeys(names, 200)
    assert "SyntaxError" not in errors and not [text for text in errors if "Content Security" in text]
    assert "TypeError" in errors  # they did run, and missed their elements


def test_a_page_names_all_modules_that_its_scripts_import(client: Client, alice: User) -> None:
    client.force_login(alice)
    page = client.get("/chat/pizza/", follow=True).content.decode()
    scripts = re.findall(r'<script type="module" src="/static/js/(\w+)\.js">', page)
    preloaded = set(re.findall(r'<link rel="modulepreload" href="/static/js/(\w+)\.js">', page))
    assert scripts == ["whose", "notices", "chat_room"]
    assert preloaded == {"live", "clock", "words", *modules_of("chat_room")}
    assert {"chat", "chat_log", "chat_rows", "chat_text"} <= preloaded


def test_no_page_loads_our_scripts_in_another_way() -> None:
    for template in (settings.BASE_DIR / "templates").rglob("*.html"):
        assert "static 'js/" not in template.read_text(), template
