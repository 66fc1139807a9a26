# SPDX-License-Identifier: Apache-2.0
"""How often each code occurs in the streams of a design: ``.activations.json`` beside a report, which the page draws."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.reports.files import write_file
from dietcnn_hls.reports.model import describe
from dietcnn_hls.reports.sections import Count, Name, Section
from dietcnn_hls.validation import parse_json

FILE_NAME = ".activations.json"
SCHEMA = 1
BINS = 64
"""Bins of a histogram at most."""
CHANNELS = 16
"""Channels of which a histogram is kept, the first ones."""
IMAGES = 64
"""Images that are counted at most: shapes, not figures, are read off histograms."""
_LARGEST = 2**26

_Counts = Annotated[tuple[Count, ...], Field(min_length=1, max_length=BINS, strict=False)]


class Histogram(Section):
    """Occurrences of codes: bin i counts ``first + i * width`` up to the next bin's first code.

    Attributes:
        counts: of all channels.
        channels: of each of the first `CHANNELS` channels, in the same bins.
    """

    first: Annotated[int, Field(strict=True)]
    width: Annotated[int, Field(strict=True, ge=1)]
    counts: _Counts
    channels: Annotated[tuple[_Counts, ...], Field(max_length=CHANNELS, strict=False)] = ()

    @model_validator(mode="after")
    def _same_bins(self) -> Self:
        if any(len(counts) != len(self.counts) for counts in self.channels):
            raise ValueError("channels have other bins than the whole")
        return self

    @classmethod
    def of(cls, codes: np.ndarray) -> Self:
        """Count codes (N, ..., C), which are integers, one at least."""
        first, last = int(codes.min()), int(codes.max())
        width = -(-(last - first + 1) // BINS)
        bins = (codes - first) // width
        count = (last - first) // width + 1
        apart = np.moveaxis(bins, -1, 0)[:CHANNELS]
        channels = tuple(tuple(np.bincount(one.ravel(), minlength=count).tolist()) for one in apart)
        return cls(first=first, width=width, counts=tuple(np.bincount(bins.ravel(), minlength=count).tolist()), channels=channels)


class Activations(Section):
    """Histograms of what each layer yields, by its name, on the first `images` test images."""

    schema_version: Annotated[int, Field(strict=True, ge=SCHEMA, le=SCHEMA)] = Field(default=SCHEMA, alias="schema")
    images: Annotated[Count, Field(gt=0)]
    layers: dict[Name, Histogram]

    @classmethod
    def of(cls, codes: Mapping[str, np.ndarray]) -> Self:
        """Count the codes (N, ..., C) of each layer."""
        return cls(images=max(map(len, codes.values())), layers={name: Histogram.of(found) for name, found in codes.items()})

    def save(self, path: Path) -> None:
        """Write to the file `path`, whole or not at all; OutputError where it cannot be written."""
        text = json.dumps(self.model_dump(mode="json", by_alias=True), ensure_ascii=False, separators=(",", ":"))
        write_file(path, f"{text}\n".encode(), f"the histograms {path}")

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Those of a build in `folder`; None without the file, ConfigError for one that is none of ours."""
        file = folder / FILE_NAME
        try:
            if not file.is_file():
                return None
            if file.stat().st_size > _LARGEST:
                raise ConfigError(
                    f"{file} is no readable histogram: it has {file.stat().st_size:,} bytes, of at most {_LARGEST:,}."
                )
            return cls.model_validate(parse_json(file.read_bytes(), str(file)))
        except ValidationError as error:
            raise ConfigError(f"{file} holds no histograms: {describe(error)}") from error
        except OSError as error:
            raise ConfigError(f"{file} is no readable histogram: {error.strerror}.") from error


__all__ = ["BINS", "CHANNELS", "FILE_NAME", "IMAGES", "Activations", "Histogram"]
