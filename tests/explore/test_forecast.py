# SPDX-License-Identifier: Apache-2.0
"""Half-made designs are given up when even their best case is of no use, and only then."""

from __future__ import annotations

from dietcnn_hls.explore.figures import measured
from dietcnn_hls.explore.forecast import Judge, Outcome
from dietcnn_hls.explore.space import parse_space
from tests.explore.spaces import space_data


def judge(*outcomes: Outcome, objectives: dict[str, str] | None = None) -> Judge:
    goals = objectives or {"lut": "minimize", "accuracy": "maximize"}
    space = parse_space(space_data(objectives=goals, constraints={"interval": {"at_most": 600}, "accuracy": {"at_least": 0.9}}))
    return Judge(space, measured([*space.objectives, *space.constraints]), outcomes)


def finished(number: int, lut: int, accuracy: float, method: str = "dietcnn", feasible: bool = True) -> Outcome:
    """A design whose LUTs grew by half from the cost model to the synthesis, and whose accuracy rose by 0.1 with training."""
    values = {"lut": lut, "accuracy": accuracy, "interval": 576}
    early = {"lut": lut / 1.5, "accuracy": accuracy - 0.1, "interval": 576}
    return Outcome(number, method, values, feasible, {"post-training": early})


def test_nothing_is_foreseen_without_finished_designs_of_the_method() -> None:
    found = judge(finished(0, 1500, 0.95), finished(1, 1500, 0.95, "deepchip"))
    now = {"lut": 5000.0, "accuracy": 0.3, "interval": 576}
    assert found.verdict("post-training", "dietcnn", now, {}) == ""
    assert found.verdict("converted", "dietcnn", {"interval": 601}, {}) == "interval at best 601, wanted at most 600"


def test_the_best_case_decides() -> None:
    found = judge(finished(0, 1500, 0.95), finished(1, 3000, 0.97))

    def verdict(lut: float, accuracy: float) -> str:
        return found.verdict("post-training", "dietcnn", {"lut": lut, "accuracy": accuracy, "interval": 576}, {})

    assert verdict(1500, 0.86) == "", "2,205 LUT for 0.985: trial 0 is smaller, and trial 1 not as accurate"
    assert verdict(900, 0.7) == "accuracy at best 0.825, wanted at least 0.9"
    assert verdict(2100, 0.84).endswith("no better than trial 1")
    assert verdict(900, 0.86) == ""


def test_what_is_exact_is_not_widened() -> None:
    found = judge(finished(0, 1500, 0.95), finished(1, 3000, 0.97))
    exact = {"accuracy": 0.899, "lut": 100, "interval": 576}
    assert found.verdict("trained", "dietcnn", exact, exact) == "accuracy 0.899, wanted at least 0.9"
    exact = {"accuracy": 0.95, "lut": 1500, "interval": 576}
    assert found.verdict("trained", "dietcnn", exact, exact).endswith("no better than trial 0")
    assert judge(finished(0, 1500, 0.95, feasible=False)).verdict("trained", "dietcnn", exact, exact) == ""
