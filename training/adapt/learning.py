"""The network learns from the site's heads: pools, and the training."""

from collections.abc import Callable, Iterable, Sequence

from ich_node.model.bundle import Bundle
from training.adapt.parts import Parts
from training.adapt.place import Place
from training.adapt.recipe import Recipe
from training.adapt.studies import Study
from training.cache import fill_cache
from training.cache_examples import examples_of_cache
from training.errors import DataError
from training.examples import Examples
from training.loop import train
from training.mixed_examples import Part, mixed
from training.pool import make_pool
from training.pool_examples import examples_of_pool
from training.presets import Preset
from training.tissue_pool import make_tissue_pool
from training.training_run import Trained, TrainingRun


def learn(parent: Bundle, *, parts: Parts, recipe: Recipe, place: Place) -> Trained:
    """Fine-tune the parent's network. What was made before is not made again, and a training that
    was killed goes on.
    """
    preset = recipe.preset_for(parent)
    learned = _tissue(parts.training, recipe.tissue_slices, "tissue-pool", preset, place)
    validation = _tissue(parts.left_out, recipe.validation_slices, "validation-pool", preset, place)
    phantoms = _phantoms(recipe.phantom_slices, preset, place)
    training = [
        Part(name="tissue", examples=learned),
        Part(name="phantoms", examples=phantoms, weight=phantoms.count / learned.count),
    ]
    if parts.bleeding:
        positives = _positives(parts.bleeding, preset, place)
        training.append(Part(name="positives", examples=positives, weight=recipe.positive_weight))
    run = TrainingRun(
        preset=preset,
        training=mixed(training),
        validation=validation,
        folder=place.folder,
        seed=place.seed,
        device=place.device,
        workers=place.workers,
        start=parent.weights,
    )
    with place.training_bar() as report:
        return train(run, report)


def _tissue(
    studies: Sequence[Study], slices: int, name: str, preset: Preset, place: Place
) -> Examples:
    """A pool of these heads, with bleeds drawn into them."""
    folder = place.folder / name
    with place.bar("drawing bleeds to learn from") as advance:
        _, skipped = make_tissue_pool(
            folder,
            [study.labelled for study in studies],
            slices,
            seed=place.seed,
            workers=place.workers,
            size_px=preset.input.size_px,
            drawing=_at_most(advance),
        )
    if skipped:
        raise DataError(
            f"{skipped[0].what} could be read before and cannot now: {skipped[0].reason}"
            f" {skipped[0].detail}"
        )
    return examples_of_pool(folder, preset.input)


def _phantoms(slices: int, preset: Preset, place: Place) -> Examples:
    folder = place.folder / "phantom-pool"
    making: Iterable[int] = make_pool(
        folder, slices, seed=place.seed, workers=place.workers, size_px=preset.input.size_px
    )
    with place.bar("phantoms to learn from") as advance:
        for ready in making:
            _at_most(advance)(ready, slices)
    return examples_of_pool(folder, preset.input)


def _positives(studies: Sequence[Study], preset: Preset, place: Place) -> Examples:
    """Slices by their labels and boxes; a series of which only the whole is known, as a bag."""
    cache = place.folder / "positives"
    labelled = [study.labelled for study in studies]
    with place.bar("positives to learn from") as advance:
        fill_cache(cache, labelled, workers=place.workers, progress=advance)
    examples, _ = examples_of_cache(cache, labelled, preset.input, boxes_as_masks=True)
    if not examples.count:
        raise DataError("none of the positives has a slice or a series to learn from")
    return examples


def _at_most(advance: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """The last chunk of a pool is a whole one."""
    return lambda done, total: advance(min(done, total), total)
