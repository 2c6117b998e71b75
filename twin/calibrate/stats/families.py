"""Laws of a time until something happens, each as log density and log survival over unconstrained parameters.

    exponential  log mean
    weibull      log shape, log scale
    lognormal    log median, log sigma
    mixture      logit share of the fast, log mean of the fast, log (mean of the slow / mean of the fast - 1)
    defective    logit share that ever fails, log shape, log scale (Meeker's limited failure population, 1987)

Arrays of parameters (…, k) meet times (n,) as (…, n), so that thousands of candidate laws are one call.

What ran already when somebody began to look, nobody knows since when, has another law: of a renewal process that has run for
long, what is then left of a time has the density S(t) / mean (Cox, Renewal Theory, 1962, section 5.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from twin.core.records import Floats

Of = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Family:
    """One law. `natural` gives parameters by name from unconstrained ones (…, k); `start` a first guess from the mean time."""

    name: str
    names: tuple[str, ...]
    log_density: Of
    log_survival: Of
    log_left: Of | None
    """Log share of times of which more than t is left when somebody begins to look. None: a law without a mean; such times then
    count from that moment on."""
    natural: Callable[[Floats], dict[str, Floats]]
    start: Callable[[float], tuple[float, ...]]
    log_prior: Callable[[Floats, Floats], Floats]
    """(draws, k) and the start (k,): log prior density up to a constant."""
    least: int
    """Fewer events than this cannot tell it from an exponential."""


def _flat(theta: Floats, _: Floats) -> Floats:
    """Right-Haar for a location and a scale: intervals from complete samples are exact."""
    return np.zeros(theta.shape[:-1])


def _weak(theta: Floats, start: Floats) -> Floats:
    """The first is the logit of an evenly distributed share; the others lie within a factor of some hundreds of the start."""
    logit, rest = theta[..., 0], (theta - start)[..., 1:] / 2.0
    even: Floats = special.log_expit(logit) + special.log_expit(-logit) - 0.5 * (rest**2).sum(-1)
    return even


def _exponential_density(theta: Floats, t: Floats) -> Floats:
    out: Floats = -theta[..., :1] - t * np.exp(-theta[..., :1])
    return out


def _exponential_survival(theta: Floats, t: Floats) -> Floats:
    out: Floats = -t * np.exp(-theta[..., :1])
    return out


def _exponential_left(theta: Floats, t: Floats) -> Floats:
    """It forgets how long it has run."""
    return _exponential_survival(theta, t)


def _weibull_density(theta: Floats, t: Floats) -> Floats:
    shape = np.exp(theta[..., :1])
    z = np.log(t) - theta[..., 1:2]
    out: Floats = theta[..., :1] + shape * z - np.log(t) - np.exp(shape * z)
    return out


def _weibull_survival(theta: Floats, t: Floats) -> Floats:
    out: Floats = -_exp(_exp(theta[..., :1]) * (np.log(t) - theta[..., 1:2]))
    return out


def _weibull_left(theta: Floats, t: Floats) -> Floats:
    shape = _exp(theta[..., :1])
    return _log(special.gammaincc(1 / shape, _exp(shape * (np.log(t) - theta[..., 1:2]))))


def _lognormal_density(theta: Floats, t: Floats) -> Floats:
    z = (np.log(t) - theta[..., :1]) * np.exp(-theta[..., 1:2])
    out: Floats = -0.5 * z * z - 0.5 * np.log(2 * np.pi) - theta[..., 1:2] - np.log(t)
    return out


def _lognormal_survival(theta: Floats, t: Floats) -> Floats:
    out: Floats = special.log_ndtr((theta[..., :1] - np.log(t)) * np.exp(-theta[..., 1:2]))
    return out


def _lognormal_left(theta: Floats, t: Floats) -> Floats:
    """E max(T - t, 0) / E T, of a lognormal T."""
    sigma = _exp(theta[..., 1:2])
    z, mean = (theta[..., :1] - np.log(t)) / sigma, theta[..., :1] + sigma**2 / 2
    return _log(special.ndtr(z + sigma) - _exp(np.log(t) - mean + special.log_ndtr(z)))


def _mixture_left(theta: Floats, t: Floats) -> Floats:
    """Long ones are met more often: each part by its share of the mean."""
    fast, slow = theta[..., 1:2], theta[..., 1:2] + np.logaddexp(0, theta[..., 2:3])
    ours, theirs = special.log_expit(theta[..., :1]) + fast, special.log_expit(-theta[..., :1]) + slow
    either = np.logaddexp(ours + _exponential_survival(fast, t), theirs + _exponential_survival(slow, t))
    return np.asarray(either - np.logaddexp(ours, theirs))


def _two(theta: Floats, t: Floats, one: Of) -> Floats:
    """Log of the mixed density or survival of two exponentials."""
    fast, slow = theta[..., 1:2], theta[..., 1:2] + np.logaddexp(0, theta[..., 2:3])
    out: Floats = np.logaddexp(
        special.log_expit(theta[..., :1]) + one(fast, t), special.log_expit(-theta[..., :1]) + one(slow, t)
    )
    return out


def _defective_density(theta: Floats, t: Floats) -> Floats:
    return np.asarray(special.log_expit(theta[..., :1]) + _weibull_density(theta[..., 1:], t))


def _defective_survival(theta: Floats, t: Floats) -> Floats:
    ever = special.log_expit(theta[..., :1])
    out: Floats = np.logaddexp(ever + _weibull_survival(theta[..., 1:], t), special.log_expit(-theta[..., :1]))
    return out


def _exp(x: Floats) -> Floats:
    return np.exp(np.clip(x, -700, 700))


def _log(x: Floats) -> Floats:
    return np.log(np.maximum(x, 1e-300))


def _mixed(theta: Floats) -> dict[str, Floats]:
    fast = _exp(theta[..., 1])
    return {"share": special.expit(theta[..., 0]), "fast": fast, "slow": fast * (1 + _exp(theta[..., 2]))}


FAMILIES: Mapping[str, Family] = {
    f.name: f
    for f in (
        Family("exponential", ("mean",), _exponential_density, _exponential_survival, _exponential_left,
               lambda th: {"mean": _exp(th[..., 0])}, lambda m: (np.log(m),), _flat, 1),
        Family("weibull", ("shape", "scale"), _weibull_density, _weibull_survival, _weibull_left,
               lambda th: {"shape": _exp(th[..., 0]), "scale": _exp(th[..., 1])}, lambda m: (0.0, np.log(m)), _flat, 3),
        Family("lognormal", ("median", "sigma"), _lognormal_density, _lognormal_survival, _lognormal_left,
               lambda th: {"median": _exp(th[..., 0]), "sigma": _exp(th[..., 1])}, lambda m: (np.log(m) - 0.3, 0.0), _flat, 3),
        Family("mixture", ("share", "fast", "slow"), lambda th, t: _two(th, t, _exponential_density),
               lambda th, t: _two(th, t, _exponential_survival), _mixture_left, _mixed,
               lambda m: (0.0, np.log(m) - 1.0, 1.0), _weak, 30),
        Family("defective", ("share", "shape", "scale"), _defective_density, _defective_survival, None,
               lambda th: {"share": special.expit(th[..., 0]), "shape": _exp(th[..., 1]), "scale": _exp(th[..., 2])},
               lambda m: (0.0, 0.0, np.log(m) - 0.7), _weak, 10),
    )
}  # fmt: skip


def mean(family: str, p: Mapping[str, Floats]) -> Floats:
    """The mean of a law by its natural parameters (of those that ever fail, for a defective one)."""
    if family == "exponential":
        return p["mean"]
    if family == "lognormal":
        return p["median"] * _exp(p["sigma"] ** 2 / 2)
    if family == "mixture":
        return p["share"] * p["fast"] + (1 - p["share"]) * p["slow"]
    return _exp(np.log(p["scale"]) + special.gammaln(1 + 1 / p["shape"]))
