# SPDX-License-Identifier: Apache-2.0
"""The paths that a network must agree on: Keras, a saved graph, C-simulation in both spellings, stock hls4ml calls, RTL.

The reference is the arbiter. Networks of a batch share one compiled library and one simulation program; where one of them breaks
the compiler, each is compiled alone, so that it answers for itself.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dietcnn_hls import hls, reference
from dietcnn_hls.hardware.folding import FoldingSpec, solve
from dietcnn_hls.lowered.storage import load_graph, save_graph
from dietcnn_hls.rtl.design import RtlDesign, generate
from dietcnn_hls.rtl.simulation import Stalls, simulate_many
from tests.benchmarks.soak.case import Case, Outcome, Stopped, stage
from tests.hls.builds import Case as Build
from tests.hls.builds import ap_flags, build_all, random_folding
from tests.rtl.random_designs import random_design

RTL_IMAGES, RTL_SHARE, AP_SHARE = 4, 0.4, 0.15
"""Images of an RTL simulation, and the shares of networks that go through RTL and through the slow spelling of C++."""

IO_TYPES = ("io_stream", "io_parallel")


def compared(name: str, found: np.ndarray, expected: np.ndarray) -> None:
    """Raise `Stopped` where the arrays differ."""
    if found.shape != expected.shape:
        raise Stopped(Outcome("mismatch", name, f"shape {found.shape} instead of {expected.shape}"))
    wrong = np.argwhere(found != expected)
    if len(wrong):
        first = tuple(int(v) for v in wrong[0])
        count = len(np.unique(wrong[:, 0]))
        text = f"{count} of {len(expected)} images differ, first at {first}: {found[first]} instead of {expected[first]}"
        raise Stopped(Outcome("mismatch", name, text))


def keras(cases: Sequence[Case], _: Path) -> list[Outcome]:
    """The Keras model's own forward pass, where there is one."""

    def check(case: Case) -> None:
        from dietcnn_hls.training import logits

        if case.model is None:
            return
        stream = case.graph.input.stream
        x = (case.codes * 2.0**-stream.fraction).astype(np.float32)
        values = reference.output_values(case.graph, reference.predict(case.graph, case.codes))
        try:
            compared("keras", np.asarray(logits(case.model, x), np.float64).reshape(len(x), -1), values.reshape(len(x), -1))
        except Stopped as stopped:
            if not case.rounded:  # lowering warned that Keras may round
                raise
            raise Stopped(replace(stopped.outcome, status="refused", text="Keras may round, as lowering warned")) from None

    return [_alone("keras", check, case) for case in cases]


def storage(cases: Sequence[Case], folder: Path) -> list[Outcome]:
    """A graph that was written and read again."""

    def check(case: Case) -> None:
        save_graph(case.graph, folder / "graph.npz")
        graph = load_graph(folder / "graph.npz")
        compared("storage", reference.predict(graph, case.codes), reference.predict(case.graph, case.codes))

    return [_alone("storage", check, case) for case in cases]


def csim(cases: Sequence[Case], folder: Path) -> list[Outcome]:
    """C-simulation at random folds, as streams or arrays, in native integers or in ap types."""

    def spelled_in_ap(case: Case) -> bool:
        return random.Random(f"{case.seed} spelling").random() < AP_SHARE

    def run(group: Sequence[Case], where: Path) -> list[Callable[[], np.ndarray]]:
        builds = [Build(case.graph, _io_type(case), random_folding(case.graph, case.seed)) for case in group]
        more = (ap_flags(),) if spelled_in_ap(group[0]) else ()
        simulations = list(build_all(where, builds, *more))
        return [lambda s=s, c=c: s.predict(c.codes, threads=1) for s, c in zip(simulations, group, strict=True)]  # type: ignore[misc]

    def accepted(case: Case) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as name, stage("csim", may_refuse=True):
            folds = random_folding(case.graph, case.seed)
            hls.generate(case.graph, Path(name), io_type=_io_type(case), folding=folds)

    found: dict[int, Outcome] = {}
    for ap in (False, True):
        group = [case for case in cases if spelled_in_ap(case) == ap]
        found |= dict(zip(map(id, group), _together("csim", group, folder, accepted, run), strict=True))
    return [found[id(case)] for case in cases]


def hls4ml(cases: Sequence[Case], folder: Path) -> list[Outcome]:
    """The stock calls of hls4ml's users on the first Keras model: convert, compile, predict."""

    def check(case: Case) -> None:
        import hls4ml as stock

        if case.model is None or case is not cases[0]:
            return
        with stage("hls4ml", may_refuse=True):
            converted = stock.converters.convert_from_keras_model(
                case.model, output_dir=str(folder / "stock"), backend="DietCNN", io_type=_io_type(case), project_name="net"
            )
        converted.compile()
        x = (case.codes * 2.0**-case.graph.input.stream.fraction).astype(np.float32)
        values = reference.output_values(case.graph, reference.predict(case.graph, case.codes)).astype(np.float32)
        found = _before_softmax(case.model, converted.predict(x), values)
        compared("hls4ml", found.reshape(len(x), -1), values.reshape(len(x), -1))

    return [_alone("hls4ml", check, case) for case in cases]


def _before_softmax(model: Any, found: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Outputs of a model; where it ends in a softmax that is computed, only the classes' order can be compared."""
    last = model.layers[-1]
    ends = type(last).__name__ == "Softmax" or getattr(getattr(last, "activation", None), "__name__", "") == "softmax"
    computed = ends and np.allclose(found.reshape(len(found), -1).sum(axis=1), 1, atol=0.05)
    return values if computed else found


def rtl(cases: Sequence[Case], folder: Path) -> list[Outcome]:
    """Verilator's simulation at random folds and options, undisturbed and under random stalls; a share of the cases."""
    chosen = [case for case in cases if len(cases) == 1 or random.Random(f"{case.seed} rtl").random() < RTL_SHARE]

    def accepted(case: Case) -> None:
        with stage("rtl", may_refuse=True):
            design(case)

    def run(group: Sequence[Case], where: Path) -> list[Callable[[], np.ndarray]]:
        designs = [design(case) for case in group]
        codes = [case.codes[:RTL_IMAGES] for case in group]
        draw = random.Random(group[0].seed)
        stalls = Stalls(draw.randrange(1, 1000), draw.choice([0.05, 0.3, 0.7]), draw.choice([0.05, 0.3, 0.7]))
        cache = where.parent / "programs"
        runs = [simulate_many(designs, codes, stalls=rate, cache_dir=cache, optimize="-O0") for rate in (None, stalls)]
        for free, stalled, case in zip(*runs, group, strict=True):
            if len(group) == 1:  # a batch that differs is looked at one by one
                compared("rtl", stalled.outputs, reference.predict(case.graph, case.codes[:RTL_IMAGES]))
            elif not np.array_equal(free.outputs, stalled.outputs):
                raise Stopped(Outcome("mismatch", "rtl", "stalls change what comes out"))
        return [lambda r=r: r.outputs for r in runs[0]]  # type: ignore[misc]

    found = dict(zip(map(id, chosen), _together("rtl", chosen, folder, accepted, run, RTL_IMAGES), strict=True))
    return [found.get(id(case), Outcome("ok", "csim")) for case in cases]


def design(case: Case) -> RtlDesign:
    """The case's design: at random folds and options, or at those that the solver chooses for a random target."""
    draw = random.Random(f"{case.seed} solver")
    if draw.random() < 0.7:
        return random_design(case.graph, case.seed)
    spec = draw.choice([FoldingSpec(), FoldingSpec(unroll=True), FoldingSpec(target_interval=10 ** draw.randint(2, 5))])
    return generate(replace(case.graph, name=f"{case.graph.name}_{case.seed}"), solve(case.graph, spec))


def _io_type(case: Case) -> str:
    return random.Random(f"{case.seed} io").choice(IO_TYPES)


def _alone(name: str, check: Callable[[Case], None], case: Case) -> Outcome:
    try:
        with stage(name, may_refuse=False):
            check(case)
    except Stopped as stopped:
        return stopped.outcome
    return Outcome("ok", name)


def _together(
    name: str,
    cases: Sequence[Case],
    folder: Path,
    accepted: Callable[[Case], None],
    run: Callable[[Sequence[Case], Path], list[Callable[[], np.ndarray]]],
    images: int | None = None,
) -> list[Outcome]:
    """Outcomes of cases that are compiled into one program; alone those that differ, or all where the program cannot be had."""
    found = {id(case): _alone(name, accepted, case) for case in cases}
    group = [case for case in cases if found[id(case)].status == "ok"]

    def check(members: Sequence[Case]) -> list[Outcome]:
        with tempfile.TemporaryDirectory(dir=folder) as where:
            outputs = run(members, Path(where))
            expected = [reference.predict(case.graph, case.codes[:images]) for case in members]
            pairs = zip(outputs, expected, strict=True)
            return [_alone(name, lambda _, p=pair: compared(name, p[0](), p[1]), members[0]) for pair in pairs]  # type: ignore[misc]

    def one(case: Case) -> None:
        outcome = check([case])[0]
        if outcome.failed:
            raise Stopped(outcome)

    try:
        together = check(group) if len(group) > 1 else []
        again = [case for case, outcome in zip(group, together, strict=False) if outcome.failed] if together else group
    except Exception:  # whoever broke it breaks it alone as well
        again = group
    for case in again:
        found[id(case)] = _alone(name, one, case)
    return [found[id(case)] for case in cases]


PATHS: dict[str, Callable[[Sequence[Case], Path], list[Outcome]]] = {
    "keras": keras,
    "storage": storage,
    "csim": csim,
    "hls4ml": hls4ml,
    "rtl": rtl,
}
"""All paths in the order in which they are tried: the cheap ones first."""


def examine(cases: Sequence[Case], folder: Path, paths: Sequence[str] = tuple(PATHS)) -> list[Outcome]:
    """Send cases along paths; a case ends where it fails or is refused. `folder` keeps compiled programs while it lasts."""
    outcomes = [Outcome("ok", "") for _ in cases]
    for path in paths:
        going = [i for i, outcome in enumerate(outcomes) if outcome.status == "ok"]
        found = PATHS[path]([cases[i] for i in going], folder) if going else []
        for i, outcome in zip(going, found, strict=True):
            outcomes[i] = outcome
    return outcomes


__all__ = ["PATHS", "compared", "examine"]
