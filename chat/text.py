"""Check what people type before it is stored. Text that can't be shown or stored is refused with a sentence."""

import re
import unicodedata

from realtime.refused import Refused

# Invisible marks that change the characters beside them: Persian, Hindi and many emoji need the joiners, and a
# variation selector says whether a character is shown as a picture. Other invisible marks could make two names look
# alike or reverse the rest of a line, and so could these where there is nothing for them to change (is_idle).
JOINERS = "\u200c\u200d"
MARKS = JOINERS + "\ufe0e\ufe0f"
HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # Unicode categories of invisible characters
GAPS = ("Cc", "Cf", "Zs", "Zl", "Zp")
VISIBLE = ("L", "N", "So", "Sk")  # a name needs at least one letter, number or picture; Sk: the shades of emoji
BREAKS = "\n\t"
# Letters, marks and pictures by their category, but nothing is visible.
BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
)


def clean_text(value: object, most: int) -> str:
    """Return a message, stripped, of 1 to `most` characters. Refuse only what can't be stored or shown."""
    if not isinstance(value, str):
        raise Refused("A message must be text.")
    text = value.replace("\r\n", "\n").strip()
    if not text:
        raise Refused("The message is empty.")
    if len(text) > most:
        raise Refused(f"A message has at most {most:,} characters: this one has {len(text):,}.")
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in BREAKS for letter in text):
        raise Refused("The message has characters in it that can't be shown.")
    if not any(map(is_visible, text)):
        raise Refused("The message is empty.")
    return text


def clean_line(value: object, most: int, what: str) -> str:
    """Return a name or a reason on one line, normalised (NFKC). It can be empty."""
    if not isinstance(value, str):
        raise Refused(f"{what} must be text.")
    if len(value) > 10 * most:  # before each character is checked
        raise Refused(f"{what} has at most {most} characters.")
    line = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", value)).strip()
    if len(line) > most:
        raise Refused(f"{what} has at most {most} characters.")
    if BLANK.search(line) or any(is_hidden(line, n) for n in range(len(line))):
        raise Refused(f"{what} has characters in it that can't be seen.")
    return line


def is_pronounceable(name: str) -> bool:
    """Return True if the name has a letter, a number or a picture in it, not only punctuation."""
    return any(category(letter).startswith(VISIBLE) for letter in name)


def category(letter: str) -> str:
    """Return the Unicode category. An unknown character among the pictures is one that is newer than this Python."""
    found = unicodedata.category(letter)
    return "So" if found == "Cn" and "\U0001f000" <= letter <= "\U0001faff" else found


def without_marks(line: str) -> str:
    """Return the line for comparison: two lines that differ only in MARKS can look the same."""
    return "".join(letter for letter in line if letter not in MARKS)


def is_visible(letter: str) -> bool:
    """Return True if this character is neither a gap nor a mark."""
    return not (category(letter) in GAPS or letter in MARKS or BLANK.match(letter))


def is_hidden(line: str, n: int) -> bool:
    if line[n] in MARKS:
        return is_idle(line, n)
    return category(line[n]) in HIDDEN


def is_idle(line: str, n: int) -> bool:
    """Return True for a mark that changes nothing: at either end of the line, or beside a cased letter."""
    beside = [line[n - 1 : n], line[n + 1 : n + 2]] if line[n] in JOINERS else [line[n - 1 : n]]
    return any(not letter or letter.lower() != letter.upper() for letter in beside)
