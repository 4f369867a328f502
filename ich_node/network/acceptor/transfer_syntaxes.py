"""Which transfer syntax is accepted for a presentation context."""

from pynetdicom.events import Event


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
