"""Who the patient is: read from the spool for one page, and kept nowhere."""

from dataclasses import dataclass

from starlette.requests import Request

from ich_node.ledger import Job
from ich_node.ledger.audit import LOOK
from ich_node.web.site import Site
from ich_node.web.visitor import visitor_of

KEYWORDS = ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber")


@dataclass(frozen=True, kw_only=True)
class PatientIdentity:
    """As the header says; empty where it says nothing."""

    name: str
    patient_id: str
    birth_date: str
    accession: str


def identity_for(request: Request, site: Site, job: Job) -> PatientIdentity | None:
    """Of the job's patient, for a visitor who sees identifiers; the look is recorded. None for all
    others, and where the files were removed.
    """
    visitor = visitor_of(request)
    if not visitor.sees_identifiers:
        return None
    site.ledger.audit.record(
        at=site.clock(),
        who=visitor.who,
        address=visitor.address,
        action=LOOK,
        target=f"job {job.id}",
        study_instance_uid=job.study_instance_uid,
    )
    return _read(site, job)


def _read(site: Site, job: Job) -> PatientIdentity | None:
    import pydicom

    from ich_node.dicom.unreadable import PARSING_ERRORS

    for instance in site.ledger.operator.instances(job)[:1]:
        try:
            header = pydicom.dcmread(
                site.spool.absolute(instance.path),
                stop_before_pixels=True,
                specific_tags=["SpecificCharacterSet", *KEYWORDS],
            )
            texts = [str(header.get(keyword) or "") for keyword in KEYWORDS]
        except PARSING_ERRORS:  # an OSError among them: the file is gone
            return None
        name, patient_id, birth_date, accession = texts
        words = " ".join(name.partition("=")[0].replace("^", " ").split())
        return PatientIdentity(
            name=words, patient_id=patient_id, birth_date=birth_date, accession=accession
        )
    return None
