# SPDX-License-Identifier: Apache-2.0
"""The hls4ml backend `DietCNN`: flows that lower a model, and what happens on compile, predict and build."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hls4ml.backends import FPGABackend
from hls4ml.model.flow import register_flow
from hls4ml.model.optimizer import get_backend_passes

from dietcnn_hls import hls, reference
from dietcnn_hls.backend.layers import register_layers
from dietcnn_hls.backend.naming import with_any_name
from dietcnn_hls.backend.options import check_options
from dietcnn_hls.backend.parsing import own_parser
from dietcnn_hls.backend.samples import as_batches, as_given
from dietcnn_hls.errors import ConfigError, ToolError
from dietcnn_hls.hardware.parts import DEFAULT_PART
from dietcnn_hls.lowered import Grid

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph
    from hls4ml.model.layers import Layer

PREPARE = (
    *("lower_stock", "read_model", "read_input_grid", "drop_identity", "leave_softmax"),
    *("fold_padding", "fold_batch_norm", "move_pool"),
)
LOWER = (
    *("lower_input", "lower_linear", "lower_activation", "lower_max_pool", "lower_sum_pool"),
    *("lower_reshape", "lower_add", "check_lowered", "transform_types"),
)


class DietCNNBackend(FPGABackend):
    """Converts models of lookup layers; project files are written by `dietcnn_hls.hls`, synthesis is Vitis HLS."""

    def __init__(self) -> None:
        register_layers()
        super().__init__("DietCNN")
        self._register_flows()

    def _register_flows(self) -> None:
        found = get_backend_passes(self.name)
        for name in (*PREPARE, *LOWER):
            # hls4ml prints and goes on when a module of passes cannot be imported
            if f"dietcnn:{name}" not in found:
                raise ToolError(f"the installation lacks the pass '{name}' of dietcnn_hls.backend; install the package again")
        # where hls4ml's recipe for extensions puts a user's own passes: on hls4ml's layers, before they are read
        optimize = register_flow("optimize", [], backend=self.name)
        prepare = register_flow("prepare", [f"dietcnn:{name}" for name in PREPARE], requires=[optimize], backend=self.name)
        lower = register_flow("lower", [f"dietcnn:{name}" for name in LOWER], requires=[prepare], backend=self.name)
        self._default_flow = register_flow("ip", None, requires=[lower], backend=self.name)
        self._writer_flow = register_flow("write", ["dietcnn:write_hls"], requires=[self._default_flow], backend=self.name)

    def create_layer_class(self, layer_class: type[Layer]) -> type[Layer]:
        """hls4ml's class of a layer, such that the layer may have any name."""
        return with_any_name(super().create_layer_class(layer_class), layer_class)

    def get_default_flow(self) -> str:
        return self._default_flow  # type: ignore[no-any-return]

    def get_writer_flow(self) -> str:
        return self._writer_flow  # type: ignore[no-any-return]

    def create_initial_config(
        self,
        part: str | None = None,
        clock_period: float | None = None,
        io_type: str | None = None,
        metadata: dict[str, object] | None = None,
        input_grid: Grid | Sequence[int] | None = None,
        lookup_only: bool = False,
        **unknown: object,
    ) -> dict[str, Any]:
        """hls4ml's configuration of one conversion.

        Args:
            part: Xilinx part, default xc7z020clg400-1.
            clock_period: ns, default 5.
            io_type: 'io_parallel' (hls4ml's default) or 'io_stream'.
            metadata: JSON data for the lowered graph.
            input_grid: the values that enter, a `Grid` or its (lo, hi, fraction); default what the model says, else images.
            lookup_only: refuse models of stock layers, which otherwise have hls4ml's own precisions.
            unknown: ``namespace``, ``write_tar``, ``write_weights_txt`` and ``write_emulation_constants`` as hls4ml has them;
                other options of its backends are accepted where they ask for what happens anyway, else refused.

        Raises:
            ConfigError: an option that this backend does not have.
        """
        own_parser(self.name)  # not sooner: hls4ml's front ends are imported after its backends
        check_options({name: value for name, value in unknown.items() if value is not None})
        return {
            "Part": DEFAULT_PART if part is None else part,
            "ClockPeriod": 5.0 if clock_period is None else clock_period,
            "IOType": "io_parallel" if io_type is None else io_type,
            "Metadata": {} if metadata is None else metadata,
            "InputGrid": None if input_grid is None else dataclasses.astuple(Grid.given(input_grid)),
            "LookupOnly": bool(lookup_only),
            "HLSConfig": {},
            "WriterConfig": {
                "Namespace": unknown.get("namespace"),
                "WriteTar": bool(unknown.get("write_tar", False)),
                "WriteEmulationConstants": bool(unknown.get("write_emulation_constants", False)),
                "WriteWeightsTxt": unknown.get("write_weights_txt") is not False,
            },
        }

    def register_template(self, template_cls: Any) -> None:
        """Refused but for hls4ml's own: designs are written of operations, not of hls4ml's layers; a template would do nothing.

        Raises:
            ConfigError: a template of a user's.
        """
        if str(getattr(template_cls, "__module__", "")).startswith("hls4ml."):
            super().register_template(template_cls)
            return
        name = getattr(template_cls, "__name__", template_cls)
        raise ConfigError(
            f"backend DietCNN takes no template ({name}): C++ is written of the lowered graph's operations; add an operation "
            "(docs/architecture.md), or remove the layer by a pass in the flow dietcnn:optimize"
        )

    def compile(self, model: ModelGraph) -> str:
        """Compile the C simulation; returns the library's path. ToolError when there is no compiler or it fails."""
        simulation = hls.compile(Path(model.config.get_output_dir()))
        model.dietcnn_simulation = simulation
        return str(simulation.library)

    def predict(self, model: ModelGraph, x: reference.Arrays, threads: int | None = None) -> Any:
        """Run the C simulation on floats, all samples in one call.

        Args:
            model: compiled.
            x: (N, *input shape) on the input grid (for images pixel / 256), or one sample without N; a list of such arrays where
                the model has several inputs, in their order.
            threads: default all cores.

        Returns:
            (N, *output shape), or without N: output codes as real values, in the type of `x`; a list where the model has several
            outputs.

        Raises:
            ToolError: the model is not compiled.
            DatasetError: inputs off the grid, out of range or of another shape.
        """
        simulation: hls.CSim | None = getattr(model, "dietcnn_simulation", None)
        if simulation is None:
            raise ToolError("the model is not compiled; call compile() first")
        graph = simulation.graph
        arrays, single = as_batches(graph, x)
        values = reference.output_values(graph, simulation.predict(reference.quantize_input(graph, arrays), threads))
        return as_given(values, arrays[0].dtype, single)

    def build(
        self, model: ModelGraph, *, csim: bool = True, synth: bool = True, export: bool = False, timeout_s: float = 6 * 3600.0
    ) -> Any:
        """Run Vitis HLS on the written project; returns its report, or None without synthesis.

        Args:
            model: written or compiled.
            csim: run Vitis' own C simulation first.
            synth: synthesise.
            export: export the IP.
            timeout_s: wall-clock limit.

        Raises:
            ToolError: Vitis is missing or fails.
        """
        from dietcnn_hls.tools import vitis

        folder = Path(model.config.get_output_dir()).absolute()
        if not (folder / "build_prj.tcl").exists():
            self.write(model)
        steps = [name for name, wanted in (("csim", csim), ("csynth", synth), ("export", export)) if wanted]
        return vitis.run(folder, steps, timeout_s=timeout_s)


__all__ = ["DietCNNBackend"]
