"""[[destinations]]: where results are sent, and how. Each kind has its own settings.

The first line of each kind's docstring is printed in the conformance statement.

::

    OutletSettings
    ├── DicomDestination      objects, by C-STORE
    ├── WebSettings
    │   ├── StowDestination       objects, by STOW-RS
    │   └── WebhookDestination    notifications, as signed JSON
    └── Hl7Destination        notifications, as ORU^R01 over MLLP
"""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, HttpUrl, Tag, model_validator

from ich_node.config.fields import AeTitle, Host, Port, Section

Gets = Literal["objects", "notifications"]
LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
# The lease in ich_node/deliver/loop.py covers two such waits and the connection.
MOST_SECONDS_TO_ANSWER = 30
Priority = Annotated[int, Field(ge=-100, le=100)]
TimeoutSeconds = Annotated[float, Field(gt=0, le=MOST_SECONDS_TO_ANSWER)]
Hl7Name = Annotated[str, Field(max_length=20, pattern=r"^[\x20-\x7e]*$")]


class OutletSettings(Section):
    """Settings of every destination. Deliveries are sent by priority, highest first; within one
    priority, positive readings first, then the oldest.

    sources: the names of those whose results it gets; None: of all.
    """

    gets: ClassVar[Gets]

    name: str = Field(min_length=1)
    sources: tuple[str, ...] | None = Field(None, min_length=1)
    only_if_positive: bool = False
    priority: Priority = 0

    def may_have(self, sources: Collection[str]) -> bool:
        """Whether it may have results, or hear, of a series whose objects came from these
        sources: only if it gets the results of all of them.
        """
        return self.sources is None or set(sources) <= set(self.sources)

    def should_receive(self, *, is_negative: bool, earlier_destinations: Collection[str]) -> bool:
        """Whether this destination, which may have them, gets the results of a series.

        is_negative: nobody needs to look. A head whose answer is undetermined, or that was not
        analysed, is not negative: who waits for positive results must not take silence for calm.
        earlier_destinations: names of those that get the results of an earlier revision: they also
        get the results that replace them.
        """
        return not (is_negative and self.only_if_positive) or self.name in earlier_destinations


class DicomDestination(OutletSettings):
    """A peer that receives our objects by C-STORE.

    return_to_sender: it gets results of what the source with its AE title has sent, and no others.
    """

    gets = "objects"

    kind: Literal["dicom"] = "dicom"
    ae_title: AeTitle
    host: Host
    port: Port
    calling_ae_title: AeTitle | None = None
    return_to_sender: bool = False
    tls: bool = False
    tls_name: str | None = Field(None, min_length=1)
    storage_commitment: bool = False
    commitment_timeout_seconds: float = Field(3600, gt=0)

    @property
    def address(self) -> str:
        return f"{self.ae_title} at {self.host}:{self.port}"


class WebSettings(OutletSettings):
    """A service at a URL. ca: certificates of its certificate authority; None: [tls] ca, else those
    that the system trusts.
    """

    url: HttpUrl
    ca: Path | None = None
    timeout_seconds: TimeoutSeconds = 30

    @model_validator(mode="after")
    def _url_has_no_secrets(self) -> Self:
        if self.url.username or self.url.password or self.url.fragment:
            raise ValueError(
                "url must not contain a user, a password or a fragment; secrets come from files"
            )
        return self

    @property
    def origin(self) -> str:
        """Scheme, host and port of the URL, without path and query, which can contain a key."""
        return f"{self.url.scheme}://{self.url.host}:{self.url.port}"

    def _needs_https(self, what: str) -> None:
        if self.url.scheme != "https" and self.url.host not in LOOPBACK:
            raise ValueError(
                f"{what} needs https:// in url: otherwise anyone on the network can read it"
            )


class StowDestination(WebSettings):
    """An archive that receives our objects by STOW-RS (PS3.18 §10.5).

    url: of its DICOMweb service, without /studies.
    """

    gets = "objects"

    kind: Literal["stow"]
    token_file: Path | None = None
    username: str | None = Field(None, min_length=1, pattern="^[^:]*$")
    password_file: Path | None = None

    @model_validator(mode="after")
    def _credentials_are_complete(self) -> Self:
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file go together")
        if self.token_file is not None and self.username is not None:
            raise ValueError("set token_file or username, not both")
        if self.token_file is not None or self.username is not None:
            self._needs_https("a token or password")
        return self

    @property
    def address(self) -> str:
        return f"stow at {self.origin}"


class WebhookDestination(WebSettings):
    """A service that receives signed JSON by POST.

    identifiers: include the patient and the accession number.
    """

    gets = "notifications"

    kind: Literal["webhook"]
    priority: Priority = 10
    timeout_seconds: TimeoutSeconds = 10
    secret_file: Path
    identifiers: bool = False

    @model_validator(mode="after")
    def _identifiers_are_encrypted(self) -> Self:
        if self.identifiers:
            self._needs_https("identifiers")
        return self

    @property
    def address(self) -> str:
        return f"webhook at {self.origin}"


class Hl7Destination(OutletSettings):
    """A reporting system or interface engine that receives ORU^R01 over MLLP.

    identifiers: include PID and the order numbers in OBR.
    """

    gets = "notifications"

    kind: Literal["hl7"]
    priority: Priority = 10
    host: Host
    port: Port
    tls: bool = False
    tls_name: str | None = Field(None, min_length=1)
    identifiers: bool = False
    sending_application: Hl7Name = "ICHNODE"
    sending_facility: Hl7Name = ""
    receiving_application: Hl7Name = ""
    receiving_facility: Hl7Name = ""
    processing_id: Literal["P", "T", "D"] = "P"
    timeout_seconds: TimeoutSeconds = 30

    @property
    def address(self) -> str:
        return f"HL7 at {self.host}:{self.port}"


KINDS: dict[str, type[OutletSettings]] = {
    "dicom": DicomDestination,
    "stow": StowDestination,
    "hl7": Hl7Destination,
    "webhook": WebhookDestination,
}


def _kind_of(destination: Any) -> Any:
    """A destination without a kind is a DICOM peer: older configurations have no kind."""
    if not isinstance(destination, dict):
        return getattr(destination, "kind", None)
    kind = destination.get("kind", "dicom")
    return kind.lower() if isinstance(kind, str) else kind


Destination = Annotated[
    Annotated[DicomDestination, Tag("dicom")]
    | Annotated[StowDestination, Tag("stow")]
    | Annotated[Hl7Destination, Tag("hl7")]
    | Annotated[WebhookDestination, Tag("webhook")],
    Discriminator(_kind_of),
]
