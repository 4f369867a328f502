"""Names of kernels by several vendors, and words for them in eight languages."""

import pytest
from pydicom import Dataset

from ich_node.series.kernel import bone_kernel, kernel


def dataset_with(**attributes) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    "name",
    [
        "BONE",
        "BONEPLUS",
        "EDGE",
        "LUNG",
        "ULTRA",
        "H60s",
        "H70h",
        "B70f",
        "J70h",
        "U90u",
        "T80s",
        "FC30",
        "FC35",
        "FC51",
        "FC81",
        "D",
        "E",
        "YD",
        "Bone_Sharp",
        "Hr64h\\3",
        "Br69d\\3",
    ],
)
def test_a_sharp_kernel_is_known_by_its_name(name):
    assert bone_kernel(dataset_with(ConvolutionKernel=name))


@pytest.mark.parametrize(
    "name",
    [
        "STANDARD",
        "SOFT",
        "H31s",
        "H40f",
        "J40s",
        "B30f",
        "FC21",
        "FC26",
        "FC64",
        "UB",
        "B",
        "A",
        "Brain_Standard",
        "Hr38h\\3",
        "Qr40d\\3",
    ],
)
def test_a_soft_kernel_is_known_by_its_name(name):
    assert kernel(dataset_with(ConvolutionKernel=name)) == "soft"


def test_the_description_counts_only_where_no_kernel_is_named():
    assert not bone_kernel(dataset_with(ConvolutionKernel="H31s", SeriesDescription="Head Bone"))
    assert bone_kernel(dataset_with(SeriesDescription="Head Bone"))
    assert bone_kernel(dataset_with(ConvolutionKernel="", ProtocolName="Head Bone"))


@pytest.mark.parametrize(
    "description",
    [
        "HEAD BONE 1.25",
        "Head_BONEPLUS",
        "Head 1.0 H60s",
        "Head 0.75 Hr64 3",
        "Head 1.0 J70h 2",
        "Neuro 1.0 FC81",
        "Kopf Knochen 1.0",
        "Schädel Knochenfenster",
        "SCHAEDEL KNO 1MM",
        "Crâne os 0.6",
        "CRANE OSSEUX",
        "Tête filtre dur",
        "CRANEO HUESO",
        "Cráneo óseo",
        "Cranio osso 1mm",
        "ENCEFALO OSSEO",
        "CRÂNIO ÓSSEO",
        "Crânio ossos",
        "Hlava kost 1.0",
        "HLAVA KOSTNI OKNO",
        "Głowa kości",
        "GLOWA KOSTNE 1.0",
    ],
)
def test_a_sharp_reconstruction_is_known_by_its_description(description):
    assert bone_kernel(dataset_with(SeriesDescription=description))


@pytest.mark.parametrize(
    "description",
    [
        "Head 5.0 H31s",
        "Head 3.0 Hr38",
        "Head 5.0 J30s",
        "Neuro FC26",
        "Soft Tissue",
        "Weichteil 5.0",
        "Schädel WT",
        "Tête parties molles",
        "Cráneo partes blandas",
        "Encefalo parenchima",
        "Crânio partes moles",
        "Hlava měkké tkáně",
        "MEKKE TKANE",
        "Głowa tkanki miękkie",
    ],
)
def test_a_soft_reconstruction_is_known_by_its_description(description):
    assert kernel(dataset_with(SeriesDescription=description)) == "soft"


@pytest.mark.parametrize(
    "description",
    [
        "",
        "HEAD 5mm",
        "T12",
        "POST OP",
        "Head soft and bone",
        "ULTRA LOW DOSE",
        "BRAIN 1.25",
        "Schädel Standard",
    ],
)
def test_where_nothing_is_said_the_kernel_is_unknown(description):
    assert kernel(dataset_with(SeriesDescription=description)) == "unknown"


def test_a_brain_kernel_that_is_called_sharp_is_left_to_the_pixels():
    assert kernel(dataset_with(ConvolutionKernel="Brain Sharp")) == "unknown"
