"""The errors of the S3 API, in the XML in which SDKs expect them."""

from __future__ import annotations

from xml.sax.saxutils import escape

from aiohttp import web

_STATUS_CODES = {429: "TooManyRequests", 500: "InternalError", 503: "SlowDown"}


class S3Error(Exception):
    """Answered to the client as an S3 error document. `code` is Amazon's, or R2's where R2 has its own."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @classmethod
    def not_implemented(cls, what: str) -> S3Error:
        return cls(501, "NotImplemented", f"{what} is not implemented by the local bucket.")

    @classmethod
    def access_denied(cls, message: str = "Access Denied") -> S3Error:
        return cls(403, "AccessDenied", message)

    @classmethod
    def injected(cls, status: int) -> S3Error:
        """What a fault rule asked for, in the words that a service in trouble would use."""
        return cls(status, _STATUS_CODES.get(status, "InternalError"), "The local cloud was asked to fail here.")

    def response(self, method: str, resource: str) -> web.Response:
        """A HEAD carries no body, so its client learns only the status: that is how S3 is."""
        if method == "HEAD":
            return web.Response(status=self.status)
        document = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{self.code}</Code><Message>{escape(self.message)}</Message>"
            f"<Resource>{escape(resource)}</Resource></Error>"
        )
        return web.Response(status=self.status, body=document.encode(), content_type="application/xml")
