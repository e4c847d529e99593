"""The losses and metrics of a compiled model, matched with its outputs."""

from __future__ import annotations

from typing import Any

from ...eager.structure import leaves
from ...eager.tensor import Tensor, convert
from .. import losses as losses_module
from .. import metrics as metrics_module


def _by_output(given: Any, names: list[str], what: str) -> list[Any]:
    """One entry for each output: from a list in order, from a dictionary by name."""
    if given is None:
        return [None] * len(names)
    if isinstance(given, dict):
        unknown = [k for k in given if k not in names]
        if unknown:
            raise ValueError(
                f"In the dict argument `{what}`, key '{unknown[0]}' does not correspond to any model output. "
                f"Outputs: {names}"
            )
        return [given.get(n) for n in names]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(
                f"expected {len(names)} entries in `{what}`, one for each output, received {len(given)}"
            )
        return list(given)
    return [given] * len(names)


class Objective:
    """What training minimises, and the losses of the single outputs."""

    def __init__(self, loss: Any, weights: Any) -> None:
        self._loss, self._weights = loss, weights
        self._losses: list[Any] | None = None
        self._scales: list[float] = []

    def build(self, names: list[str]) -> None:
        single = len(names) == 1
        given = self._loss
        if single and isinstance(given, (list, tuple)) and len(given) == 1:
            given = given[0]
        entries = _by_output(given, names, "loss")
        self._losses = [None if e is None else losses_module.get(e) for e in entries]
        scales = (
            _by_output(self._weights, names, "loss_weights")
            if self._weights is not None
            else [None] * len(names)
        )
        self._scales = [1.0 if s is None else float(s) for s in scales]

    def __call__(
        self, y: Any, y_pred: Any, weights: Any, names: list[str]
    ) -> tuple[Tensor | None, list[Tensor]]:
        """The total (None without losses), and each output's own where there are several."""
        if self._losses is None:
            self.build(names)
        targets, given = matched(y, y_pred, names)
        heavy = _by_output(weights, names, "sample_weight") if weights is not None else [None] * len(given)
        total: Tensor | None = None
        parts: list[Tensor] = []
        for loss, target, value, w, scale in zip(
            self._losses or (), targets, given, heavy, self._scales, strict=True
        ):
            if loss is None:
                continue
            one = applied(loss, target, value, w)
            parts.append(one)
            one = one if scale == 1.0 else one * scale
            total = one if total is None else total + one
        return total, parts if len(given) > 1 else []


def applied(loss: Any, target: Any, value: Any, weights: Any) -> Tensor:
    """A loss on one output; a plain function's values are averaged."""
    if not isinstance(loss, losses_module.Loss):
        loss = losses_module.LossFunctionWrapper(loss)
    target = convert(target) if target is not None else target
    return loss(target, value, sample_weight=weights)


def matched(y: Any, y_pred: Any, names: list[str]) -> tuple[list[Any], list[Any]]:
    """Targets and outputs in order."""
    given = list(leaves(y_pred))
    if isinstance(y, dict) and not isinstance(y_pred, dict):
        targets = [y.get(n) for n in names]
    elif isinstance(y, dict):
        targets = [y.get(k) for k in y_pred]
    else:
        targets = [y] if not isinstance(y, (list, tuple)) else list(y)
        targets = targets if len(targets) == len(given) else [None] * len(given) if y is None else targets
    if len(targets) != len(given):
        raise ValueError(f"expected {len(given)} targets, one for each output, received {len(targets)}")
    return targets, given


class Metrics:
    """The metrics that compile() was given, by output."""

    def __init__(self, metrics: Any, weighted: Any) -> None:
        self._given, self._weighted_given = metrics, weighted
        self._built: list[list[tuple[Any, bool, str]]] | None = None

    def build(self, names: list[str], targets: list[Any], given: list[Any]) -> None:
        self._built = []
        plain = self._entries(self._given, names)
        weighted = self._entries(self._weighted_given, names)
        for name, p, w, t, v in zip(names, plain, weighted, targets, given, strict=True):
            prefix = f"{name}_" if len(names) > 1 else ""
            row = [(metric_of(m, t, v), False, prefix) for m in p] + [
                (metric_of(m, t, v), True, prefix) for m in w
            ]
            self._built.append(row)

    def _entries(self, given: Any, names: list[str]) -> list[list[Any]]:
        if given is None:
            return [[] for _ in names]
        if isinstance(given, dict):
            return [_listed(e) for e in _by_output(given, names, "metrics")]
        if len(names) == 1 and not any(isinstance(e, (list, tuple)) for e in given):
            return [_listed(given)]
        if (
            len(names) > 1
            and isinstance(given, (list, tuple))
            and len(given) == len(names)
            and any(isinstance(e, (list, tuple)) for e in given)
        ):
            return [_listed(e) for e in given]
        if len(names) == 1:
            return [_listed(given[0])]
        return [_listed(given) for _ in names]

    @property
    def metrics(self) -> list[Any]:
        return [m for row in self._built or () for m, _, _ in row]

    def update(self, y: Any, y_pred: Any, weights: Any, names: list[str]) -> None:
        """Counts one batch."""
        if self._given is None and self._weighted_given is None:
            return
        targets, given = matched(y, y_pred, names)
        if self._built is None:
            self.build(names, targets, given)
        heavy = _by_output(weights, names, "sample_weight") if weights is not None else [None] * len(given)
        for row, t, v, w in zip(self._built or (), targets, given, heavy, strict=True):
            for metric, weighted, _ in row:
                if t is not None:
                    metric.update_state(t, v, sample_weight=w if weighted else None)

    def results(self) -> dict[str, Tensor]:
        """The metrics' present values by name."""
        out: dict[str, Tensor] = {}
        for row in self._built or ():
            for metric, _, prefix in row:
                value = metric.result()
                if isinstance(value, dict):
                    out.update({prefix + k: v for k, v in value.items()})
                    continue
                name, k = prefix + metric.name, 1
                while name in out:
                    name, k = f"{prefix}{metric.name}_{k}", k + 1
                out[name] = value
        return out


def _listed(entry: Any) -> list[Any]:
    if entry is None:
        return []
    return list(entry) if isinstance(entry, (list, tuple)) else [entry]


def metric_of(metric: Any, target: Any, value: Any) -> Any:
    """A metric for a name, a class or a function; "accuracy" is the one that fits the shapes."""
    if isinstance(metric, metrics_module.Metric):
        return metric
    name = metric if isinstance(metric, str) else getattr(metric, "__name__", "")
    if isinstance(metric, str) and metric.lower() in ("accuracy", "acc"):
        shape = value.shape if target is None else convert(target).shape
        metric = metrics_module.resolve_accuracy(shape, value.shape)
    elif isinstance(metric, str) and metric.lower() in ("crossentropy", "ce"):
        metric = metrics_module.resolve_crossentropy(
            value.shape if target is None else convert(target).shape, value.shape
        )
    made = metrics_module.get(metric)
    if isinstance(made, metrics_module.Metric):
        if isinstance(name, str) and name.islower():
            made.name = name
        return made
    return metrics_module.MeanMetricWrapper(made, name=name or None)
