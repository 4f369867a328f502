"""The windows in which people look at a head."""

import math
from collections.abc import Mapping

from ich_node.detection.network_input import Window

# In the order of the keys 1 to 5.
PRESETS: Mapping[str, Window] = {
    "brain": Window(centre_hu=40, width_hu=80),
    "subdural": Window(centre_hu=75, width_hu=215),
    "stroke": Window(centre_hu=40, width_hu=40),
    "tissue": Window(centre_hu=40, width_hu=400),
    "bone": Window(centre_hu=600, width_hu=2800),
}
FIRST = PRESETS["brain"]
LOWEST_CENTRE, HIGHEST_CENTRE = -2000.0, 4000.0
WIDEST = 8000.0


def window_of(query: Mapping[str, str]) -> Window | None:
    """As asked for by `centre` and `width`, in HU; the brain window where nothing is. None if these
    are no numbers within the bounds.
    """
    try:
        centre_hu = float(query.get("centre", FIRST.centre_hu))
        width_hu = float(query.get("width", FIRST.width_hu))
    except ValueError:
        return None
    if not (math.isfinite(centre_hu) and math.isfinite(width_hu)):
        return None
    if not (LOWEST_CENTRE <= centre_hu <= HIGHEST_CENTRE and 1 <= width_hu <= WIDEST):
        return None
    return Window(centre_hu=centre_hu, width_hu=width_hu)
