"""Character sets and security."""

from pydicom.charset import python_encoding

from ich_node.conformance.markdown import bullets
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
            " data. There is no ATNA audit trail and no digital signature.",
            "De-identification: `ich-node jobs export --deidentify` writes series to a folder by"
            " the Basic Application Confidentiality Profile of PS3.15 Annex E, without options; it"
            " does not change pixels.",
        ),
    ]
