"""What people type, looked at before it is kept: what can't be shown or stored is refused with a sentence."""

import re
import unicodedata

from kitchen.flow import Refused

# Joiners between letters: Persian and Hindi need them, and so do many emoji. Other invisible marks could make
# two names look alike, or turn the rest of a line around.
JOINERS = "\u200c\u200d"
HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # Unicode's categories of what can't be seen
SEEN = ("L", "N", "So", "Sk")  # a name needs at least one letter, number or picture; Sk: the shades of emoji
BREAKS = "\n\t"


def clean_text(value: object, most: int) -> str:
    """A message: stripped, 1 to `most` characters. Shown as text, so only what no database keeps is refused."""
    if not isinstance(value, str):
        raise Refused("A message must be text.")
    text = value.replace("\r\n", "\n").strip()
    if not text:
        raise Refused("The message is empty.")
    if len(text) > most:
        raise Refused(f"A message has at most {most:,} characters: this one has {len(text):,}.")
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in BREAKS for letter in text):
        raise Refused("The message has characters in it that can't be shown.")
    return text


def clean_line(value: object, most: int, what: str) -> str:
    """A name or a reason, in one line and in its usual spelling (NFKC), perhaps empty."""
    if not isinstance(value, str):
        raise Refused(f"{what} must be text.")
    if len(value) > 10 * most:  # before it is looked at letter by letter
        raise Refused(f"{what} has at most {most} characters.")
    line = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", value)).strip()
    if len(line) > most:
        raise Refused(f"{what} has at most {most} characters.")
    if any(unicodedata.category(letter) in HIDDEN and letter not in JOINERS for letter in line):
        raise Refused(f"{what} has characters in it that can't be seen.")
    return line


def is_pronounceable(name: str) -> bool:
    """Is there anything in it but punctuation?"""
    return any(unicodedata.category(letter).startswith(SEEN) for letter in name)
