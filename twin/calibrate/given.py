"""What a part is given: the logs it asks for, the fleet, named randomness, and somebody to tell how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from twin.calibrate.calllog import read_calls
from twin.calibrate.episodelog import Episodes, read_episode_log
from twin.calibrate.failurelog import read_failures
from twin.calibrate.logs import Log, read_log
from twin.calibrate.logspec import CallLog, EpisodeLog, FailureLog, SignalLog
from twin.calibrate.partspec import PartSpec
from twin.calibrate.result import PartResult
from twin.core.chance import Chance, Stream
from twin.core.errors import InputError
from twin.farm.spec import FleetSpec

Say = Callable[[str], None]


@dataclass(frozen=True)
class Given:
    """The surroundings of all parts of one plan. Logs are read when first asked for, and then kept."""

    logs: dict[str, SignalLog | EpisodeLog | FailureLog | CallLog]
    folder: Path
    names: dict[int, str]
    """Each part's name, by the id of its spec."""
    confidence: float = 0.9
    seed: int = 0
    fleet: FleetSpec | None = None
    say: Say = lambda text: None
    """Progress, in a few words."""
    fleet_folder: Path = Path()
    """Where the fleet file lies, from which its robots' files are named."""
    results: list[PartResult] = field(default_factory=list)
    """What the parts before this one found."""
    _read: dict[str, Log | Episodes] = field(default_factory=dict)

    def name(self, spec: PartSpec) -> str:
        """The name of a part."""
        return self.names.get(id(spec), str(getattr(spec, "kind", "part")))

    def stream(self, spec: PartSpec, purpose: str, number: int = 0) -> Stream:
        """A random stream of its own for a part and purpose."""
        return Chance(self.seed).stream(self.name(spec), purpose, number)

    def signals(self, name: str) -> Log:
        """A log of signals."""
        spec = self.logs[name]
        if not isinstance(spec, SignalLog):
            raise InputError(f"log {name!r} holds {spec.kind} (kind: {spec.kind}); this part reads signals over time")
        if name not in self._read:
            self._read[name] = read_log(name, spec, self.folder)
        found = self._read[name]
        assert isinstance(found, Log)
        return found

    def episodes(self, name: str, also: type[FailureLog | CallLog] | None = None) -> Episodes:
        """A log of episodes; or, where a part reads these `also`, of failures or calls as one, which tells of nothing else."""
        spec = self.logs[name]
        if isinstance(spec, SignalLog):
            raise InputError(f"log {name!r} holds signals; this part reads episodes (kind: episodes)")
        if isinstance(spec, FailureLog | CallLog) and (also is None or not isinstance(spec, also)):
            whose = "reliability" if isinstance(spec, FailureLog) else "operations"
            raise InputError(f"log {name!r} holds {spec.kind}, which only the part {whose} reads; this part needs episodes")
        if name not in self._read:
            match spec:
                case FailureLog():
                    self._read[name] = read_failures(name, spec, self.folder)
                case CallLog():
                    self._read[name] = read_calls(name, spec, self.folder)
                case _:
                    self._read[name] = read_episode_log(name, spec, self.folder)
        found = self._read[name]
        assert isinstance(found, Episodes)
        return found
