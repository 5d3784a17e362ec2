"""Associations whose sockets are closed when they end; pynetdicom leaves some to the garbage collector."""

from __future__ import annotations

from ssl import SSLContext
from typing import TYPE_CHECKING, cast

from pynetdicom.ae import ApplicationEntity
from pynetdicom.transport import AssociationSocket, RequestHandler

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.transport import AddressInformation


class ClosedSocket(AssociationSocket):
    """Is closed in the end, also if the other side was gone first, or never there.

    That of pynetdicom is closed only if it could be shut down, which fails where there is no connection any more.
    """

    def _shutdown_socket(self) -> None:
        super()._shutdown_socket()
        if self.socket is not None:
            self.socket.close()


class Entity(ApplicationEntity):
    """Asks for associations; their sockets are closed in the end."""

    def _create_socket(
        self, assoc: Association, address: AddressInformation, tls_args: tuple[SSLContext, str] | None
    ) -> AssociationSocket:
        made = ClosedSocket(assoc, address=address)
        made.tls_args = tls_args
        return made


class Handler(RequestHandler):
    """Of a server: takes part in the associations that others ask for; their sockets are closed in the end."""

    def _create_association(self) -> Association:
        made = super()._create_association()
        cast("AssociationSocket", made.dul.socket).__class__ = ClosedSocket
        return made
