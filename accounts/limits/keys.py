"""Make the key under which an action of a person, a session or an address is counted."""

import hashlib
from collections.abc import Iterable


def key_of(action: str, who: Iterable[object]) -> str:
    """Return the digest of the parts, each with its length, so that no name can imitate somebody else's key."""
    parts = [action, *(str(part) for part in who)]
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode(errors="replace")).hexdigest()
