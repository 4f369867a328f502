"""Which transfer syntax is accepted for a presentation context, and which contexts are accepted
beside those of the node.
"""

from collections.abc import Callable, Mapping, Sequence

from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.presentation import PresentationContext, build_context


def prefer_as_proposed(event: Event) -> None:
    """EVT_REQUESTED: accept the first transfer syntax of each context that the sender proposes and
    we support.

    pynetdicom follows the acceptor's order. The sender's first choice is the syntax that it has the
    objects in, so that nothing is transcoded on the way.
    """
    request = event.assoc.requestor.primitive
    assert request is not None
    for own in event.assoc.acceptor.supported_contexts:
        proposed = [
            str(syntax)
            for context in request.presentation_context_definition_list
            if context.abstract_syntax == own.abstract_syntax
            for syntax in context.transfer_syntax
        ]
        own.transfer_syntax = sorted(
            own.transfer_syntax,
            key=lambda syntax: proposed.index(syntax) if syntax in proposed else len(proposed),
        )


def accept_only(association: Association, abstract_syntaxes: Mapping[str, Sequence[str]]) -> None:
    """Before the negotiation: accept these, each with its transfer syntaxes, and no others."""
    association.acceptor.supported_contexts = [
        build_context(abstract_syntax, list(transfer_syntaxes))
        for abstract_syntax, transfer_syntaxes in abstract_syntaxes.items()
    ]


def accept_also(association: Association, is_wanted: Callable[[str], bool]) -> None:
    """Before the negotiation: accept what this sender proposes and is wanted, with the first of the
    transfer syntaxes that it proposes.
    """
    request = association.requestor.primitive
    assert request is not None
    own = association.acceptor.supported_contexts
    known = {context.abstract_syntax for context in own}
    proposed: dict[str, list[str]] = {}
    for context in request.presentation_context_definition_list:
        abstract_syntax = context.abstract_syntax
        if abstract_syntax and abstract_syntax not in known and is_wanted(abstract_syntax):
            proposed.setdefault(abstract_syntax, []).extend(map(str, context.transfer_syntax))
    also: list[PresentationContext] = [
        build_context(abstract_syntax, list(dict.fromkeys(syntaxes)))
        for abstract_syntax, syntaxes in proposed.items()
    ]
    association.acceptor.supported_contexts = [*own, *also]
