"""`Spec`: the base of every frozen description that a fleet or scenario file is made of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A frozen value read from YAML. Unknown keys are errors; unions are told apart by `kind`."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        strict=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )
