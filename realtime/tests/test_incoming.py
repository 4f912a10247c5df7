"""What a client sends as JSON is refused in a sentence if it can't be read, kept, or walked through."""

import json

import pytest

from realtime import incoming
from realtime.incoming import TOO_DEEP, TOO_LARGE, UNSTORABLE, Unkeepable, is_storable, parse_json, parse_object
from realtime.refused import Refused


def nested(depth):
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (r'"\u0000"', UNSTORABLE),
        (r'{"a": [{"b": "c\u0000"}]}', UNSTORABLE),
        (r'{"a\u0000": 1}', UNSTORABLE),
        (r'["\ud83d"]', UNSTORABLE),
        (r'{"\udc00": 1}', UNSTORABLE),
        ("[1e999]", TOO_LARGE),
        ('{"a": -1e999}', TOO_LARGE),
        (nested(incoming.DEEPEST + 2), TOO_DEEP),
        ('{"a":' * 100 + "1" + "}" * 100, TOO_DEEP),
    ],
)
def test_what_nobody_can_keep_is_refused_in_a_sentence(sent, sentence):
    with pytest.raises(Unkeepable) as refused:
        parse_json(sent)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    "sent",
    [
        "NaN",
        "[Infinity]",
        '{"a": -Infinity}',
        nested(100_000),
        "1" * 5000,
        b'"\xed\xa0\x80"',  # half of a pair, as no UTF-8 has it
        b'"\xff"',
        b"\xff\xfe\x00",
        b"",
    ],
)
def test_what_python_alone_would_read_is_not_json(sent):
    with pytest.raises(ValueError):
        parse_json(sent)


@pytest.mark.parametrize("content", [{"a": "🍕 \\u0000 \x1f é"}, [1, -2.5, None, True], "a", 10**30])
def test_everything_else_is_read_as_it_was_sent(content):
    assert parse_json(json.dumps(content)) == content
    assert parse_json(json.dumps(content, ensure_ascii=False).encode()) == content
    assert parse_json(json.dumps([content] * 3).encode("utf-16")) == [content] * 3


def test_a_refused_frame_still_says_what_it_was_about():
    with pytest.raises(Unkeepable) as refused:
        parse_object(r'{"message": "\ud83d", "id": "7"}')
    assert refused.value.content["id"] == "7"
    for text in ("NaN", nested(100_000)):
        with pytest.raises(Refused, match="not JSON"):
            parse_object(text, 1_000_000)


@pytest.mark.parametrize(("text", "is_kept"), [("", True), ("é🍕\x01", True), ("a\0", False), ("\udcff", False)])
def test_a_database_keeps_unicode_without_nul(text, is_kept):
    assert is_storable(text) == is_kept
