"""What a worker simulated, for a column of the database."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any
from zipfile import BadZipFile

import numpy as np

from simulation.lengths import EachLength, LengthCells
from simulation.sums import Part

FORM = 2  # other ones are not read

Parts = tuple[Part, ...]  # one for each scenario


def pack(parts: Parts) -> bytes:
    """For `unpack`."""
    file = io.BytesIO()
    arrays = dict(row for number, part in enumerate(parts) for row in _flat(str(number), part))
    np.savez_compressed(file, form=FORM, scenarios=len(parts), **arrays)
    return file.getvalue()


def unpack(packed: bytes) -> Parts | None:
    """None if it was packed in another form, by a version before: then it has to be simulated again."""
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
            if arrays.get("form") != FORM:
                return None
            return tuple(_part(f"{number}.", arrays) for number in range(int(arrays["scenarios"])))
    except (BadZipFile, EOFError, KeyError, OSError, ValueError):
        return None


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if is_dataclass(value):
        for item in fields(value):
            yield from _flat(f"{path}.{item.name}", getattr(value, item.name))
    elif path.endswith(".counts"):  # mostly zeros and ones
        yield path, value.astype(np.min_scalar_type(int(value.max(initial=0))))
    elif value is not None:
        yield path, value


def _part(path: str, arrays: Mapping[str, Any]) -> Part:
    kind = EachLength if f"{path}lengths.seconds" in arrays else LengthCells
    values: dict[str, Any] = {item.name: arrays.get(f"{path}{item.name}") for item in fields(Part)}
    lengths: dict[str, Any] = {item.name: arrays[f"{path}lengths.{item.name}"] for item in fields(kind)}
    if kind is LengthCells:
        lengths["first_cell"] = int(lengths["first_cell"])
    return Part(**values | {"first": int(values["first"]), "lengths": kind(**lengths)})
