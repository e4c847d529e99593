"""compile, fit, evaluate, predict and what one batch does in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...eager.structure import leaves
from ...eager.tensor import Tensor
from .. import optimizers
from ..layers.layer import Layer
from .data import as_arrays, class_weights
from .loops import Loops
from .objective import Metrics, Objective
from .step import Step, gradients_of, hashable, types_of


class Trainer(Loops, Layer):
    """What makes a layer a model. A subclass may have its own `train_step(data)`, `test_step`, `predict_step`,
    which are traced and compiled as the own ones are, and `compute_loss`."""

    _graph: Any
    optimizer: Any
    history: Any
    stop_training: bool
    compiled: bool
    _objective: Objective | None
    _metrics: Metrics | None
    _steps: dict[Any, Step]
    _fast: dict[Any, Step]
    _compile_config: dict[str, Any] | None

    def set_up(self) -> None:
        """Before anything is compiled."""
        hidden: dict[str, Any] = {
            "optimizer": None,
            "loss": None,
            "stop_training": False,
            "_objective": None,
            "_metrics": None,
            "_steps": {},
            "_fast": {},
            "_compile_config": None,
            "history": None,
            "compiled": False,
        }
        for k, v in hidden.items():
            object.__setattr__(self, k, v)

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Sets how the model is trained. A step is compiled when the first batch of its shapes comes.

        `run_eagerly`, `steps_per_execution` and `jit_compile` are accepted and change nothing: a step is one call
        of native code.
        """
        self.optimizer = optimizers.get(optimizer)
        self.loss = loss
        self._objective = Objective(loss, loss_weights) if loss is not None else None
        self._metrics = Metrics(metrics, weighted_metrics)
        self._compile_config = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": False,
        }
        self._steps, self._fast = {}, {}
        self.stop_training = False
        self.compiled = True

    # what one step computes: these run while it is traced

    @property
    def output_names(self) -> list[str]:
        """The outputs' names: of the layers that give them."""
        outputs = self._graph.outputs if self._graph is not None else None
        if outputs is None:
            return ["output"]
        if isinstance(outputs, dict):
            return list(outputs)
        return [
            t.node.source[0].layer.name if getattr(t.node, "source", None) else f"output_{i}"
            for i, t in enumerate(leaves(outputs))
        ]

    @property
    def loss_names(self) -> list[str]:
        """What the losses are called among the logs."""
        return ["loss", *(f"{n}_loss" for n in self.output_names)]

    def _names(self, y_pred: Any) -> list[str]:
        names = self.output_names
        count = len(list(leaves(y_pred)))
        if len(names) != count:
            names = list(y_pred) if isinstance(y_pred, dict) else [f"output_{i}" for i in range(count)]
        return names

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """What training minimises: the losses of the outputs, of regularizers, and those that layers add."""
        total: Tensor | None = None
        self._parts: list[Tensor] = []
        if self._objective is not None:
            total, self._parts = self._objective(y, y_pred, sample_weight, self._names(y_pred))
        for extra in self.losses:
            total = extra if total is None else total + extra
        if total is None:
            raise ValueError(
                "No loss to compute. Provide a `loss` argument in `compile()`, or add one with `add_loss()` in a layer."
            )
        return total

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Counts a batch in the metrics; their values."""
        if self._metrics is None:
            return {}
        self._metrics.update(y, y_pred, sample_weight, self._names(y_pred))
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """The metrics' present values by name."""
        out = {} if self._metrics is None else self._metrics.results()
        for m in self._own_metrics():
            value = m.result()
            out.update(value if isinstance(value, dict) else {m.name: value})
        return out

    def _logs(self, loss: Tensor, y_pred: Any, results: dict[str, Any]) -> dict[str, Any]:
        logs: dict[str, Any] = {"loss": loss}
        names = self._names(y_pred)
        if len(self._parts) == len(names) > 1:
            logs.update({f"{n}_loss": p for n, p in zip(names, self._parts, strict=True)})
        return {**logs, **results}

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step of training on (x, y, sample_weight): the loss and the metrics by name."""
        x, y, sample_weight = data
        y_pred = self(x, training=True)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True)
        variables = self.trainable_variables
        if variables and self.optimizer is not None:
            scaled = self.optimizer.scale_loss(loss)
            self.optimizer.apply(gradients_of(scaled, variables), variables)
        return self._logs(loss, y_pred, self.compute_metrics(x, y, y_pred, sample_weight))

    def test_step(self, data: Any) -> dict[str, Any]:
        """One step of evaluation."""
        x, y, sample_weight = data
        y_pred = self(x, training=False)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False)
        return self._logs(loss, y_pred, self.compute_metrics(x, y, y_pred, sample_weight))

    def predict_step(self, data: Any) -> Any:
        """One step of prediction on (x, None, None)."""
        return self(data[0], training=False)

    # compiled steps

    def _step(self, kind: str, batch: Any) -> Step:
        """The compiled step for batches of these shapes."""
        key = (kind, hashable(types_of(batch)))
        step = self._steps.get(key)
        if step is None or not step.is_current:
            body = {"train": self.train_step, "test": self.test_step, "predict": self.predict_step}[kind]
            self._prepare(kind, batch)
            frozen = [] if kind != "train" else self._frozen()
            step = self._steps[key] = Step(lambda *data: body(data), batch, f"{kind}_step", frozen)
        return step

    def _frozen(self) -> list[Any]:
        """Weights that training leaves alone: constants of the step."""
        chosen = {id(v) for v in self.trainable_variables}
        return [v for v in self.weights if id(v) not in chosen]

    def _run_step(self, step: Step, batch: Any, kind: str) -> dict[str, Any]:
        """What a compiled step gives for a batch."""
        if kind == "train" and self.optimizer is not None:
            self.optimizer.before_step()
        return step.structured(step(batch))

    def _prepare(self, kind: str, batch: Any) -> None:
        """Before a step is traced: variables are made, for which values are computed."""
        if not self.built:
            self._build_for(batch[0])
        if kind == "train" and self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    def _build_for(self, x: Any) -> None:
        """A trial on symbolic inputs of the batch's shapes."""
        from ...eager.structure import rebuilt
        from ..layers.history import symbolic

        trial = rebuilt(x, lambda a: symbolic((None, *a.shape[1:]), a.dtype.name, "trial"))
        if hasattr(self, "_stack"):
            self.build(trial.shape)
        else:
            self(trial)

    # one batch

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One step of training: the loss, or a list of the loss and the metrics, of this batch."""
        if sample_weight is None and class_weight is None and not return_dict:
            try:
                step = self._fast.get((x.shape, x.dtype, y.shape, y.dtype))
            except AttributeError:
                step = None
            if step is not None and x.flags.c_contiguous and y.flags.c_contiguous and step.is_current:
                return float(step.on((x, y))[0])
        return self._on_batch("train", x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """The loss and the metrics of one batch, as train_on_batch gives them."""
        return self._on_batch("test", x, y, sample_weight, None, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch."""
        batch = (as_arrays(x), None, None)
        step = self._step("predict", batch)
        return step.structured(step(batch))

    def _on_batch(self, kind: str, x: Any, y: Any, weights: Any, by_class: Any, return_dict: bool) -> Any:
        self._check_compiled(f"{kind}_on_batch")
        x, y, weights = as_arrays(x), as_arrays(y), as_arrays(weights)
        if by_class is not None and weights is not None:
            raise ValueError(
                "Arguments `sample_weight` and `class_weight` cannot be specified at the same time. "
                f"Received: class_weight={by_class}"
            )
        if by_class is not None:
            weights = class_weights(y, by_class, weights)
        batch = (x, y, weights)
        step = self._step(kind, batch)
        self.reset_metrics()
        logs = self._run_step(step, batch, kind)
        if (
            kind == "train"
            and weights is None
            and list(logs) == ["loss"]
            and not (self.optimizer is not None and self.optimizer.asks_before_steps)
            and isinstance(x, np.ndarray)
            and isinstance(y, np.ndarray)
        ):
            self._fast = {
                **{k: v for k, v in self._fast.items() if v.is_current},
                (x.shape, x.dtype, y.shape, y.dtype): step,
            }
        plain = {k: float(v) for k, v in logs.items()}
        if return_dict:
            return plain
        values = list(plain.values())
        return values[0] if len(values) == 1 else values

    def _check_compiled(self, method: str) -> None:
        if not self.compiled:
            raise ValueError(f"You must call `compile()` before calling `{method}()`.")

    # metrics

    def _own_metrics(self) -> list[Any]:
        """Metrics that a subclass keeps in its attributes."""
        from .. import metrics

        return list(self._own(lambda v: isinstance(v, metrics.Metric)))

    @property
    def metrics(self) -> list[Any]:
        """The metrics that are counted."""
        return [*(self._metrics.metrics if self._metrics is not None else []), *self._own_metrics()]

    @property
    def metrics_names(self) -> list[str]:
        return ["loss", *(m.name for m in self.metrics)]

    def reset_metrics(self) -> None:
        """Begins to count anew."""
        for m in self.metrics:
            m.reset_state()

    def get_compile_config(self) -> dict[str, Any] | None:
        """What compile() was given, as plain values."""
        from ..objects import serialize_keras_object

        return (
            None
            if self._compile_config is None
            else serialize_keras_object({**self._compile_config, "optimizer": self.optimizer})
        )

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as get_compile_config() says."""
        from ..objects import deserialize_keras_object

        given: dict[str, Any] = {
            k: deserialize_keras_object(v) if k != "loss" or not isinstance(v, str) else v
            for k, v in config.items()
        }
        self.compile(**given)
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)
