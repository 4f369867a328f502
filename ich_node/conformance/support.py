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
            f"Read: {read}, and the default repertoire. An object in another one is stored all the"
            " same; a value that cannot be"
            " decoded is left out of the results.",
            "Written: `ISO_IR 192` (UTF-8), whatever the source has.",
            "All that the node itself writes into objects is English.",
        ),
        "## 6 Security",
        "",
        *bullets(
            "Transport: DICOM over TLS (PS3.15 B.12, BCP 195): TLS 1.2 and 1.3, a certificate on"
            " both sides, one configured CA,"
            f" on a port of its own. Ciphers of TLS 1.2, as OpenSSL names them: `{CIPHERS}`. No"
            " renegotiation and no"
            " session tickets.",
            "Association: called AE title, calling AE title, address, certificate subject; deny by"
            " default. User identity"
            " negotiation is not supported.",
            "Limits on the size and duration of every PDU, message and handshake;"
            " [c-store-status.md](c-store-status.md).",
            "Objects lie on disk readable by the node's user alone, and are not encrypted by it.",
            "The log is JSON lines with UIDs, AE titles and addresses, without patients. There is"
            " no ATNA audit trail, no digital"
            " signature and no de-identification.",
        ),
    ]
