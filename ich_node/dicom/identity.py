"""Names, UIDs and words that several rooms write: who made an object, and what it is for.

Nothing is imported here, so that a command or a room can name the product without loading a
library.
"""

# General Equipment (PS3.3 C.7.5.1) and the device observer (TID 1004) of every object.
PRODUCT = "ich-node"

# How the node names itself in associations (PS3.7 D.3.3.2) and in the file meta information that it
# writes (PS3.10 7.1).
IMPLEMENTATION_CLASS_UID = "2.25.90632643035486148973607933431381615073"
# Without a number: an object received before and after an update must give the same file.
IMPLEMENTATION_VERSION_NAME = "ICHNODE"

MOST_CHARACTERS = 64  # of VR LO

# The Verification SOP class (PS3.4 A.4); pydicom has a constant for storage classes alone.
VERIFICATION = "1.2.840.10008.1.1"

# In documents, in Image Comments, and for people at a terminal.
RESEARCH_USE = "Research use only. Not a medical device."
# In one line of text about the product.
FOR_RESEARCH_USE = "For research use only; not a medical device."
# Burned into pictures, and the short form over the original images.
RESEARCH_USE_ONLY = "RESEARCH USE ONLY"
RESEARCH_USE_LABEL = f"{RESEARCH_USE_ONLY} - not a medical device"
# In notifications, which are read without the document that says "unverified".
RESEARCH_USE_NOTIFICATION = "For research use only. Not a medical device. Not verified by a person."
# Wherever a result is shown of a bundle that was made to show the node at work.
DEMONSTRATION_MODEL = "DEMONSTRATION MODEL, NOT FOR PATIENTS"
# How a phantom names its scanner: Manufacturer is PRODUCT.
PHANTOM_MODEL_NAME = "phantom"


def version_name_of_file(version: str) -> str:
    """Implementation Version Name (VR SH, 16 characters) of a file that this version of the
    software made: ICHNODE_0.2.0, and ICHNODE_0.2.0dev of any build before 0.2.0.
    """
    release, before_release, _ = without_build(version).partition(".dev")
    return f"{IMPLEMENTATION_VERSION_NAME}_{release}{'dev' if before_release else ''}"[:16]


def without_build(version: str) -> str:
    """0.2.0.dev20261129 of 0.2.0.dev20261129+g1d33a97."""
    return version.partition("+")[0]


def series_description(
    what: str, *, number: str = "", description: str = "", revision: int = 1, replaced: str = ""
) -> str:
    """Series Description of a series of results: what it is, which series it is about, and that it
    is for research. At most 64 characters (VR LO); the longest form that fits.

    number, description: of the source; replaced: the time of the result that this one replaces.
    """
    later = f" rev {revision}" if revision > 1 else ""
    replaces, repl = (f", {word} {replaced}" if replaced else "" for word in ("replaces", "repl."))
    series, ser, short = (
        (f", series {number}", f", ser. {number}", f", s{number}") if number else ("", "", "")
    )
    described = f"{series or ','} {description}" if description else series
    forms = (
        described + later + replaces,
        series + later + replaces,
        ser + later + repl,
        short + (f" r{revision}" if later else "") + repl,
        later + repl,
        later,
        "",
    )
    texts = [f"ICH AI {what}{form} (research use only)" for form in forms]
    return next(text for text in texts if len(text) <= MOST_CHARACTERS)
