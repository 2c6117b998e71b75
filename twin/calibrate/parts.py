"""Which function fits which part. Each is imported only when it is wanted."""

from __future__ import annotations

from twin.calibrate.actuators.spec import ActuatorsSpec
from twin.calibrate.delays.spec import DelaysSpec
from twin.calibrate.dynamics.spec import DynamicsSpec
from twin.calibrate.episodes.spec import EpisodesSpec
from twin.calibrate.farmcheck.spec import FarmSpec
from twin.calibrate.given import Given
from twin.calibrate.network.spec import NetworkSpec
from twin.calibrate.operations.spec import OperationsSpec
from twin.calibrate.reliability.spec import ReliabilitySpec
from twin.calibrate.result import PartResult
from twin.calibrate.spec import AnyPart


def fit(spec: AnyPart, given: Given) -> PartResult:
    """What one part finds."""
    match spec:
        case DynamicsSpec():
            from twin.calibrate.dynamics.fit import fit as dynamics

            return dynamics(spec, given)
        case ActuatorsSpec():
            from twin.calibrate.actuators.fit import fit as actuators

            return actuators(spec, given)
        case DelaysSpec():
            from twin.calibrate.delays.fit import fit as delays

            return delays(spec, given)
        case NetworkSpec():
            from twin.calibrate.network.fit import fit as network

            return network(spec, given)
        case ReliabilitySpec():
            from twin.calibrate.reliability.fit import fit as reliability

            return reliability(spec, given)
        case OperationsSpec():
            from twin.calibrate.operations.fit import fit as operations

            return operations(spec, given)
        case FarmSpec():
            from twin.calibrate.farmcheck.fit import fit as farm

            return farm(spec, given)
        case EpisodesSpec():
            from twin.calibrate.episodes.fit import fit as episodes

            return episodes(spec, given)
