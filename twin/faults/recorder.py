"""Recorders that lose, shift, mislabel or cut what an episode produced. The store (in the fleet) examines what it gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from twin.core.chance import Stream
from twin.faults.process import ProcessFault
from twin.faults.spec import Fold


@dataclass
class Take:
    """What the recorder hands to the store of one episode. `kept` of `frames`; offset of the camera in ms; error of its
    extrinsics in mm; why all of it is lost; whether its upload waits, and how many may; whether its end was cut off."""

    frames: int
    kept: int
    offset_ms: float = 0.0
    extrinsics_mm: float = 0.0
    lost: str | None = None
    waits: bool = False
    buffer: int = 0
    cut: bool = False


class RecorderFault(ProcessFault):
    """Something between sensors and store. `record` changes a take; the recorder measures it before and after."""

    def record(self, take: Take, stream: Stream) -> None:
        """Spoil a take."""
        raise NotImplementedError


class DropsFrames(RecorderFault):
    """Frames are lost, each with the same probability."""

    SIZES: ClassVar[Mapping[str, float]] = {"share": 0.0}
    EFFECT: ClassVar[str] = "frames lost"
    UNIT: ClassVar[str] = "frames"

    component: Literal["recorder"]
    mode: Literal["drops_frames"]
    share: float = Field(gt=0, le=1)

    def record(self, take: Take, stream: Stream) -> None:
        """A binomial share goes."""
        take.kept -= int(stream.binomial(take.kept, self.share))


class Desynchronised(RecorderFault):
    """The camera's frames carry times that are off."""

    SIZES: ClassVar[Mapping[str, float]] = {"offset_ms": 0.0}
    EFFECT: ClassVar[str] = "largest offset between camera and joints"
    UNIT: ClassVar[str] = "ms"
    FOLD: ClassVar[Fold] = "max"

    component: Literal["recorder"]
    mode: Literal["desynchronised"]
    offset_ms: float = Field(gt=0, le=1e7)

    def record(self, take: Take, stream: Stream) -> None:
        """Shift it."""
        take.offset_ms += self.offset_ms


class WrongExtrinsics(RecorderFault):
    """The camera's place that is written down is not where it stands."""

    SIZES: ClassVar[Mapping[str, float]] = {"off_mm": 0.0}
    EFFECT: ClassVar[str] = "largest error of the camera's recorded place"
    UNIT: ClassVar[str] = "mm"
    FOLD: ClassVar[Fold] = "max"

    component: Literal["recorder"]
    mode: Literal["wrong_extrinsics"]
    off_mm: float = Field(gt=0, le=1e6)

    def record(self, take: Take, stream: Stream) -> None:
        """Write down another place."""
        take.extrinsics_mm += self.off_mm


class RecorderDiskFull(RecorderFault):
    """The recorder's disk is full: nothing of an episode is kept."""

    EFFECT: ClassVar[str] = "frames lost"
    UNIT: ClassVar[str] = "frames"

    component: Literal["recorder"]
    mode: Literal["disk_full"]

    def record(self, take: Take, stream: Stream) -> None:
        """All of it goes."""
        take.kept, take.lost = 0, "disk_full"


class UploadStalls(RecorderFault):
    """Nothing reaches the store until it is over; so many episodes fit into the buffer of the cell."""

    EFFECT: ClassVar[str] = "longest wait of an episode for its upload"
    UNIT: ClassVar[str] = "s"
    FOLD: ClassVar[Fold] = "max"

    component: Literal["recorder"]
    mode: Literal["upload_stalls"]
    buffer: int = Field(default=20, ge=0, le=1_000_000)
    """Episodes that can wait; what comes beyond is lost."""

    def record(self, take: Take, stream: Stream) -> None:
        """It waits."""
        take.waits, take.buffer = True, self.buffer


class Truncated(RecorderFault):
    """The end of an episode's recording is missing."""

    SIZES: ClassVar[Mapping[str, float]] = {"kept": 1.0}
    EFFECT: ClassVar[str] = "frames lost"
    UNIT: ClassVar[str] = "frames"

    component: Literal["recorder"]
    mode: Literal["truncated"]
    kept: float = Field(ge=0, lt=1)
    """Share of the recording that is kept."""

    def record(self, take: Take, stream: Stream) -> None:
        """Cut it."""
        take.kept, take.cut = int(take.kept * self.kept), True


MODES = (DropsFrames, Desynchronised, WrongExtrinsics, RecorderDiskFull, UploadStalls, Truncated)
"""In the order in which they are listed."""
