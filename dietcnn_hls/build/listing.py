# SPDX-License-Identifier: Apache-2.0
"""What a configuration can name: methods with their options, networks, datasets."""

from __future__ import annotations

from typing import Any

from dietcnn_hls import methods
from dietcnn_hls.data import datasets
from dietcnn_hls.data.networks import NETWORKS


def listing() -> dict[str, Any]:
    """All names as plain data; options as the properties of a JSON schema."""
    known = {
        name: {"title": m.title, "citation": m.citation, "options": m.options.model_json_schema().get("properties", {})}
        for name, m in methods.available().items()
    }
    return {"methods": known, "networks": sorted(NETWORKS), "datasets": datasets.names()}


def listing_text() -> str:
    """The same for people."""
    known = listing()
    lines = []
    for name, entry in known["methods"].items():
        lines += [f"{name}: {entry['title']}", f"    {entry['citation']}"]
        for option, schema in entry["options"].items():
            lines.append(f"    {option} = {schema.get('default')}: {schema.get('description', '')}")
    lines.append(f"networks: {', '.join(known['networks'])}")
    lines.append(f"datasets: {', '.join(known['datasets'])}, or the path of an .npz or of a folder of .npy")
    return "\n".join(lines)


__all__ = ["listing", "listing_text"]
