"""Pack a worker's results for a database column: a line of JSON that names the arrays, then their bytes."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from simulation.estimates.lengths import EachLength, LengthCells, Pool
from simulation.estimates.sums import Part

FORM = 3  # other formats are not read

Parts = tuple[Part, ...]  # one for each scenario
Arrays = dict[str, np.ndarray[Any, Any]]


def pack(parts: Parts) -> bytes:
    """Return bytes for `unpack`."""
    arrays: Arrays = dict(row for number, part in enumerate(parts) for row in _flat(str(number), part))
    names = [(name, array.dtype.str, array.shape) for name, array in arrays.items()]
    header = json.dumps({"form": FORM, "scenarios": len(parts), "arrays": names}).encode()
    body = b"".join(array.tobytes() for array in arrays.values())
    return zlib.compress(header + b"\n" + body, level=1)


def unpack(packed: bytes) -> Parts | None:
    """Unpack; None if an earlier version packed it in another form, so that it has to be simulated again."""
    try:
        line, _, body = zlib.decompress(packed).partition(b"\n")
        header = json.loads(line)
        if header["form"] != FORM:
            return None
        arrays = _arrays(header["arrays"], body)
        return tuple(_part(f"{number}.", arrays) for number in range(header["scenarios"]))
    except (zlib.error, ValueError, KeyError, TypeError):
        return None


def _flat(path: str, value: Any) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    if is_dataclass(value):
        for item in fields(value):
            yield from _flat(f"{path}.{item.name}", getattr(value, item.name))
    elif path.endswith(".counts"):  # mostly zeros and ones
        yield path, value.astype(np.min_scalar_type(int(value.max(initial=0))))
    elif value is not None:
        yield path, np.asarray(value)


def _arrays(names: list[tuple[str, str, list[int]]], body: bytes) -> Arrays:
    arrays, begin = Arrays(), 0
    for name, kind, shape in names:
        array = np.frombuffer(body, kind, int(np.prod(shape)), begin).reshape(shape)
        arrays[name] = array
        begin += array.nbytes
    return arrays


def _part(path: str, arrays: Arrays) -> Part:
    values: dict[str, Any] = {item.name: arrays.get(f"{path}{item.name}") for item in fields(Part)}
    pools = {name: _pool(f"{path}{name}.", arrays) for name in ("lengths", "kind_lengths")}
    return Part(**values | {"first": int(values["first"]), **pools})


def _pool(path: str, arrays: Arrays) -> Pool | None:
    kind = EachLength if f"{path}seconds" in arrays else LengthCells
    if kind is LengthCells and f"{path}counts" not in arrays:
        return None
    values: dict[str, Any] = {item.name: arrays[f"{path}{item.name}"] for item in fields(kind)}
    if kind is LengthCells:
        values["first_cell"] = int(values["first_cell"])
    return kind(**values)
