"""Which model version serves, and what a training run concluded: the documents champion.json and verdict.json.

Plain values, since the api imports them: no pandas or numpy here. `model_dump_json()` writes, `model_validate_json()`
reads.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Version = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Champion(BaseModel):
    """The model version that serves a symbol."""

    model_config = ConfigDict(frozen=True)

    version: Version
    uri: str
    """Key of the model bundle in the bucket."""
    sha256: Sha256
    """Of the bundle's bytes."""
    promoted_at: AwareDatetime
    reason: str
    previous_version: Version | None = None


class TrainingVerdict(BaseModel):
    """What a training run concluded about the version it made."""

    model_config = ConfigDict(frozen=True)

    symbol: str
    version: Version
    bundle_key: str
    sha256: Sha256
    promote: bool
    reason: str
    compared_with: Version | None
    """The champion it was judged against; promotion is refused if another one serves by then. None: there was none."""
    figures: dict[str, float | int | str | bool | None] = {}
    """Hold-out and walk-forward figures: errors as returns, skill as a fraction."""

    def champion(self, promoted_at: AwareDatetime, reason: str | None = None) -> Champion:
        """The champion that this version becomes when promoted at *promoted_at*; *reason* defaults to the verdict's."""
        return Champion(
            version=self.version,
            uri=self.bundle_key,
            sha256=self.sha256,
            promoted_at=promoted_at,
            reason=reason or self.reason,
            previous_version=self.compared_with,
        )
