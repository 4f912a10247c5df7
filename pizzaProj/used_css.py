"""Keep the rules of a style sheet that some page can need, and leave out the others.

A class is used if its name stands anywhere in a template or a script, whatever it means there: a class that a script
adds must not be missed, and a word too many costs a few bytes.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
WORD = re.compile(r"[\w-]+")
CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
REFUSED = re.compile(r":not\([^()]*\)")  # what must not be there need not be used
STRING = re.compile(r""""[^"]*"|'[^']*'""")
VARIABLE = re.compile(r"var\(\s*(--[\w-]+)")
ANIMATION = re.compile(r"animation(?:-name)?:([^;]*)")


class Rule(NamedTuple):
    """What stands before a pair of braces, and what stands in it: declarations, or rules."""

    head: str
    inside: "str | tuple[Rule, ...]"

    def __str__(self) -> str:
        if isinstance(self.inside, str):
            return f"{self.head}{{{self.inside}}}"
        lines = "\n".join(map(str, self.inside))
        return f"{self.head}{{\n{lines}\n}}"


def used(css: str, words: set[str], others: Iterable[str] = ()) -> str:
    """Return the rules for these words. `others` are the texts that can use its variables besides its own rules."""
    rules = tuple(kept(read(css), words))
    rules = tuple(animated(rules))
    return "".join(f"{rule}\n" for rule in needed(rules, " ".join(others)))


def words_of(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in WORD.findall(text)}


def classes_of(css: str) -> set[str]:
    """Return all classes that a style sheet has rules for."""
    return {name for rule in flat(read(css)) for name in CLASS.findall(STRING.sub("", rule.head))}


# Reading


def read(css: str) -> tuple[Rule, ...]:
    """Return the rules of a style sheet. Comments and statements without braces (@charset) are left out."""
    return tuple(_rules(COMMENT.sub("", css)))


def _rules(css: str) -> Iterator[Rule]:
    at = 0
    while (brace := css.find("{", at)) >= 0:
        end = _end(css, brace)
        head = " ".join(css[at:brace].rpartition(";")[2].split())
        inside = css[brace + 1 : end]
        yield Rule(head, tuple(_rules(inside)) if has_rules(head) else _declarations(inside))
        at = end + 1


def _end(css: str, brace: int) -> int:
    """Return where the brace that opens here is closed. Those in strings don't count."""
    depth = 0
    for found in re.finditer(rf"{STRING.pattern}|[{{}}]", css[brace:]):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if not depth:
            return brace + found.start()
    raise ValueError(f"A brace is never closed: {css[brace - 40 : brace + 40]!r}")


def has_rules(head: str) -> bool:
    return head.startswith(("@media", "@supports", "@container", "@layer"))


def _declarations(text: str) -> str:
    """Return declarations on one line; frames of an animation, too."""
    one_line = re.sub(r"(?<!:)\s*([{};,])\s*", r"\1", " ".join(text.split())).replace(";}", "}")
    return re.sub(r"(?<=[\w-]): (?=[^;])", ":", one_line).lstrip().rstrip(";")  # "--empty: ;" keeps its space


def flat(rules: Iterable[Rule]) -> Iterator[Rule]:
    for rule in rules:
        if isinstance(rule.inside, str):
            yield rule
        else:
            yield from flat(rule.inside)


# Choosing


def chosen(rules: Iterable[Rule], change: Callable[[Rule], Rule | None]) -> Iterator[Rule]:
    """Yield the rules as they are changed. One that becomes None is left out, and so is a condition around nothing."""
    for rule in rules:
        if isinstance(rule.inside, str):
            if (one := change(rule)) is not None:
                yield one
        elif inside := tuple(chosen(rule.inside, change)):
            yield Rule(rule.head, inside)


def kept(rules: Iterable[Rule], words: set[str]) -> Iterator[Rule]:
    """Yield the rules with those of their selectors whose classes are all used."""

    def without_unused(rule: Rule) -> Rule | None:
        if rule.head.startswith("@"):
            return rule
        selectors = [one.strip() for one in _split(rule.head)]
        left = [one for one in selectors if set(CLASS.findall(STRING.sub("", REFUSED.sub("", one)))) <= words]
        return Rule(",".join(left), rule.inside) if left else None

    return chosen(rules, without_unused)


def _split(selectors: str) -> list[str]:
    """Split at the commas that stand in no parentheses."""
    return re.split(r",(?![^(]*\))", selectors)


def animated(rules: tuple[Rule, ...]) -> Iterator[Rule]:
    """Yield the rules without animations that no other rule names."""
    names = words_of(text for rule in flat(rules) for text in ANIMATION.findall(str(rule.inside)))
    return chosen(rules, lambda rule: rule if not is_frames(rule) or rule.head.split()[1] in names else None)


def is_frames(rule: Rule) -> bool:
    return rule.head.startswith("@keyframes")


def needed(rules: tuple[Rule, ...], others: str) -> tuple[Rule, ...]:
    """Return the rules without the variables that nobody reads. Those can be read by other variables alone."""
    while True:
        inside = " ".join(str(rule.inside) for rule in flat(rules))
        read_somewhere = set(VARIABLE.findall(inside)) | {word for word in WORD.findall(others) if word[:2] == "--"}
        left = tuple(chosen(rules, lambda rule, names=read_somewhere: without(rule, names)))  # type: ignore[misc]
        if left == rules:
            return rules
        rules = left


def without(rule: Rule, names: set[str]) -> Rule | None:
    if is_frames(rule):
        return rule
    # A semicolon can stand in an address: url("data:image/svg+xml;...")
    declarations = re.findall(rf"(?:{STRING.pattern}|[^;])+", str(rule.inside))
    left = [one for one in declarations if not one.startswith("--") or one.partition(":")[0] in names]
    return Rule(rule.head, ";".join(left)) if left else None
