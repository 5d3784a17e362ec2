"""The DICOM listener: storage and verification, for those who may."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from hilum.errors import SettingsError
from hilum.settings import NodeSettings

from .intake import take_file
from .log import defect, tell
from .queue import Queue
from .secure import Network, is_allowed, networks, server_context
from .sop import CLASSES, SYNTAXES

if TYPE_CHECKING:
    from pynetdicom.events import Event

SUCCESS, OUT_OF_RESOURCES, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000

HANDSHAKE_SECONDS = 10.0
"""Longest time that TLS may take to begin."""

ANSWERS = {
    "stored": SUCCESS,
    "duplicate": SUCCESS,
    "own": SUCCESS,
    "bad": CANNOT_UNDERSTAND,
    "full": OUT_OF_RESOURCES,
}
"""Status of C-STORE for what became of an object. A result of ours that comes back is let go: its study has it."""


class Listener:
    """A storage SCP whose objects go into the queue.

    Parameters
    ----------
    queue : takes the objects
    settings : of the node

    Raises
    ------
    SettingsError
        It cannot listen at its address, or its lists or certificates cannot be read.
    """

    def __init__(self, queue: Queue, settings: NodeSettings) -> None:
        from pynetdicom import _config, evt

        from .association import Handler

        _config.STORE_RECV_CHUNKED_DATASET = True  # objects go to a file as they come, and not into memory
        server_class = _server_class(networks(settings.allow_hosts))
        self._queue = queue
        entity = _entity(settings)
        handlers: list[Any] = [(evt.EVT_C_STORE, self._store), (evt.EVT_REJECTED, _rejected)]
        try:
            self._server: Any = entity.make_server(
                (settings.host, settings.port),
                ssl_context=server_context(settings),
                evt_handlers=handlers,
                server_class=server_class,
                request_handler=Handler,
            )
        except OSError as error:
            raise SettingsError(
                f"Cannot listen at {settings.host}:{settings.port}: {error.strerror or error}. Change node.host or "
                "node.port, or stop what listens there."
            ) from error
        entity._servers.append(self._server)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # as start_server
        self._entity = entity
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="listener", daemon=True).start()

    def stop(self) -> None:
        """Take no more; senders that were not answered send again another time."""
        self._entity.shutdown()

    def _store(self, event: Event) -> int:
        """Answer one C-STORE, when the object is safe."""
        instance = str(event.request.AffectedSOPInstanceUID)  # type: ignore[union-attr]
        try:
            fate = take_file(self._queue, event.dataset_path, expected=instance)
        except OSError as error:
            defect("arrival", error)
            return OUT_OF_RESOURCES
        except Exception as error:  # noqa: BLE001 - the sender hears that it was not stored, and the node lives on
            defect("arrival", error)
            return CANNOT_UNDERSTAND
        return ANSWERS[fate]


def _rejected(event: Event) -> None:
    tell("association-rejected", level=logging.WARNING, address=str(event.assoc.requestor.address))


def _server_class(allowed: Sequence[Network]) -> Any:
    """The server of pynetdicom, for the addresses that may connect; none listed lets all."""
    from pynetdicom.transport import ThreadedAssociationServer

    class Server(ThreadedAssociationServer):
        """Closes connections from other addresses before a word is said; TLS begins in the thread of each."""

        daemon_threads = True  # whoever is slow at TLS does not hold up the end of the node

        def get_request(self) -> tuple[Any, Any]:
            client, address = cast("socket.socket", self.socket).accept()
            try:
                if not is_allowed(str(address[0]), allowed):
                    tell("connection-refused", level=logging.WARNING, address=str(address[0]))
                    raise ConnectionRefusedError
                if self.ssl_context:
                    client = self.ssl_context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
            except OSError:
                client.close()
                raise  # which the server takes for a connection that did not come about
            return client, address

        def process_request_thread(self, request: Any, client_address: Any) -> None:
            if self.ssl_context:
                try:
                    request.settimeout(HANDSHAKE_SECONDS)
                    request.do_handshake()
                    request.settimeout(None)
                except OSError:
                    request.close()
                    return
            super().process_request_thread(request, client_address)

    return Server


def _entity(settings: NodeSettings) -> Any:
    """Who the node is to its senders, and what it takes of them."""
    from pynetdicom.ae import ApplicationEntity

    entity = ApplicationEntity(ae_title=settings.ae_title)
    entity.maximum_associations = settings.associations
    entity.require_called_aet = True
    entity.require_calling_aet = list(settings.allow_ae)
    entity.network_timeout = entity.dimse_timeout = 120
    entity.add_supported_context("1.2.840.10008.1.1")
    for sop_class in CLASSES:
        entity.add_supported_context(sop_class, list(SYNTAXES))
    return entity
