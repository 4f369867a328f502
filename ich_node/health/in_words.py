"""An incident of the ledger in words."""

from dataclasses import dataclass
from typing import Any

from ich_node.health.sentences import remedy_of, sentence_of
from ich_node.health.trouble import Trouble, TroubleKind
from ich_node.ledger.incidents import Incident


@dataclass(frozen=True, kw_only=True)
class InWords:
    """sentence: what is, or was, wrong; remedy: what helps."""

    incident: Incident
    sentence: str
    remedy: str

    @property
    def facts(self) -> dict[str, Any]:
        """For machines."""
        incident = self.incident
        return {
            "incident": incident.id,
            "kind": incident.kind,
            "subject": incident.subject,
            "sentence": self.sentence,
            "remedy": self.remedy,
            "began_at": incident.began_at.isoformat(),
            "ended_at": incident.ended_at.isoformat() if incident.ended_at else None,
            "facts": dict(incident.facts),
        }


def in_words(incident: Incident) -> InWords:
    """An incident that another version noted may lack the facts of today's words: it is named."""
    try:
        trouble = Trouble(
            kind=TroubleKind(incident.kind),
            subject=incident.subject,
            since=incident.began_at,
            facts=incident.facts,
        )
        return InWords(incident=incident, sentence=sentence_of(trouble), remedy=remedy_of(trouble))
    except (KeyError, ValueError):
        sentence = f"{incident.kind}: {incident.subject}"
        return InWords(incident=incident, sentence=sentence, remedy="")
