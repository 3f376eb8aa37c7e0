"""A tier at full size, for a few steps: what its trainings and predictions need, before days are spent on them."""

from __future__ import annotations

from vita.experiments.config import Adjustment, TierConfig

VIDEOS = 3  # of each data set, to learn from and to predict


def rehearsed(tier: TierConfig, steps: int) -> TierConfig:
    """The tier with one seed, so many steps for every training, and a few videos; its runs lie in folders of their own.

    Batches, sizes, models and precision are the tier's.
    """
    short = {"iterations": steps, "decay_at": [], "checkpoint_every": steps, "validate_every": None, "validate_at": []}
    datasets = {
        name: substitute.model_copy(update={"limit_videos": VIDEOS}) for name, substitute in tier.datasets.items()
    }
    return tier.model_copy(
        update={
            "tier": f"{tier.tier}_rehearsal",
            "seeds": tier.seeds[:1],
            "fewer_seeds": {},
            "anchor": None,
            "datasets": datasets,
            "adjustments": (*tier.adjustments, Adjustment(train=short)),
        }
    )
