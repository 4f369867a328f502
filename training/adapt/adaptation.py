"""From divided studies to a bundle: learn, measure, and write it if it is safe."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ich_node.model.bundle import Bundle
from training.adapt.adapted_bundle import adapted_bundle
from training.adapt.figures import figures_of
from training.adapt.inputs import Folders, write_finished
from training.adapt.learning import learn
from training.adapt.measuring import Measured, measure
from training.adapt.outcome import Outcome
from training.adapt.page import CALIBRATION, PICTURE, page_of
from training.adapt.parts import Parts
from training.adapt.pictures import draw_calibration, draw_left_out
from training.adapt.place import Place
from training.adapt.recipe import Recipe
from training.adapt.suspects import Sorted
from training.curves import write_curve
from training.panels import draw_curve

PAGE = "card.md"


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """confirmed: how many studies that look positive a person has seen not to bleed. inputs: a hash
    of the studies and options.
    """

    parent: Bundle
    parts: Parts
    sorted_: Sorted
    confirmed: int
    recipe: Recipe
    folders: Folders
    place: Place
    inputs: str

    @property
    def name(self) -> str:
        """Of the new bundle: its file's."""
        return self.folders.bundle.name.removesuffix(".safetensors")


def carry_out(adaptation: Adaptation, *, at: datetime) -> Outcome:
    """Write the card, and the bundle if the outcome has no objections. What is done is not done
    again when this is called anew after it was killed.
    """
    parent, place = adaptation.parent, adaptation.place
    trained = learn(parent, parts=adaptation.parts, recipe=adaptation.recipe, place=place)
    measured = measure(
        parent,
        trained.weights,
        parts=adaptation.parts,
        recipe=adaptation.recipe,
        place=place,
    )
    card = adaptation.folders.card
    card.mkdir(parents=True, exist_ok=True)
    write_curve(trained.curve, card / "curve.csv")
    draw_curve(trained.curve, card / "curve.png", title=adaptation.name)
    draw_left_out(measured.left_out, card / PICTURE)
    draw_calibration(measured.reliable_before, measured.reliable_after, card / CALIBRATION)
    objections = measured.outcome.objections()
    data = None if objections else _bundle(adaptation, measured, at=at)
    page = page_of(
        parent,
        measured,
        title=adaptation.name,
        sha256=hashlib.sha256(data).hexdigest() if data else None,
        parts=adaptation.parts,
        sorted_=adaptation.sorted_,
    )
    (card / PAGE).write_text(page, encoding="utf-8")
    write_finished(
        adaptation.folders,
        figures_of(measured.outcome),
        inputs=adaptation.inputs,
        objections=objections,
        at=at,
    )
    if data:
        _write(data, adaptation.folders.bundle)
    adaptation.folders.clear_work()
    return measured.outcome


def _bundle(adaptation: Adaptation, measured: Measured, *, at: datetime) -> bytes:
    return adapted_bundle(
        adaptation.parent,
        measured,
        name=adaptation.name,
        parts=adaptation.parts,
        recipe=adaptation.recipe,
        seed=adaptation.place.seed,
        inputs=adaptation.inputs,
        confirmed=adaptation.confirmed,
        at=at,
    )


def _write(data: bytes, path: Path) -> None:
    """Beside its place and renamed, so that a killed run leaves no half of it."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(data)
    temporary.replace(path)
