"""An alarm is told once, by one process, to a webhook and by mail, and holds nothing up."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from smtplib import SMTPSenderRefused
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from operations import parts, signs
from operations.alarms import recipients, tally, watch
from operations.alarms.ledger import Ledger
from operations.alarms.recipients import Alarm, deliver
from operations.alarms.watch import Watch
from operations.findings import Finding
from pizzaProj import limits, waits
from pizzaProj.limits import Limit
from telemetry import sweeps

SECRET = "T0/pineapple"
LINKS = Alarm("lost_link", "30 lost links.", 30)
WELL: dict[str, tuple[Finding, ...]] = {"worker": ()}
NO_WORKER = {"worker": (Finding("No worker is at work.", "Start one."), Finding("Almost full.", is_bad=False))}


class Webhook:
    """A server that notes what it is sent, and answers as it is told; None: not at all."""

    def __init__(self) -> None:
        self.answers: list[int | None] = []
        self.heard: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.may_end = threading.Event()
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                webhook.paths.append(self.path)
                webhook.heard.append(json.loads(body))
                answer = webhook.answers.pop(0) if webhook.answers else 200
                if answer is None:
                    webhook.may_end.wait(30)
                    return
                self.send_response(answer)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def do_GET(self) -> None:
                webhook.paths.append(self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}"


@pytest.fixture
def webhook(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    webhook = Webhook()
    thread = threading.Thread(target=webhook.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    settings.ALARM_URL, settings.ALARM_EMAIL = webhook.url, []
    settings.ALLOWED_HOSTS = ["shop.example.com"]
    monkeypatch.setattr(waits, "ALARM_PAUSES_SECONDS", (0.0, 0.0, 0.0))
    yield webhook
    webhook.may_end.set()
    webhook.server.shutdown()
    webhook.server.server_close()


# To whom


def test_a_webhook_and_people_are_told(webhook: Webhook, settings: Any) -> None:
    settings.ALARM_EMAIL = ["owner@example.org", "cook@example.org"]
    assert deliver(LINKS) == {}
    told = {"what": "lost_link", "text": "30 lost links.", "count": 30, "shop": "shop.example.com"}
    assert (webhook.heard, webhook.paths) == ([told], [f"/{SECRET}"])
    (letter,) = mail.outbox
    assert (letter.to, letter.subject, letter.body) == (
        ["owner@example.org", "cook@example.org"],
        "shop.example.com: lost link",
        "30 lost links.\n",
    )


def test_what_fails_is_tried_again_and_logged_once(webhook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    webhook.answers = [500, 503]
    assert deliver(LINKS) == {}
    assert (len(webhook.heard), caplog.messages) == (3, [])

    webhook.answers = [404] * 3
    name = "the webhook at 127.0.0.1"
    assert deliver(LINKS) == {name: "it answered 404"}
    assert caplog.messages == [f"The alarm “lost_link” did not get to {name}: it answered 404"]


def test_a_redirect_is_not_followed(webhook: Webhook) -> None:
    webhook.answers = [302, 307, 301]
    assert list(deliver(LINKS).values()) == ["it answered 301 (redirects are not followed)"]
    assert set(webhook.paths) == {f"/{SECRET}"}


def test_who_hangs_holds_the_others_up_for_a_moment_only(
    webhook: Webhook, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits, "ALARM_ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(waits, "ALARM_PAUSES_SECONDS", (0.0,))
    settings.ALARM_EMAIL = ["owner@example.org"]
    webhook.answers = [None]
    assert list(deliver(LINKS).values()) == ["no answer in time"]
    assert len(mail.outbox) == 1


def test_a_name_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "ALARM_SECONDS", 0.1)
    never = threading.Event()
    hanging = recipients.Recipient("nobody", lambda alarm: never.wait(30) and None)
    assert recipients.attempt(hanging, LINKS) == "no answer within 0.1 s"
    never.set()


def test_a_server_that_is_away_is_named_without_its_address(settings: Any, webhook: Webhook) -> None:
    settings.ALARM_URL = f"http://127.0.0.1:1/{SECRET}"
    assert deliver(LINKS) == {"the webhook at 127.0.0.1": "Connection refused"}


def test_a_mail_server_that_quotes_an_address_is_not_quoted(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(letter: Any) -> None:
        raise SMTPSenderRefused(550, b"<owner@example.org> is unknown", "owner@example.org")

    monkeypatch.setattr(recipients.EmailMessage, "send", refuse)
    settings.ALARM_EMAIL = ["owner@example.org"]
    assert [recipients.attempt(one, LINKS) for one in recipients.recipients()] == ["SMTPSenderRefused"]


# What the sweeps find


@pytest.fixture
def watches(valkey: Any, webhook: Webhook) -> list[Watch]:
    """Return the watches of two processes, in a shop that is well."""
    return [Watch(lambda: WELL) for _ in range(2)]


def all_told(watches: list[Watch]) -> list[tuple[str, int]]:
    return [(alarm.what, alarm.count) for watch in watches for alarm in watch.step()]


def test_much_that_was_found_is_told_once_and_so_is_its_end(
    watches: list[Watch], valkey: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ALARMS", {"lost_link": Limit(25, 300)})
    sweeps.note("lost_link", 24)
    assert all_told(watches) == []
    sweeps.note("lost_link", 6)
    assert all_told(watches) == [("lost_link", 30)]
    assert all_told(watches) == []
    forget(valkey, tally.PREFIX)
    assert all_told(watches) == []  # it may come again at once
    forget(valkey, "shop:alarm:seen:")
    assert all_told(watches) == [("lost_link", 0)]
    sweeps.note("lost_link", 100)
    assert all_told(watches) == []  # a quarter of an hour has not passed
    assert Ledger().on() == set()


def forget(valkey: Any, prefix: str) -> None:
    """Let what is kept for a while be gone."""
    valkey.client.delete(*valkey.client.scan_iter(f"{prefix}*"))


def test_what_a_restart_brings_back_is_counted_and_no_alarm(watches: list[Watch]) -> None:
    sweeps.note("standstill", 500)
    assert all_told(watches) == []


def test_every_alarm_has_its_words(watches: list[Watch]) -> None:
    for what in limits.ALARMS:
        sweeps.note(what, 1000)
    texts = [alarm.text for alarm in watches[0].step()]
    assert len(texts) == len(limits.ALARMS)
    assert not any("{" in text for text in texts)


def test_a_sweep_goes_on_without_valkey(valkey: Any, webhook: Webhook) -> None:
    valkey.stop()
    try:
        sweeps.note("lost_link", 30)
    finally:
        valkey.start()


# What is not ready


def look_of(watch: Watch, seconds: float) -> list[str]:
    return [alarm.text for alarm in watch.look_at_parts(seconds)]


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Finding, ...]]:
    """Return what looks find, to be changed. Looks are as far apart as a test likes."""
    monkeypatch.setattr(waits, "ALARM_LOOK_SECONDS", 15.0)
    return dict(WELL)


def test_a_shop_that_is_not_ready_for_long_is_told(valkey: Any, shop: Any, webhook: Webhook) -> None:
    one = Watch(lambda: shop)
    assert look_of(one, 0) == []
    shop.update(NO_WORKER)
    assert look_of(one, 30) == []
    shop.update(WELL)
    assert look_of(one, 40) == []
    shop.update(NO_WORKER)
    assert look_of(one, 50) + look_of(one, 80) == []
    assert look_of(one, 110) == ["The shop has not been ready for 70 s. No worker is at work."]
    assert look_of(one, 140) == []
    shop.update(WELL)
    assert look_of(one, 150) == []  # perhaps only for a moment
    forget(valkey, "shop:alarm:seen:")
    assert look_of(one, 180) == ["The shop is ready again."]


def test_a_laptop_that_slept_is_no_alarm(valkey: Any, shop: Any, webhook: Webhook) -> None:
    one = Watch(lambda: shop)
    assert look_of(one, 0) == []
    shop.update(NO_WORKER)
    assert look_of(one, 36_000) == []


def test_with_valkey_away_each_process_tells_by_itself(
    valkey: Any, shop: Any, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Watch(lambda: shop)
    shop.update(NO_WORKER)
    valkey.stop()
    try:
        assert [len(look_of(one, seconds)) for seconds in (0, 30, 60, 90, 120)] == [0, 0, 1, 0, 0]
    finally:
        valkey.start()
    shop.update(WELL)
    assert look_of(one, 130) == []
    monkeypatch.setattr(waits, "ALARM_WELL_SECONDS", 0.0)
    assert look_of(one, 140) == ["The shop is ready again."]


def test_beat_sees_that_no_web_is_left(valkey: Any) -> None:
    def sentences() -> list[str]:
        return [one.sentence for one in parts.WEB_CHECK.find()]

    assert sentences() == ["No web is at work."]
    signs.signs.give(signs.WEB)
    assert sentences() == []
    assert signs.WEB in watch.lookout_of_beat.wells


def test_a_watch_survives_what_it_can_not_look_at(webhook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Any:
        raise ArithmeticError(SECRET)

    watch.try_to_step(Watch(broken))
    assert caplog.messages == ["The watch could not look: ArithmeticError"]


def test_a_step_sends_in_the_background(
    watches: list[Watch], webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    webhook.answers = [None]
    sweeps.note("clock_set_back", 1)
    with caplog.at_level(logging.WARNING, "operations.alarms"):
        watch.try_to_step(watches[0])  # returns while the webhook hangs
    assert [message.partition(":")[0] for message in caplog.messages] == ["Alarm “clock_set_back”"]
    webhook.may_end.set()
    for thread in threading.enumerate():
        if thread.name == "alarms":
            thread.join(10)


def test_nobody_watches_where_nobody_is_told(monkeypatch: pytest.MonkeyPatch, webhook: Webhook, settings: Any) -> None:
    begun = []
    monkeypatch.setattr(watch, "go_on", lambda watch, sign: begun.append(sign))
    watch.of_web()
    watch.of_beat()
    settings.ALARM_URL = ""
    watch.of_web()
    assert sorted(begun, key=str) == [None, "web"]


# The command


def test_a_test_alarm_says_what_happened(webhook: Webhook, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("alarm", "--test")
    assert capsys.readouterr().out == "Taken by the webhook at 127.0.0.1.\n"
    assert [one["what"] for one in webhook.heard] == ["test"]
    webhook.answers = [403]
    with pytest.raises(CommandError, match="did not get through"):
        call_command("alarm", "--test")
    assert capsys.readouterr().out == "Not taken by the webhook at 127.0.0.1: it answered 403.\n"


def test_it_says_that_mail_reaches_nobody(webhook: Webhook, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.ALARM_EMAIL = ["owner@example.org"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    call_command("alarm", "--test")
    assert capsys.readouterr().out.splitlines()[0] == "Mail is printed to the log and reaches nobody: set EMAIL_URL."


def test_it_says_who_is_told_and_what_is_on(
    watches: list[Watch], settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("alarm")
    sweeps.note("clock_set_back", 1)
    all_told(watches)
    call_command("alarm")
    to = "Alarms go to the webhook at 127.0.0.1.\n"
    assert capsys.readouterr().out == f"{to}No alarm is on.\n{to}On: clock_set_back.\n"
    settings.ALARM_URL = ""
    with pytest.raises(CommandError, match="Nobody is told"):
        call_command("alarm")
