# SPDX-License-Identifier: Apache-2.0
"""Every layer class that Keras exports, with every argument of its constructor moved off its default, one at a time.

A layer is refused by its name before any work, or what comes out is exact and follows the argument: an idle one leaves the plan
as it is, another one changes the quantised network as it changes the float one.
"""

from __future__ import annotations

import copy
import inspect
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import methods, reference
from dietcnn_hls.backend.convert import lower_keras
from dietcnn_hls.errors import DietError
from dietcnn_hls.training import fit_codebooks, logits
from dietcnn_hls.training.plan import Plan
from dietcnn_hls.training.reader import read_plan
from dietcnn_hls.training.remedies import _REMEDIES
from dietcnn_hls.training.tf import tf
from tests.cases import EXHAUSTIVE, spread

L = tf.keras.layers
CLASSES = {kind.__name__: kind for name in dir(L) if isinstance(kind := getattr(L, name), type) and issubclass(kind, L.Layer)}
"""Aliases once."""

FINE = {"activation_symbols": 48, "weight_symbols": 48, "activation_bits": 6, "weight_bits": 7}
OTHERS = ("conlocnn", "deepchip", "encodingnet", "fixed_point", "tabconv")
SHAPES: dict[str, tuple[int, ...]] = {"image": (6, 6, 2), "sequence": (6, 3), "vector": (8,), "volume": (4, 4, 4, 2)}
OTHER_SHAPES: dict[str, tuple[int, ...]] = {"ConvLSTM3D": (2, 4, 4, 4, 2), "HashedCrossing": (1,)}

NEEDED: dict[str, dict[str, Any]] = {
    "Activation": {"activation": "relu"},
    "AbstractRNNCell": {},
    "Bidirectional": {"layer": L.GRU(2)},
    "CategoryEncoding": {"num_tokens": 4},
    "CenterCrop": {"height": 2, "width": 2},
    "Dense": {"units": 4},
    "DenseFeatures": {"feature_columns": []},
    "Discretization": {"bin_boundaries": [0.5]},
    "Dot": {"axes": 1},
    "Dropout": {"rate": 0.1},
    "AlphaDropout": {"rate": 0.1},
    "GaussianDropout": {"rate": 0.1},
    "GaussianNoise": {"stddev": 0.1},
    "EinsumDense": {"equation": "ab,bc->ac", "output_shape": 3},
    "Embedding": {"input_dim": 4, "output_dim": 2},
    "GroupNormalization": {"groups": 1},
    "HashedCrossing": {"num_bins": 4},
    "Hashing": {"num_bins": 4},
    "Lambda": {"function": lambda x: x},
    "MultiHeadAttention": {"num_heads": 1, "key_dim": 2},
    "Normalization": {"mean": 0.5, "variance": 2.0},
    "Permute": {"dims": (2, 1)},
    "RNN": {"cell": L.LSTMCell(2)},
    "RandomBrightness": {"factor": 0.1},
    "RandomContrast": {"factor": 0.1},
    "RandomCrop": {"height": 2, "width": 2},
    "RandomHeight": {"factor": 0.1},
    "RandomRotation": {"factor": 0.1},
    "RandomTranslation": {"height_factor": 0.1, "width_factor": 0.1},
    "RandomWidth": {"factor": 0.1},
    "RandomZoom": {"height_factor": 0.1},
    "RepeatVector": {"n": 2},
    "Rescaling": {"scale": 0.5},
    "Reshape": {"target_shape": (3, 3, -1)},
    "Resizing": {"height": 2, "width": 2},
    "SpatialDropout1D": {"rate": 0.1},
    "SpatialDropout2D": {"rate": 0.1},
    "SpatialDropout3D": {"rate": 0.1},
    "SpectralNormalization": {"layer": L.Dense(2)},
    "StackedRNNCells": {"cells": [L.GRUCell(2)]},
    "TimeDistributed": {"layer": L.Dense(2)},
    "Wrapper": {"layer": L.Dense(2)},
    **{kind: {"units": 2} for kind in ("GRU", "LSTM", "SimpleRNN", "GRUCell", "LSTMCell", "SimpleRNNCell")},
    **{f"ConvLSTM{n}D": {"filters": 2, "kernel_size": 2} for n in (1, 2, 3)},
    **{f"{word}Conv{n}D": {"kernel_size": 2} for word in ("Depthwise",) for n in (1, 2)},
    **{
        f"{kind}{n}D": {"filters": 2, "kernel_size": 2}
        for kind in ("Conv", "SeparableConv", "LocallyConnected")
        for n in (1, 2, 3)
    },
    **{f"Conv{n}DTranspose": {"filters": 2, "kernel_size": 2} for n in (1, 2, 3)},
}
"""Arguments without which a layer cannot be made."""

NO_MODEL = {
    "AbstractRNNCell",
    "DenseFeatures",
    "GRUCell",
    "LSTMCell",
    "SimpleRNNCell",
    "StackedRNNCells",
    "Wrapper",
    "InputLayer",
}
NO_MODEL |= {"IntegerLookup", "StringLookup", "TextVectorization", "Layer"}
"""Classes that no model can hold on their own, or that read text; they have a refusal's words all the same."""

MOVED: dict[str, tuple[Any, ...]] = {
    "activation": ("relu", "sigmoid", "gelu", tf.nn.relu6, L.LeakyReLU(0.1), L.ReLU(0.3), lambda x: -x),
    "alpha": (0.05,),
    "axis": (1,),
    "center": (False,),
    "robust_masking": (True,),
    "data_format": ("channels_first",),
    "depth_multiplier": (2,),
    "dynamic": (True,),
    "dilation_rate": (2,),
    "epsilon": (0.5,),
    "filters": (3,),
    "groups": (2,),
    "keepdims": (True,),
    "kernel_size": (3, (1, 2)),
    "l1": (0.1,),
    "l2": (0.1,),
    "max_value": (0.2,),
    "momentum": (0.5,),
    "negative_slope": (0.3,),
    "noise_shape": ((None, 1, 1, None),),
    "pool_size": (3,),
    "rate": (0.4,),
    "scale": (False,),
    "seed": (3,),
    "stddev": (0.4,),
    "strides": (2,),
    "synchronized": (True,),
    "target_shape": ((-1,), (-1, 6, 3)),
    "theta": (0.1,),
    "threshold": (0.15,),
    "units": (5,),
    "use_bias": (False,),
    **{f"{w}_initializer": ("he_normal",) for w in ("kernel", "bias", "depthwise", "pointwise", "beta", "gamma")},
    **{f"moving_{w}_initializer": ("he_normal",) for w in ("mean", "variance")},
    **{f"{w}_regularizer": ("l2",) for w in ("kernel", "bias", "depthwise", "pointwise", "beta", "gamma", "activity")},
    **{f"{w}_constraint": ("non_neg",) for w in ("kernel", "bias", "depthwise", "pointwise", "beta", "gamma")},
}
"""Values other than the default, by argument. Where none is right for a class, `OWN` has it."""

OWN: dict[tuple[str, str], tuple[Any, ...]] = {
    ("Activation", "activation"): (
        "linear",
        "sigmoid",
        "tanh",
        "elu",
        "selu",
        "softplus",
        "softsign",
        "swish",
        "mish",
        "softmax",
    ),
    ("Conv2D", "padding"): ("same",),
    ("DepthwiseConv2D", "padding"): ("same",),
    ("SeparableConv2D", "padding"): ("same",),
    ("MaxPooling2D", "padding"): ("same",),
    ("AveragePooling2D", "padding"): ("same",),
    ("ZeroPadding2D", "padding"): (2, ((1, 0), (0, 2))),
    ("ELU", "alpha"): (0.5,),
    ("ThresholdedReLU", "theta"): (0.3,),
}
COMMON: dict[str, tuple[Any, ...]] = {"trainable": (False,), "dtype": ("float64", "mixed_float16"), "name": ("output", "image")}
READ = (
    "Conv2D",
    "DepthwiseConv2D",
    "SeparableConv2D",
    "Dense",
    "BatchNormalization",
    "ReLU",
    "LeakyReLU",
    "ELU",
    "ThresholdedReLU",
)
READ += ("Activation", "Softmax", "MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D", "GlobalAveragePooling2D", "Flatten")
READ += (
    "ZeroPadding2D",
    "Reshape",
    "Dropout",
    "SpatialDropout2D",
    "GaussianDropout",
    "GaussianNoise",
    "AlphaDropout",
    "Identity",
)
READ += ("ActivityRegularization", "Add")


def network(kind: str, **arguments: Any) -> Any:
    """A stem, the layer and a head, with weights that depend on nothing but their names and shapes."""
    image = L.Input(SHAPES["image"], name="entry")
    x = y = L.Conv2D(2, 3, padding="same", name="stem")(image)
    given = {"name": "it", **NEEDED.get(kind, {}), **arguments}
    if kind == "Dense":
        x = L.Flatten(name="before")(x)
    layer = CLASSES[kind](**given)
    x = layer([x, L.Conv2D(2, 1, name="side")(y)] if kind == "Add" else x)
    if kind == "ZeroPadding2D":
        x = L.Conv2D(2, 3, name="behind")(x)
    if len(x.shape) > 2:
        x = L.Flatten(name="flat")(x)
    model = tf.keras.Model(image, L.Dense(3, name="logits")(x), name="net")
    for variable in model.weights:
        rng = np.random.RandomState(zlib.crc32(variable.name.split(":")[0].replace(layer.name, "it").encode()) % 2**31)
        spread = rng.uniform(0.2, 1, variable.shape) if "variance" in variable.name else rng.normal(0, 0.6, variable.shape)
        variable.assign(spread.astype(np.float32))
    return model


def images(count: int, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).integers(0, 256, (count, *SHAPES["image"])) / 256).astype(np.float32)


def variants() -> list[tuple[str, str, Any]]:
    """(class, argument, value) of everything that can be said of the layers that are read."""
    found = []
    for kind in READ:
        parameters = inspect.signature(CLASSES[kind].__init__).parameters
        words = [name for name, p in parameters.items() if p.kind is not p.VAR_KEYWORD and name not in ("self", *COMMON)]
        for word in words:
            values = OWN.get((kind, word)) or MOVED.get(word)
            assert values, f"{kind} has an argument '{word}' that this test knows no other value of; add one to MOVED"
            found += [(kind, word, value) for value in values]
        found += [(kind, word, value) for word, values in COMMON.items() for value in values]
    return found


def said(value: Any) -> str:
    """Functions by their own name: an address in a test's name differs between workers, and xdist refuses that."""
    return str(getattr(value, "name", getattr(value, "__name__", value)))


VARIANTS = spread(variants(), 70, lambda case: case[0], lambda case: (case[1], said(case[2])))
"""Of an ordinary run: all layers, and all arguments at all values, each in some layer."""


def signature(plan: Plan) -> list[Any]:
    """What a plan means, without the names."""
    numbers = {step.name: n for n, step in enumerate(plan)}
    return [
        (
            *(step.kind, [numbers.get(name) for name in step.inputs], step.output_shape, step.function, step.final, step.factor),
            *([step.kernel.tolist()] if step.kind == "linear" else []),
            *([v.tolist() for v in step.gain_and_shift()] if step.kind in ("linear", "batch_norm") else []),
        )
        for step in plan
        if not isinstance(step.layer, L.Dropout)
    ]


def check_exact(model: Any, x: np.ndarray) -> np.ndarray:
    """The quantised model's logits, which the integers must equal."""
    graph = lower_keras(model, "net")
    found, codes = logits(model, x), reference.predict(graph, reference.quantize_input(graph, x))
    np.testing.assert_array_equal(reference.output_values(graph, codes).reshape(found.shape), found)
    return found


def check_follows(kind: str, word: str, model: Any, default: Any) -> None:
    """Exact, and nearer to its own float network than to the one without the argument."""
    x = images(16, 1)
    found, wanted, other = check_exact(fit_codebooks(model, images(24, 0), **FINE), x), logits(model, x), logits(default, x)
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.98
    change = np.abs(wanted - other).max()
    if change > 0.05 * np.abs(wanted).max():
        assert np.abs(found - wanted).mean() < 0.5 * np.abs(found - other).mean(), f"{word} of {kind} has no effect"


@pytest.fixture(scope="module")
def defaults() -> dict[str, Any]:
    return {kind: network(kind) for kind in READ if kind != "Softmax"}


@pytest.fixture(scope="module")
def plans(defaults: dict[str, Any]) -> dict[str, Any]:
    return {kind: signature(read_plan(model)) for kind, model in defaults.items()}


NAMES = [f"{kind}-{word}-{said(value)}"[:60] for kind, word, value in VARIANTS]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_arguments_of_layers_that_are_read(defaults: dict[str, Any], plans: dict[str, Any], number: int) -> None:
    kind, word, value = VARIANTS[number]
    try:
        model = network(kind, **{word: value})
    except (ValueError, TypeError, NotImplementedError) as error:
        pytest.skip(f"Keras refuses it itself: {str(error)[:80]}")
    name = value if word == "name" else "it"
    try:
        plan = signature(read_plan(model))
    except DietError as error:
        assert f"layer '{name}'" in str(error), f"a refusal names the layer: {error}"
        assert kind == "Softmax" or word in str(error) or str(getattr(value, "name", value))[:4] in str(error)
        return
    assert kind != "Softmax", "softmax is not the last layer here"
    if plan == plans[kind]:
        x = images(8, 2)
        found, wanted = logits(model, x), logits(defaults[kind], x)  # of floats, whose sums may run in another order
        assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()
        return
    check_follows(kind, word, model, defaults[kind])
    if number % 3 and not EXHAUSTIVE:
        return
    other = methods.get(OTHERS[number // 3 % len(OTHERS)])
    try:
        quantised = other.quantize(model, images(24, 0), other.options())
    except DietError as error:
        assert "layer 'it'" in str(error)
        return
    check_exact(quantised, images(16, 1))


def of_class(kind: str) -> Any:
    """A model that holds a layer of a class, called 'it', on the first kind of data that it takes."""
    for shape in [OTHER_SHAPES[kind]] if kind in OTHER_SHAPES else SHAPES.values():
        for form in (lambda x: (x,), lambda x: ([x, x],), lambda x: (x, x)):
            for dtype in ("float32", "int32"):
                image = L.Input(shape, dtype=dtype)
                try:
                    y = CLASSES[kind](name="it", **copy.deepcopy(NEEDED.get(kind, {})))(*form(image))
                    return tf.keras.Model(image, y)
                except Exception:  # Keras raises nearly anything on data that a layer does not take
                    continue
    raise AssertionError(f"no model of a {kind} could be built; give its arguments in NEEDED")


@pytest.mark.parametrize("kind", sorted(set(CLASSES) - set(READ) - NO_MODEL))
def test_other_layers_are_refused_by_name_with_a_remedy(kind: str) -> None:
    model = of_class(kind)
    layer = model.get_layer("it")
    entry = model.inputs[0]
    if tuple(entry.shape[1:]) not in (SHAPES["image"], SHAPES["vector"]) or entry.dtype != tf.float32:
        with pytest.raises(DietError, match="layer 'input_"):
            read_plan(model)
    else:
        with pytest.raises(DietError, match=f"layer 'it' of type {kind} "):
            read_plan(model)
    assert type(layer).__name__ in _REMEDIES or kind == "UpSampling2D"


@pytest.mark.parametrize("kind", sorted(set(CLASSES) - set(READ) - {"InputLayer", "UpSampling2D"}))
def test_every_other_layer_has_words(kind: str) -> None:
    assert _REMEDIES[kind]


def test_the_remedies_are_true() -> None:
    """What refusals tell to use instead is read."""
    one_d = tf.keras.Sequential(
        [L.Input((1, 12, 2)), L.Conv2D(3, (1, 3)), L.ReLU(), L.MaxPooling2D((1, 2)), L.Flatten(), L.Dense(2)]
    )
    point = tf.keras.Sequential([L.Input((4, 4, 2)), L.Conv2D(3, 1), L.LeakyReLU(), L.Flatten(), L.Dense(2)])
    cases: list[Callable[[], Any]] = [lambda: one_d, lambda: point]
    for case in cases:
        model = case()
        x = (np.random.default_rng(0).integers(0, 256, (20, *model.input_shape[1:])) / 256).astype(np.float32)
        check_exact(fit_codebooks(model, x), x)
