"""All errors that this node raises on purpose.

::

    IchNodeError
    ├── ConfigError            a wrong configuration or command
    │   └── EarlierLedger      its schema; the services bring it up to date
    ├── NoLedger               nothing was received yet with this configuration
    ├── BundleError            a model file that cannot be used
    ├── ReportError            a reading that cannot be written as DICOM
    ├── ExportError            series cannot be exported, e.g. they would name a patient
    ├── BackupError            a backup cannot be made, or is not one that can be restored
    ├── Refusal                why a series is not analysed: a result, not a failure
    │   ├── NotCT              ├── DerivedResult        ├── EnhancedMultiFrame
    │   ├── NotHead            ├── NotAxial             ├── SharedUid
    │   ├── BoneKernel         ├── ContrastEnhanced     ├── TooFewSlices
    │   ├── NoGeometry         ├── NoHounsfieldUnits    ├── Monochrome1
    │   ├── TransferSyntaxRefused                       ├── Undecodable
    │   ├── TooLarge           ├── MixedSeries          ├── Localizer
    │   ├── StrayPosition      ├── CopyOfAnother        ├── DemonstrationModel
    │   ├── MixedPatients      ├── TooYoung             ├── Overdue
    │   ├── Crashed            ├── NotReportable        ├── NotLoadable
    │   ├── DeviceFailed       ├── NoHeadShown          ├── SiteRefusal
    │   └── HeldBack
    ├── DeviceLost             this process cannot use the GPU any more and ends
    └── Unavailable            try again later
        ├── SpoolFull
        └── PeerUnavailable

Any other exception is a bug. The loop that catches it logs its traceback once and counts an
attempt. The docstring of a class is its default message.
"""

from typing import ClassVar


class IchNodeError(Exception):
    """An error that this node explains in a sentence."""

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or (type(self).__doc__ or "").strip()
        super().__init__(self.detail)


class ConfigError(IchNodeError):
    """The configuration cannot be used."""


class EarlierLedger(ConfigError):
    """The ledger is of an earlier version."""


class NoLedger(IchNodeError):
    """There is no ledger: this node has not received anything yet."""


class BundleError(IchNodeError):
    """The model bundle cannot be used."""


class ReportError(IchNodeError):
    """The reading cannot be written as DICOM."""


class ExportError(IchNodeError):
    """The series cannot be exported."""


class BackupError(IchNodeError):
    """The backup cannot be made or used."""


class Refusal(IchNodeError):
    """The series is not ours to read."""

    reason: ClassVar[str] = "refused"
    # whether somebody may wait for an answer: the series may show a head
    about_a_head: ClassVar[bool] = True

    def __init__(self, detail: str = "", *, rule: str = "", why: str = "") -> None:
        """rule: the shipped rule or the rule of the site that refuses; why: what it found."""
        super().__init__(detail)
        self.rule, self.why = rule, why


class NotCT(Refusal):
    """The objects are not CT Image Storage."""

    reason = "not_ct"
    about_a_head = False


class DerivedResult(Refusal):
    """The objects are results (ours or another system's), not an acquisition."""

    reason = "derived_result"
    about_a_head = False


class EnhancedMultiFrame(Refusal):
    """Several frames in an object whose class has one; send Enhanced CT, or one slice an object."""

    reason = "enhanced_multi_frame"


class NotHead(Refusal):
    """The series does not show a head."""

    reason = "not_head"
    about_a_head = False


class NotAxial(Refusal):
    """The slices are not an axial acquisition."""

    reason = "not_axial"
    about_a_head = False


class BoneKernel(Refusal):
    """The series was reconstructed with a bone (sharp) kernel."""

    reason = "bone_kernel"


class ContrastEnhanced(Refusal):
    """The series was acquired with contrast agent."""

    reason = "contrast_enhanced"


class TooFewSlices(Refusal):
    """The series has too few slices to be a head CT."""

    reason = "too_few_slices"


class NoGeometry(Refusal):
    """The slices do not say where they lie in the patient."""

    reason = "no_geometry"


class NoHounsfieldUnits(Refusal):
    """The pixel values cannot be turned into Hounsfield units."""

    reason = "no_hounsfield_units"


class Monochrome1(Refusal):
    """CT must be MONOCHROME2; inverted pixels are not guessed at."""

    reason = "monochrome1"


class TransferSyntaxRefused(Refusal):
    """The transfer syntax is not one that this node negotiates."""

    reason = "transfer_syntax"


class Undecodable(Refusal):
    """The pixel data cannot be decoded."""

    reason = "undecodable"


class TooLarge(Refusal):
    """The image would decode to more pixels than any CT slice has."""

    reason = "too_large"


class MixedSeries(Refusal):
    """The objects belong to more than one series."""

    reason = "mixed_series"
    about_a_head = False


class MixedPatients(Refusal):
    """The objects of the series are of more than one patient."""

    reason = "mixed_patients"


class SharedUid(Refusal):
    """Different images of the series share a SOP Instance UID."""

    reason = "shared_uid"


class Localizer(Refusal):
    """The object is a localizer, which shows where the slices lie."""

    reason = "localizer"
    about_a_head = False


class CopyOfAnother(Refusal):
    """The object is a copy of another one of the series."""

    reason = "copy"


class NoHeadShown(Refusal):
    """The object shows no head where its neighbours do."""

    reason = "no_head_shown"


class StrayPosition(Refusal):
    """The object lies far away from the other slices."""

    reason = "stray_position"


class TooYoung(Refusal):
    """The patient is younger than the node may read."""

    reason = "too_young"


class SiteRefusal(Refusal):
    """A rule of the site refuses the series."""

    reason = "site_rule"


class HeldBack(Refusal):
    """A rule of the site held the series back, and nobody released it."""

    reason = "held"


class DemonstrationModel(Refusal):
    """A demonstration model does not read the heads of patients."""

    reason = "demonstration_model"


class Overdue(Refusal):
    """The series has arrived and was not read in time; its answer follows when it has been read."""

    reason = "overdue"


class Crashed(Refusal):
    """The analysis of the series crashed; the log of the node has more."""

    reason = "crashed"


class NotReportable(Refusal):
    """The series was read, and its results cannot be written as DICOM objects."""

    reason = "not_reportable"


class NotLoadable(Refusal):
    """Objects of the series could not be loaded."""

    reason = "unavailable"


class DeviceFailed(Refusal):
    """The processor that runs the model failed on the series."""

    reason = "device"


class DeviceLost(IchNodeError):
    """The GPU is lost to this process; a new one may get it back."""


class Unavailable(IchNodeError):
    """Try again later."""


class SpoolFull(Unavailable):
    """The spool has no room for another object."""


class PeerUnavailable(Unavailable):
    """The peer cannot be reached."""
