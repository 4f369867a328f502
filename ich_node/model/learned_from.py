"""What heads a model has learned from, and how a series differs from them."""

from dataclasses import dataclass

from ich_node.series.series import Series, SeriesWarning


@dataclass(frozen=True, kw_only=True)
class LearnedFrom:
    """The range of the heads that a model has learned from. The defaults are those of adults: of
    the data sets that can be trained on here, and of the phantom. Measured on real series of
    adults: brain of 29 to 42 HU (median), 2 to 6 HU between pixels 1 mm apart, 118 to 151 cm2 of
    brain in the widest slice (about 80 in a newborn).

    source: where the range comes from.
    """

    minimum_age_years: float = 18.0
    brain_hu: tuple[float, float] = (22.0, 48.0)
    most_noise_hu: float = 10.0
    least_widest_cm2: float = 95.0
    source: str = "adults"


ADULTS = LearnedFrom()


def unlike_training(series: Series, learned: LearnedFrom) -> tuple[SeriesWarning, ...]:
    """How the head differs from those that the model has learned from."""
    differences = []
    if series.age_years is not None and series.age_years < learned.minimum_age_years:
        differences.append(f"the patient is younger than {learned.minimum_age_years:g} years")
    if brain := series.brain:
        low_hu, high_hu = learned.brain_hu
        if not low_hu <= brain.hu <= high_hu:
            differences.append(
                f"the brain has {brain.hu:.0f} HU instead of {low_hu:.0f} to {high_hu:.0f}"
            )
        if brain.noise_hu is not None and brain.noise_hu > learned.most_noise_hu:
            differences.append(
                f"the noise is {brain.noise_hu:.0f} HU instead of at most "
                f"{learned.most_noise_hu:.0f}"
            )
        if brain.widest_cm2 < learned.least_widest_cm2:
            differences.append(
                f"the widest slice shows {brain.widest_cm2:.0f} cm2 of brain instead of at least "
                f"{learned.least_widest_cm2:.0f}"
            )
    return tuple(
        SeriesWarning(
            kind="unlike_training",
            detail=f"the model has learned from other heads ({learned.source}): {difference}",
        )
        for difference in differences
    )
