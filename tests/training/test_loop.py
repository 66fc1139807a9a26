# SPDX-License-Identifier: Apache-2.0
"""Training: the same result for a seed, after an interruption, and from a cached float network; what it refuses."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls import methods
from dietcnn_hls.data import datasets
from dietcnn_hls.data.networks import digits_lenet
from dietcnn_hls.errors import ConfigError, DatasetError, LoweringError, OutputError, UnsupportedLayerError
from dietcnn_hls.methods.choice import MethodChoice
from dietcnn_hls.training import History, Recipe, accuracy, fit_codebooks, load_model, logits, train, train_design
from dietcnn_hls.training import loop as loop_module
from dietcnn_hls.training.loop import FEW, Epoch, _Trainer, predict
from dietcnn_hls.training.recipe import augment
from dietcnn_hls.training.tf import tf
from dietcnn_hls.validation import validate
from tests.cases import exhaustive, spread

from . import nets

SHORT = nets.QUICK.model_copy(update={"epochs": 3, "shift": 1, "refits": 2})


def fresh() -> tf.keras.Model:
    return fit_codebooks(nets.trained(), nets.calibration(), weight_symbols=4)


def same(first: tf.keras.Model, second: tf.keras.Model) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))


def choice(name: str) -> MethodChoice:
    return MethodChoice(methods.get(name), methods.get(name).options())


def outcome(history: History) -> list[tuple[float, float, float]]:
    return [(e.loss, e.accuracy, e.validation_loss) for e in history.epochs]


def test_a_seed_decides_everything(capsys: pytest.CaptureFixture[str]) -> None:
    split = nets.split(400)
    models = [fresh() for _ in range(3)]
    capsys.readouterr()  # the float network may have been trained just now
    histories = [train(m, split, SHORT, seed=s, teacher=nets.trained()) for m, s in zip(models, (1, 1, 2), strict=True)]
    assert outcome(histories[0]) == outcome(histories[1]) != outcome(histories[2])
    assert same(models[0], models[1]) and not same(models[0], models[2])
    assert capsys.readouterr() == ("", f"training (method): {SHORT.epochs} epochs\n" * 3), "a line a training, not one an epoch"


EVERYTHING = {
    **{"optimizer": "sgd", "float_optimizer": "sgd", "learning_rate": 0.05, "float_learning_rate": 0.05, "weight_decay": 1e-3},
    **{"float_weight_decay": 1e-3, "warmup": 0.3, "border": "reflect", "cutout": 3, "ema": 0.9, "batch_norm_images": 64},
}


@pytest.mark.parametrize("keys", [{}, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("dropout", spread([True, False], 1))
def test_an_interrupted_training_goes_on_with_the_same_result(tmp_path: Path, monkeypatch, dropout: bool, keys: dict) -> None:
    split = nets.split(200)

    def model() -> tf.keras.Model:
        if not dropout:
            return fresh()
        tf.keras.utils.set_random_seed(3)
        return nets.residual()

    stage = "float" if dropout else "method"
    recipe = SHORT.model_copy(update={"float_epochs": 3} | keys)
    whole = model()
    expected = train(whole, split, recipe, seed=5, stage=stage)

    validate_once = loop_module._Trainer._validate

    def interrupted(trainer):
        if len(trainer.history.epochs) == 2:
            raise KeyboardInterrupt
        return validate_once(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(loop_module._Trainer, "_validate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(model(), split, recipe, seed=5, stage=stage, checkpoint_dir=tmp_path)
    resumed, validated = model(), []
    monkeypatch.setattr(loop_module._Trainer, "_validate", lambda trainer: validated.append(trainer) or validate_once(trainer))
    history = train(resumed, split, recipe, seed=5, stage=stage, checkpoint_dir=tmp_path)
    assert len(validated) == 1, "the two epochs before the interruption are not trained again"
    assert outcome(history) == outcome(expected) and history.best == expected.best
    assert same(resumed, whole)
    assert [e.seconds for e in history.epochs[:2]] != [e.seconds for e in expected.epochs[:2]]


def test_a_checkpoint_of_another_training_is_ignored(tmp_path: Path) -> None:
    split, recipe = nets.split(100), SHORT.model_copy(update={"epochs": 1})
    train(fresh(), split, recipe, seed=1, checkpoint_dir=tmp_path)
    expected = train(other := fresh(), split, recipe, seed=2)
    assert outcome(train(fresh(), split, recipe, seed=2, checkpoint_dir=tmp_path)) == outcome(expected)
    (tmp_path / "method.npz").write_bytes(b"PK\x03\x04 torn")
    again = fresh()
    train(again, split, recipe, seed=2, checkpoint_dir=tmp_path)
    assert same(again, other)


def test_the_best_validation_epoch_is_kept() -> None:
    history = History()
    kept = [
        history.add(Epoch(1.0, right, loss, 0.1)) for right, loss in ((0.5, 1.0), (0.7, 2.0), (0.7, 1.5), (0.7, 1.5), (0.6, 0.1))
    ]
    assert kept == [True, True, True, False, False] and history.best == 2
    assert History.from_json(history.to_json()) == history


def test_weights_are_those_of_the_best_epoch() -> None:
    split, model = nets.split(300), fresh()
    history = train(model, split, SHORT.model_copy(update={"epochs": 4, "learning_rate": 0.05}), seed=1)
    found = accuracy(model, split.x_validation, split.y_validation)
    assert found == max(e.accuracy for e in history.epochs) == history.epochs[history.best].accuracy


def test_training_helps_and_codebooks_move() -> None:
    model, split = fresh(), nets.split()
    before, codebook = accuracy(model, split.x_validation, split.y_validation), model.get_layer("conv2").state["codebook"]
    train(model, split, SHORT.model_copy(update={"epochs": 8, "shift": 0}), seed=0, teacher=nets.trained())
    assert accuracy(model, nets.digits().x_test, nets.digits().y_test) > 0.91
    assert accuracy(model, split.x_validation, split.y_validation) > before
    assert not np.array_equal(model.get_layer("conv2").state["codebook"], codebook)


def test_train_design_shares_float_networks(tmp_path: Path) -> None:
    recipe = nets.QUICK.model_copy(update={"float_epochs": 1, "epochs": 1})
    results = []
    for name in ("dietcnn", "fixed_point"):
        results.append(
            train_design(digits_lenet, nets.digits(), choice(name), recipe, seed=1, teacher_cache=tmp_path / "teachers")
        )
    assert results[0].float_history is not None and results[1].float_history is None
    assert same(results[0].float_model, results[1].float_model)
    assert len(list((tmp_path / "teachers").iterdir())) == 1
    assert results[1].model.get_layer("conv1").__class__.__name__ == "QConv2D"


def test_networks_of_equal_weights_share_no_float_network(tmp_path: Path) -> None:
    """Pooling changes no weight's shape, and one seed gives equal initial weights."""

    config = digits_lenet().get_config()
    pool = next(layer for layer in config["layers"] if layer["config"]["name"] == "pool1")
    pool["class_name"] = "AveragePooling2D"

    def averaged() -> tf.keras.Model:
        return tf.keras.Sequential.from_config(config)

    recipe = nets.QUICK.model_copy(update={"float_epochs": 1, "epochs": 0})
    histories = [
        train_design(build, nets.digits(), choice("dietcnn"), recipe, seed=1, teacher_cache=tmp_path).float_history
        for build in (digits_lenet, averaged)
    ]
    assert all(history is not None for history in histories)
    assert len(list(tmp_path.iterdir())) == 2


@exhaustive
def test_the_test_set_is_not_looked_at() -> None:
    data = nets.digits()
    blind = datasets.Dataset(data.name, data.x_train, data.y_train, data.x_test[:0], data.y_test[:0], data.classes)
    recipe = nets.QUICK.model_copy(update={"float_epochs": 1, "epochs": 1})
    seen, unseen = (train_design(digits_lenet, d, choice("dietcnn"), recipe, seed=1) for d in (data, blind))
    assert same(seen.model, unseen.model)


def test_refusals() -> None:
    split, model = nets.split(64), nets.trained()
    with pytest.raises(DatasetError, match=r"training images of shape \(64, 8, 8\) for a model of input \(N, 8, 8, 1\)"):
        train(model, split._replace(x_train=split.x_train[..., 0]), SHORT, seed=0)
    with pytest.raises(DatasetError, match="label 12 for a model of 10 outputs"):
        train(model, split._replace(y_train=split.y_train + 3), SHORT, seed=0)
    wild = SHORT.model_copy(update={"float_learning_rate": 1e30, "float_epochs": 2})
    with pytest.raises(LoweringError, match=r"training diverged in epoch .*lower the learning rate"):
        train(model, split, wild, seed=0, stage="float")
    fused = tf.keras.Sequential(
        [tf.keras.layers.Input((8, 8, 1)), tf.keras.layers.Flatten(), tf.keras.layers.Dense(10, "softmax")]
    )
    with pytest.raises(UnsupportedLayerError, match=r"fuses softmax; make it a layer of its own"):
        train(fused, split, SHORT, seed=0)
    with pytest.raises(ConfigError, match=r"training: a cutout of 8 leaves nothing of images \(8, 8, 1\); use less, or 0"):
        train(model, split, SHORT.model_copy(update={"cutout": 8}), seed=0)
    with pytest.raises(ConfigError, match=r"training: unknown key 'epoch'.*'epochs'"):
        validate(Recipe, {"epoch": 3}, "training")


def test_load_model(tmp_path: Path) -> None:
    model = fresh()
    model.save(tmp_path / "model.keras")
    x = nets.calibration(20)
    np.testing.assert_array_equal(logits(load_model(tmp_path / "model.keras"), x), logits(model, x))
    with pytest.raises(OutputError, match=r"none\.keras does not exist"):
        load_model(tmp_path / "none.keras")
    (tmp_path / "bad.keras").write_text("no")
    with pytest.raises(OutputError, match=r"bad\.keras is no Keras model"):
        load_model(tmp_path / "bad.keras")


def test_logits_are_taken_before_the_softmax() -> None:
    model = nets.residual()
    x = nets.calibration(5)
    np.testing.assert_array_equal(logits(model, x).argmax(axis=1), model(x).numpy().argmax(axis=1))
    assert (logits(model, x) < 0).any()


def test_few_images_and_many_give_the_same_numbers() -> None:
    model, x = fresh(), nets.calibration(FEW + 10)
    np.testing.assert_array_equal(predict(model, x[:FEW]), predict(model, x)[:FEW])


def test_shifts_move_images_and_bring_in_zeros() -> None:
    images = np.arange(1, 1 + 50 * 16, dtype=np.uint16).reshape(50, 4, 4, 1)
    moved = augment(images, 1, False, np.random.RandomState(0))
    assert moved.shape == images.shape and moved.dtype == images.dtype
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    found = set()
    for before, after in zip(padded, moved, strict=True):
        places = [(y, x) for y in range(3) for x in range(3) if np.array_equal(before[y : y + 4, x : x + 4], after)]
        assert len(places) == 1
        found.update(places)
    assert len(found) == 9


def test_flips_mirror_about_half_of_the_images() -> None:
    images = np.arange(200 * 4, dtype=np.uint16).reshape(200, 2, 2, 1)
    flipped = augment(images, 0, True, np.random.RandomState(0))
    mirrored = (flipped == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert ((flipped == images).all(axis=(1, 2, 3)) ^ mirrored).all() and 70 < mirrored.sum() < 130


@exhaustive
def test_the_float_stage_computes_in_bfloat16_where_there_is_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = SHORT.model_copy(update={"float_epochs": 1, "epochs": 0, "mixed_precision": True})
    found = {}
    for present in (False, True):
        monkeypatch.setattr("dietcnn_hls.training.design.gpu", lambda present=present: present)
        found[present] = train_design(digits_lenet, nets.digits(), choice("dietcnn"), recipe, seed=3).float_model
        assert {layer.dtype_policy.name for layer in found[present].layers} == {"float32"}
        assert all(w.dtype == np.float32 and np.isfinite(w).all() for w in found[present].get_weights())
    monkeypatch.setattr("dietcnn_hls.training.design.gpu", lambda: False)
    always = recipe.model_copy(update={"mixed_precision": "always"})
    assert same(found[True], train_design(digits_lenet, nets.digits(), choice("dietcnn"), always, seed=3).float_model)
    plain = recipe.model_copy(update={"mixed_precision": False})
    assert same(found[False], train_design(digits_lenet, nets.digits(), choice("dietcnn"), plain, seed=3).float_model)
    assert not same(found[False], found[True])
    assert tf.keras.mixed_precision.global_policy().name == "float32"


def test_batches_hold_each_image_once_and_their_own_labels() -> None:
    split = nets.split(200)
    trainer = _Trainer(fresh(), split, SHORT.model_copy(update={"shift": 0, "batch": 32}), 0, "method", None)
    seen = [(x.numpy(), y.numpy()) for x, y in trainer._batches(np.random.RandomState(5))]
    x, y = (np.concatenate(part) for part in zip(*seen, strict=True))
    order = np.random.RandomState(5).permutation(200)[: 6 * 32]
    np.testing.assert_array_equal(x, datasets.to_float(split.x_train[order]))
    np.testing.assert_array_equal(y, split.y_train[order])


def test_advice_on_graphs_of_ours_is_not_passed_on_and_the_users_is() -> None:
    advice = "5 out of the last 5 calls to %s triggered tf.function retracing."
    ours, theirs = "<function _forward.<locals>.<lambda> at 0x7f>", "<function mine.<locals>.predict at 0x7f>"
    records = [logging.LogRecord("tensorflow", logging.WARNING, "", 0, advice, (name,), None) for name in (ours, theirs)]
    assert [bool(tf.get_logger().filter(record)) for record in records] == [False, True]
