"""Character sets and security."""

from pydicom.charset import python_encoding

from ich_node.auditing.kinds import KINDS
from ich_node.auditing.syslog import MESSAGE_ID
from ich_node.conformance.markdown import bullets, table
from ich_node.network.tls import CIPHERS


def support_lines() -> list[str]:
    read = ", ".join(
        f"`{term}`"
        for term in sorted(python_encoding)
        if term.startswith("ISO") or term in ("GB18030", "GBK")
    )
    return [
        "## 5 Character sets",
        "",
        *bullets(
            f"Read: {read}, and the default repertoire. An object in another character set is also"
            " stored; a value that cannot be decoded is left out of the results.",
            "Written: `ISO_IR 192` (UTF-8), for every character set of the source.",
            "The node writes its own texts in English.",
        ),
        "## 6 Security",
        "",
        *bullets(
            "Transport: DICOM over TLS (PS3.15 B.12, BCP 195): TLS 1.2 and 1.3, a certificate on"
            " both sides, one configured CA, on a port of its own. Ciphers of TLS 1.2, as OpenSSL"
            f" names them: `{CIPHERS}`. There is no renegotiation, and there are no session"
            " tickets.",
            "Associations are identified by called AE title, calling AE title, address and"
            " certificate subject, and denied by default. User identity negotiation is not"
            " supported.",
            "The size and duration of every PDU, message and handshake are limited; see"
            " [c-store-status.md](c-store-status.md).",
            "Only the user of the node can read the objects on disk. The node does not encrypt"
            " them.",
            "The log consists of JSON lines with UIDs, AE titles and addresses, without patient"
            " data. There is no digital signature.",
            "De-identification: `ich-node jobs export --deidentify` writes series to a folder by"
            " the Basic Application Confidentiality Profile of PS3.15 Annex E, without options; it"
            " does not change pixels.",
        ),
        "### 6.1 Audit messages",
        "",
        "With `[audit] syslog` the node reports what people do on its site, and when its services"
        " start and stop, to an audit record repository: Audit Trail Message Format Profile (PS3.15"
        " A.5) over syslog (RFC 5424, MSGID `" + MESSAGE_ID + "`) by the transmission profiles of"
        " A.6 and A.7: TLS (RFC 5425), UDP (RFC 5426), or TCP with octet counting (RFC 6587). The"
        " server's certificate is verified, and the node's own (`[tls]`) is shown to a server that"
        " asks for one. Messages are kept until the repository has them and are sent in order, each"
        " at least once; over UDP a lost datagram is not noticed.",
        "",
        *table(("EventID", "EventTypeCode", "EventActionCode", "when"), _audit_messages()),
        *bullets(
            "Participants are the person, with his address, and the node, with its AE title. The"
            " outcome is 0, 4 for what the node could not do, or 8 for what it turned away.",
            "Objects are the study, by its Study Instance UID, or what of the node was changed."
            " **The patient, whom A.5.3 wants beside a study, is left out**, and so are the SOP"
            " classes: the ledger has no identifiers.",
            "Associations and C-STORE are not reported, and the node receives no audit messages.",
        ),
    ]


def _audit_messages() -> list[tuple[str, str, str, str]]:
    return [
        (
            f"{kind.id.meaning} (`{kind.id.value}`, {kind.id.system})",
            f"{kind.type.meaning} (`{kind.type.value}`, {kind.type.system})" if kind.type else "",
            kind.action,
            kind.when,
        )
        for kind in KINDS
    ]
