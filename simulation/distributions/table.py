"""The one table of service-time distributions, which the shop's admin, the spec of `simulate` and the planner read.

To add one, write its class (`base.Distribution` says what it can do) and give it an entry here. The shop then needs
a migration for its choices, which `makemigrations` writes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from simulation.distributions.base import Distribution, Impossible
from simulation.distributions.discrete import Discrete
from simulation.distributions.empirical import Empirical
from simulation.distributions.exponential import Exponential
from simulation.distributions.fixed import Fixed
from simulation.distributions.gamma import Gamma
from simulation.distributions.hyperexponential import Hyperexponential
from simulation.distributions.lognormal import Lognormal, ShiftedLognormal
from simulation.distributions.pert import Pert
from simulation.distributions.stretched import stretched
from simulation.distributions.triangular import Triangular
from simulation.distributions.truncated_normal import TruncatedNormal
from simulation.distributions.uniform import Uniform
from simulation.distributions.weibull import Weibull
from simulation.fields import MAX_SECONDS, MAX_VALUES, Fields, SpecError

MAX_CV = 100.0
MOMENTS = {"mean", "cv"}


@dataclass(frozen=True)
class Parameter:
    name: str
    help: str
    kind: Literal["number", "whole", "numbers"] = "number"
    least: float | None = None
    above: float | None = None
    most: float = MAX_SECONDS

    def read(self, fields: Fields, most_values: int = MAX_VALUES) -> Any:
        """Read the value. SpecError if it is missing or beyond its limits."""
        if self.kind == "whole":
            return fields.whole(self.name, int(self.least or 0), int(self.most))
        limits = {name: value for name in ("least", "above", "most") if (value := getattr(self, name)) is not None}
        if self.kind == "numbers":
            return fields.numbers(self.name, most_values, **limits)
        return fields.number(self.name, **limits)


MEAN = Parameter("mean", "the mean in seconds", above=0)
CV = Parameter("cv", "the standard deviation divided by the mean", least=0, most=MAX_CV)
LOW = Parameter("low", "the shortest time in seconds", least=0)
MODE = Parameter("mode", "the likeliest time in seconds", least=0)
HIGH = Parameter("high", "the longest time in seconds", above=0)
SHIFT = Parameter("shift", "the least it takes, in seconds", least=0)
STEPS = Parameter("k", "the number of exponential steps", "whole", least=1, most=10_000)
CHANCES = Parameter("p", "the chances, which add up to 1", "numbers", least=0, most=1)
MEANS = Parameter("means", "their means in seconds", "numbers", above=0)
VALUES = Parameter("values", "times in seconds", "numbers", least=0)


class Form:
    """One set of parameters that describes a distribution; `make` takes them by name, the spread in place of cv."""

    def __init__(self, make: Callable[..., Distribution], *parameters: Parameter) -> None:
        self.make, self.parameters = make, parameters
        self.names = {parameter.name for parameter in parameters}
        self.own = [parameter for parameter in parameters if parameter.name not in MOMENTS]
        self.own_names = self.names - MOMENTS

    def made(self, mean: float, spread: float, own: Mapping[str, Any]) -> Distribution:
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in own.items()}
        if "mean" in self.names:
            values["mean"] = mean
        if "cv" in self.names:
            values["spread"] = spread
        return self.make(**values)


@dataclass(frozen=True)
class Entry:
    code: str
    label: str
    forms: tuple[Form, ...]

    def read(self, fields: Fields) -> Distribution:
        """Read all of its parameters. SpecError with the field that is wrong."""
        form = max(self.forms, key=lambda form: len(form.names & set(fields.values)))
        values = {parameter.name: parameter.read(fields) for parameter in form.parameters}
        mean, cv = values.pop("mean", 0.0), values.pop("cv", 0.0)
        try:
            return form.made(mean, cv * mean, values)
        except Impossible as error:
            name, sentence = error.parameter, str(error)
            if sentence.startswith(f"{name} "):  # it begins with the parameter, which the path ends with
                raise fields.wrong(name, sentence.removeprefix(f"{name} ")) from None
            raise fields.wrong(name, sentence, f"{fields.at(name)}:") from None

    def read_own(self, fields: Fields, most_values: int) -> dict[str, Any]:
        """Read its parameters besides mean and cv, for which the shop has columns. SpecError like `read`."""
        try:
            form = self.form_with(fields.values)
        except Impossible as error:
            raise SpecError(fields.path, str(error)) from None
        values = {parameter.name: parameter.read(fields, most_values) for parameter in form.own}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def form_with(self, own_names: Iterable[str]) -> Form:
        """Return the form with exactly these parameters besides mean and cv. Impossible if there is none."""
        for form in self.forms:
            if form.own_names == set(own_names):
                return form
        raise Impossible("parameters", f"{self.label} takes {self.takes}.")

    @property
    def takes(self) -> str:
        """Name its parameters besides mean and cv, in words."""
        return ", or ".join(_words(form) for form in self.forms)


def _words(form: Form) -> str:
    *names, last = [parameter.name for parameter in form.own] or ["no parameters of its own"]
    return f"{', '.join(names)} and {last}" if names else last


ENTRIES = (
    Entry("fixed", "Fixed", (Form(Fixed, MEAN),)),
    Entry("exponential", "Exponential", (Form(Exponential, MEAN),)),
    Entry("lognormal", "Lognormal", (Form(Lognormal, MEAN, CV),)),
    Entry("uniform", "Uniform", (Form(Uniform.between, LOW, HIGH), Form(Uniform, MEAN, CV))),
    Entry("gamma", "Gamma", (Form(Gamma, MEAN, CV),)),
    Entry("erlang", "Erlang", (Form(Gamma.erlang, MEAN, STEPS),)),
    Entry(
        "hyperexponential",
        "Hyperexponential",
        (Form(Hyperexponential.mixed, CHANCES, MEANS), Form(Hyperexponential.balanced, MEAN, CV)),
    ),
    Entry("weibull", "Weibull", (Form(Weibull, MEAN, CV),)),
    Entry("triangular", "Triangular", (Form(Triangular, LOW, MODE, HIGH),)),
    Entry("pert", "PERT", (Form(Pert, LOW, MODE, HIGH),)),
    Entry("truncated_normal", "Truncated normal", (Form(TruncatedNormal, MEAN, CV),)),
    Entry("shifted_lognormal", "Shifted lognormal", (Form(ShiftedLognormal, SHIFT, MEAN, CV),)),
    Entry("discrete", "Discrete", (Form(Discrete, VALUES, CHANCES),)),
    Entry("empirical", "Empirical", (Form(Empirical, VALUES),)),
)
DISTRIBUTIONS = {entry.code: entry for entry in ENTRIES}


def choices() -> list[tuple[str, str]]:
    return [(entry.code, entry.label) for entry in DISTRIBUTIONS.values()]


def build(code: str, mean: float, spread: float, parameters: Mapping[str, Any] | None = None) -> Distribution:
    """Build a distribution as a station sets it: by mean and spread, and the other parameters that it takes.

    Parameters that have a mean of their own, such as low and high, give the shape, which is stretched to this mean.
    """
    form = DISTRIBUTIONS[code].form_with(parameters or {})
    distribution = form.made(mean, spread, parameters or {})
    return distribution if "mean" in form.names else stretched(distribution, mean)


def frozen(parameters: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Make parameters hashable, to be part of a key: `build` takes them as a dict again."""
    return tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in parameters.items())


def own_moments(code: str, parameters: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return (mean, spread) of parameters that have a mean of their own; None for others."""
    form = DISTRIBUTIONS[code].form_with(parameters)
    if "mean" in form.names:
        return None
    distribution = form.made(0.0, 0.0, parameters)
    return distribution.mean, distribution.variance**0.5
