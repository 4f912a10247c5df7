"""Make hostile frames from a seed: broken, cut off, deep, huge, and of wrong types in every field of every verb."""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, ClassVar

LEVELS = 10_000  # of a deep frame: far beyond what Python's parser takes
LONG = 40_000  # characters: more than any socket takes
DIGITS = 5_000  # of a number: more than Python reads
MOST_LETTERS = 0x11_0000
SURROGATES = range(0xD800, 0xE000)

Verb = dict[str, Any]
Frame = str | bytes

NUMBERS: list[Any] = [0, 1, -1, 2**31 - 1, 2**31, 2**63, -(2**63) - 1, 2**64, 10**400, 0.5, -0.0, 1e308, 5e-324]
NO_NUMBERS: list[Any] = [float("nan"), float("inf"), float("-inf")]
TEXTS = ["", " ", "\n", "x", "0", "-1", "1e9", "null", "\0", "a\0b", "\ud800", "\udfff\ud800", "\u202ex", "\ufeff"]
TEXTS += ["\U0001f355" * 70, "é" * 3000, "%00", "../..", "'; --", "{}", "{{7*7}}", "<b>", "١٢", "İ" * 200, "\x1b[2J"]

ODD = ['{"type": "\\ud800"}', '{"a": 1, "a": 2}', "{} {}", "{'type': 1}", "\ufeff{}", "", "{"]

WRONG: list[Any] = [None, 2**63, float("nan"), "\0\ud800", [1]]


def sweep(verbs: Sequence[Verb]) -> list[Frame]:
    """Return each verb with each kind of wrong value in each of its fields."""
    return [dumps({**verb, field: value}) for verb in verbs for field in verb for value in WRONG]


class Hostile:
    """A source of frames. `words` are names that exist, so that some frames get past the first questions."""

    def __init__(self, seed: int | str, words: Sequence[str] = ()) -> None:
        self.random = Random(seed)
        self.words = [*words, *TEXTS]

    def frame(self, verbs: Sequence[Verb]) -> Frame:
        """Return a frame: mostly one of the verbs with something wrong in it."""
        if self.random.random() < 0.25:
            return self.random.choice(self.BROKEN)(self)
        frame = dumps(self.verb(verbs))
        return frame[: self.random.randrange(len(frame))] if self.random.random() < 0.05 else frame

    def verb(self, verbs: Sequence[Verb]) -> Verb:
        """Return a verb whole, with wrong values, without one of its fields, or with another's."""
        verb = dict(self.random.choice(verbs))
        for _ in range(self.random.choice((0, 1, 1, 1, 2, 4))):
            fields = [*verb, *self.random.choice(verbs)]
            field = self.random.choice(fields)
            if self.random.random() < 0.1:
                verb.pop(field, None)
            else:
                verb[field] = self.value()
        return verb

    def value(self, levels: int = 3) -> Any:
        choose = self.random.choice
        kind = self.random.randrange(7 if levels else 5)
        if kind == 0:
            return choose((None, True, False))
        if kind == 1:
            return choose(NUMBERS)
        if kind == 2:
            return choose(NO_NUMBERS)
        if kind in (3, 4):
            return choose(self.words)
        if kind == 5:
            return [self.value(levels - 1) for _ in range(choose((0, 1, 2, 200)) if levels == 3 else 1)]
        return {choose(self.words): self.value(levels - 1) for _ in range(2)}

    # What is no verb at all

    def letters(self) -> str:
        codes = (self.random.randrange(choice) for choice in self.random.choices((128, 256, MOST_LETTERS), k=40))
        return "".join(chr(code) for code in codes if code not in SURROGATES)

    def some_bytes(self) -> bytes:
        return self.random.randbytes(self.random.choice((0, 1, 100, 5000)))

    def no_object(self) -> str:
        return dumps(self.value())

    def deep(self) -> str:
        begin, end = self.random.choice((("[", "]"), ('{"type":', "}"), ('{"a":[', "]}")))
        is_whole = self.random.random() < 0.5
        return begin * LEVELS + ("1" + end * LEVELS if is_whole else "")

    def huge(self) -> str:
        return self.random.choice(("x" * LONG, dumps({"message": "x" * LONG}), '{"seq": %s}' % ("9" * DIGITS)))

    def odd(self) -> str:
        return self.random.choice(ODD)

    BROKEN: ClassVar[list[Callable[["Hostile"], Frame]]] = [letters, some_bytes, no_object, deep, huge, odd]


def dumps(value: Any) -> str:
    """Return JSON in ASCII, in which a lone surrogate is an escape that is valid, and NaN a word that is not."""
    return json.dumps(value)
