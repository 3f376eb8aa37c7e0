"""What a training starts from: another variant of its method, or a training of another method."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from vita.core.config_base import Frozen


class Start(Frozen):
    """A training whose final weights are the first weights of another one.

    method: None is the method itself. Another method has parts in common with it, under the same names: so two methods
    begin with the very same detector, say, and what they make of it is all that tells them apart.
    """

    variant: str
    method: str | None = None

    def of(self, method: str) -> tuple[str, str]:
        """Method and variant, where a variant of `method` starts."""
        return self.method or method, self.variant


def _of_a_name(given: Any) -> Any:
    return {"variant": given} if isinstance(given, str) else given


StartKey = Annotated[Start, BeforeValidator(_of_a_name, json_schema_input_type=str | Start)]  # a name is a variant's
