"""The listener's side of an association: what is replaced and read of pynetdicom, and why.

pynetdicom 3.0 has no limit on the size of a PDU or message and no deadline within one, polls with
two threads for each association, and needs 2 ms of CPU for the commands of one object. This package
replaces the parts that cause it. It keeps PDUs, negotiation, the actions of the state machine, and
all messages but C-STORE. Beside pynetdicom's AE and its documented events it uses these names
(`override`: a method or property of a subclass; `set`: an attribute of an instance; `read`: an
attribute or method that is used):

transport.RequestHandler
  override  handle                 tells the service that its association started or failed
  override  _create_association    puts the parts below in before the threads start

transport.AssociationSocket
  override  ready                  bytes in our buffer are ready, too
  override  recv                   a PDU has a size limit and a deadline
  override  _shutdown_socket       closes a socket that the peer closed first, too
  read      socket                 is read without upstream's loop
  read      send                   sends the C-STORE response
  read      close                  when the state machine ends an association

transport.ThreadedAssociationServer
  read      socket                 listens and accepts without serve_forever
  read      ssl_context            wraps a connection before its handshake
  read      active_associations    are aborted when the node stops

dul.DULServiceProvider
  override  run_reactor            waits for events; upstream polls every millisecond
  override  kill_dul               wakes the network thread
  override  _read_pdu_data         P-DATA is not copied eight times
  set       socket                 BoundedTransport
  set       state_machine          TolerantStateMachine
  set       to_user_queue          NotifyingQueue: wakes the association's thread
  set       to_provider_queue      NotifyingQueue: wakes the network thread
  read      assoc                  the association of this network thread
  read      event_queue            events for the state machine
  read      artim_timer            its expiry is an event
  read      _idle_timer            is restarted after each PDU
  read      _process_recv_primitive  the event of the next primitive that is to be sent
  read      _is_transport_event    reads a PDU, or the end of the connection
  read      _kill_thread           the network thread ends when it is set

fsm.StateMachine
  override  do_action              ends the association where upstream's thread would die
  read      current_state          Sta1, Sta6 and Sta13 are special
  read      dul                    its queues and its association

fsm
  read      TRANSITION_TABLE       which event each state allows; its keys are in state_machine.py

dimse.DIMSEServiceProvider
  override  send_msg               counts the N-EVENT-REPORTs that are being served
  set       msg_queue              NotifyingQueue: wakes the association's thread
  set       message                the command of a message that upstream decodes
  read      assoc                  whether the association is open, its contexts
  read      dul                    its event queue
  read      receive_primitive      decodes all messages but C-STORE

dimse_messages.DIMSEMessage
  set       data_set               BoundedIdentifier: it has a size limit

pdu_primitives.P_DATA
  read      presentation_data_value_list  the fragments that upstream decodes

association.Association
  set       dimse                  BoundedDimse
  set       dul                    Reactor
  set       _reactor_checkpoint    WaitingCheckpoint: the association's thread waits for work
  set       _kill                  ends the association's thread; kill() would wait for ours
  set       is_aborted             as upstream does when a connection broke
  set       is_established         as upstream does when a connection broke
  read      _accepted_cx           the presentation context of a C-STORE
  read      _dul_ready             run_reactor sets it: the network thread runs
  read      acceptor               its presentation contexts
  read      requestor              its request, its AE title for the log

association.ServiceUser
  set       supported_contexts     in the sender's order; more for some senders
  read      primitive              the A-ASSOCIATE request; None if it was not decoded
  read      ae_title               for the log

presentation.PresentationContext
  read      as_tuple               the SOP class and transfer syntax of a C-STORE

timer.Timer
  read      start                  of the idle timer
  read      restart                of the idle timer
  read      expired                of ARTIM

tests/network/test_pynetdicom_contract.py reads this list. It checks that each name exists in the
installed pynetdicom, that the list is complete, and that each override is called in real
associations.
"""
