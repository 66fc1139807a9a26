# SPDX-License-Identifier: Apache-2.0
"""The training loop: deterministic for a seed, resumable after any epoch with the same result, blind to the test set."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dietcnn_hls import progress
from dietcnn_hls.atomic import content_key, read_kept, write_kept
from dietcnn_hls.data import datasets
from dietcnn_hls.errors import ConfigError, DatasetError, LoweringError, UnsupportedLayerError
from dietcnn_hls.tf import tf
from dietcnn_hls.training.averaging import BatchStatistics, MovingAverage
from dietcnn_hls.training.board import CodebookBoard
from dietcnn_hls.training.optimizers import optimizer, schedule
from dietcnn_hls.training.recipe import FLOAT_KEYS, Recipe, augment
from dietcnn_hls.training.refit import refit_codebooks

Stage = Literal["float", "method"]


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave: mean training loss, accuracy and loss on the validation images, seconds."""

    loss: float
    accuracy: float
    validation_loss: float
    seconds: float


@dataclass
class History:
    """All epochs of a stage, and which one's weights were kept."""

    epochs: list[Epoch] = field(default_factory=list)
    best: int = -1

    def add(self, epoch: Epoch) -> bool:
        """Append; True when it is the best so far: highest accuracy, then lowest loss, on the validation images."""
        rank = [(e.accuracy, -e.validation_loss) for e in (*self.epochs, epoch)]
        self.epochs.append(epoch)
        if self.best < 0 or rank[-1] > rank[self.best]:
            self.best = len(self.epochs) - 1
        return self.best == len(self.epochs) - 1

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> History:
        data = json.loads(text)
        return cls([Epoch(**epoch) for epoch in data["epochs"]], data["best"])


def train(
    model: Any,
    split: datasets.Split,
    recipe: Recipe,
    *,
    seed: int,
    stage: Stage = "method",
    teacher: Any = None,
    checkpoint_dir: Path | None = None,
    board: CodebookBoard | None = None,
) -> History:
    """Train `model` in place; it ends with the weights of the epoch that was best on the validation images.

    The same seed, data, recipe, machine and number of threads give the same weights; TensorFlow's op determinism is switched
    on for the process. Codebooks are refitted before the first `recipe.refits` epochs after the first.

    Args:
        model: built Keras model with logits (or a final softmax) as output.
        split: uint8 images or float32 values, and labels for training and validation.
        recipe: epochs, rates, augmentation.
        seed: order of images, shifts, dropout.
        stage: 'float' takes the recipe's float keys and no teacher.
        teacher: float model whose outputs are followed, or None.
        checkpoint_dir: folder where the state after each epoch is kept; a later call with the same arguments goes on from it.
        board: is told after each epoch, for TensorBoard.

    Raises:
        ConfigError: a cut-out as large as the images.
        DatasetError: images that do not fit the model.
        LoweringError: the loss is NaN or Inf.
        UnsupportedLayerError: a softmax fused into the last layer.
    """
    tf.config.experimental.enable_op_determinism()
    tf.keras.utils.set_random_seed(seed)
    _check(model, split, recipe)
    trainer = _Trainer(model, split, recipe, seed, stage, teacher)
    checkpoint = None if checkpoint_dir is None else _Checkpoint(checkpoint_dir / f"{stage}.npz", trainer)
    if checkpoint is not None:
        checkpoint.restore()
    left = range(len(trainer.history.epochs), trainer.epochs)
    title = f"training ({stage})"
    with progress.step(f"{title}: {len(left)} epochs") if left else nullcontext():
        for number in progress.track(left, f"{title}, epochs"):
            trainer.run_epoch(f"{title}, steps of epoch {number + 1}")
            if checkpoint is not None:
                checkpoint.save()
            if board is not None:
                board.write(model, number, asdict(trainer.history.epochs[number]))
    trainer.finish()
    return trainer.history


def _check(model: Any, split: datasets.Split, recipe: Recipe) -> None:
    shape = tuple(model.input_shape[1:])
    for what, x in (("training", split.x_train), ("validation", split.x_validation)):
        if x.shape[1:] != shape or not len(x):
            raise DatasetError(f"{what} images of shape {x.shape} for a model of input (N, {', '.join(map(str, shape))})")
    if recipe.cutout and (len(shape) != 3 or recipe.cutout >= min(shape[:2])):
        raise ConfigError(f"training: a cutout of {recipe.cutout} leaves nothing of images {shape}; use less, or 0")
    if int(split.y_train.max()) >= model.output_shape[-1]:
        raise DatasetError(f"label {int(split.y_train.max())} for a model of {model.output_shape[-1]} outputs")


class _Trainer:
    """State of one stage: model, optimiser, history and the best weights so far."""

    def __init__(self, model: Any, split: datasets.Split, recipe: Recipe, seed: int, stage: Stage, teacher: Any) -> None:
        self.model, self.split, self.recipe, self.seed, self.stage = model, split, recipe, seed, stage
        first = stage == "float"
        self.epochs = recipe.float_epochs if first else recipe.epochs
        self.shift = recipe.shift * (2 if first else 1)
        self.refits = 0 if first else recipe.refits
        self.batch = min(recipe.batch, len(split.x_train))
        self.steps = len(split.x_train) // self.batch
        highest = recipe.float_learning_rate if first else recipe.learning_rate
        rate = schedule(highest, self.epochs * self.steps, recipe.warmup)
        kind, decay = (recipe.float_optimizer, recipe.float_weight_decay) if first else (recipe.optimizer, recipe.weight_decay)
        self.optimizer = optimizer(kind, rate, decay, model.trainable_variables)
        self.follow = 0.0 if first or teacher is None else recipe.distillation
        self.outputs = logits_model(model)
        self._infer = _graph(self.outputs)  # one for all epochs: a graph of a deep network takes seconds to make
        self.teacher = logits_model(teacher) if self.follow else None
        self.average = MovingAverage(model, recipe.ema) if recipe.ema else None
        sample = datasets.as_values(split.x_train[: recipe.batch_norm_images])
        self.statistics = BatchStatistics(self.outputs, sample, self.batch) if len(sample) else None
        self.random = any(isinstance(layer, tf.keras.layers.Dropout) for layer in model.layers)
        self.history = History()
        self.best: list[np.ndarray] = model.get_weights()
        self._step: Callable[..., Any] | None = None

    def run_epoch(self, title: str = "steps") -> None:
        number = len(self.history.epochs)
        start = time.monotonic()
        rng = np.random.RandomState(_mixed(self.seed, number))  # nothing random outlives an epoch: resuming needs no state
        if 0 < number <= self.refits:
            refit_codebooks(self.model, datasets.as_values(self.split.x_train[: self.recipe.calibration]))
        loss = self._train(rng, title)
        if not np.isfinite(loss):
            raise LoweringError(f"training diverged in epoch {number + 1} (loss {loss}); lower the learning rate")
        with self._as_kept():
            accuracy, validation = self._validate()
            if self.history.add(Epoch(loss, accuracy, validation, time.monotonic() - start)):
                self.best = self.model.get_weights()

    @contextmanager
    def _as_kept(self) -> Iterator[None]:
        """The model as it is validated and kept, with averaged weights and renewed statistics; training goes on with its own."""
        own = None if self.average is None and self.statistics is None else self.model.get_weights()
        if self.average is not None:
            self.average.enter()
        if self.statistics is not None:
            self.statistics.renew(afresh=self.random)
        yield
        if own is not None:
            self.model.set_weights(own)

    def _train(self, rng: np.random.RandomState, title: str) -> float:
        graph_seed = rng.randint(2**31)  # drawn in every epoch, so that a resumed one finds the same stream behind it
        if self._step is None or self.random:
            tf.random.set_seed(graph_seed)  # dropout counts its calls inside the graph: a new graph starts afresh
            self._step = tf.function(self._make_step())
        losses = [self._step(x, y) for x, y in progress.track(self._batches(rng), title, self.steps)]
        return float(np.mean([float(loss) for loss in losses]))

    def _batches(self, rng: np.random.RandomState) -> Any:
        """One epoch as a ``tf.data.Dataset`` of (float32 images, labels), prepared while the step before is computed."""
        x, y, recipe = self.split.x_train, self.split.y_train, self.recipe

        def generate() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for indices in rng.permutation(len(x))[: self.steps * self.batch].reshape(self.steps, self.batch):
                yield augment(x[indices], self.shift, recipe.flip, rng, recipe.border, recipe.cutout), y[indices]

        signature = (tf.TensorSpec((self.batch, *x.shape[1:]), x.dtype), tf.TensorSpec((self.batch,), y.dtype))
        return tf.data.Dataset.from_generator(generate, output_signature=signature).map(_to_float).prefetch(2)

    def _make_step(self) -> Callable[..., Any]:
        recipe, classes = self.recipe, self.model.output_shape[-1]
        cross_entropy = tf.nn.softmax_cross_entropy_with_logits

        def step(x: Any, y: Any) -> Any:
            targets = tf.one_hot(y, classes) * (1 - recipe.label_smoothing) + recipe.label_smoothing / classes
            with tf.GradientTape() as tape:
                logits = tf.cast(self.outputs(x, training=True), tf.float32)
                loss = tf.reduce_mean(cross_entropy(targets, logits))
                if self.teacher is not None:
                    heat = recipe.temperature
                    soft = cross_entropy(tf.nn.softmax(self.teacher(x, training=False) / heat), logits / heat)
                    loss = (1 - self.follow) * loss + self.follow * heat**2 * tf.reduce_mean(soft)
                if self.model.losses:
                    loss += tf.add_n(self.model.losses)
            variables = self.model.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            if self.average is not None:
                self.average.follow(self.optimizer.iterations)
            return loss

        return step

    def _validate(self) -> tuple[float, float]:
        values = _batchwise(self._infer, datasets.as_values(self.split.x_validation)).astype(np.float64)
        right = float((values.argmax(axis=1) == self.split.y_validation).mean())
        values -= values.max(axis=1, keepdims=True)
        losses = np.log(np.exp(values).sum(axis=1)) - values[np.arange(len(values)), self.split.y_validation]
        return right, float(losses.mean())

    def finish(self) -> None:
        """Put the best epoch's weights into the model."""
        self.model.set_weights(self.best)


class _Checkpoint:
    """The trainer's state after an epoch, in one file that is whole or absent; ignored when made from anything else."""

    def __init__(self, path: Path, trainer: _Trainer) -> None:
        self.path, self.trainer = path, trainer
        split, teacher = trainer.split, trainer.teacher
        self.key = content_key(
            trainer.model.to_json(),
            trainer.model.get_weights(),
            None if teacher is None else teacher.get_weights(),
            list(split),
            trainer.recipe.key(FLOAT_KEYS if trainer.stage == "float" else None),
            trainer.seed,
            trainer.stage,
        )

    def save(self) -> None:
        trainer = self.trainer
        arrays = {f"best_{i}": w for i, w in enumerate(trainer.best)}
        arrays |= {f"model_{i}": w for i, w in enumerate(trainer.model.get_weights())}
        arrays |= {f"optimizer_{i}": v.numpy() for i, v in enumerate(trainer.optimizer.variables)}
        arrays |= {f"average_{i}": v.numpy() for i, v in enumerate(self._averages())}
        write_kept(self.path, self.key, arrays | {"history": np.array(trainer.history.to_json())})

    def restore(self) -> None:
        arrays = read_kept(self.path, self.key)
        if arrays is None:
            return
        trainer = self.trainer
        trainer.history = History.from_json(str(arrays["history"]))
        trainer.best = [arrays[f"best_{i}"] for i in range(len(trainer.best))]
        trainer.model.set_weights([arrays[f"model_{i}"] for i in range(len(trainer.best))])
        for what, variables in (("optimizer", trainer.optimizer.variables), ("average", self._averages())):
            for i, variable in enumerate(variables):
                variable.assign(arrays[f"{what}_{i}"])

    def _averages(self) -> list[Any]:
        return [] if self.trainer.average is None else self.trainer.average.variables


def _to_float(images: Any, labels: Any) -> tuple[Any, Any]:
    """As `datasets.as_values`, on tensors."""
    return tf.cast(images, tf.float32) / 256.0 if images.dtype == tf.uint8 else images, labels


def _mixed(seed: int, epoch: int) -> int:
    """A seed for one epoch that no neighbouring seed shares."""
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0])


def logits_model(model: Any) -> Any:
    """The model up to its logits: without a softmax at the end; variables are shared."""
    last = model.layers[-1]
    if isinstance(last, tf.keras.layers.Softmax) or getattr(last, "activation", None) is tf.keras.activations.softmax:
        if not isinstance(last, (tf.keras.layers.Softmax, tf.keras.layers.Activation)):
            raise UnsupportedLayerError(f"layer '{last.name}' fuses softmax; make it a layer of its own, or end with the logits")
        return tf.keras.Model(model.inputs, last.input)
    return model


FEW = 64
"""Images that are through a network before its graph would be made."""


def predict(model: Any, x: np.ndarray, batch: int = 500) -> np.ndarray:
    """Inference on float32 images (N, H, W, C) -> (N, outputs) float32, in batches; of few images without making a graph."""
    return _batchwise(_forward(model) if len(x) <= FEW else _graph(model), x, batch)


def _forward(model: Any) -> Callable[[Any], Any]:
    return lambda images: tf.cast(model(images, training=False), tf.float32)


def _graph(model: Any) -> Callable[[Any], Any]:
    return tf.function(_forward(model), reduce_retracing=True)  # type: ignore[no-any-return]


def _batchwise(run: Callable[[Any], Any], x: np.ndarray, batch: int = 500) -> np.ndarray:
    return np.concatenate([run(tf.convert_to_tensor(x[i : i + batch])).numpy() for i in range(0, len(x), batch)])
