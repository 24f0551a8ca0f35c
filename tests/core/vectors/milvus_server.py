"""A server that speaks Milvus's protocol on a port, for tests: milvus-lite's own, with what only a real one has."""

from __future__ import annotations

import base64
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from milvus_lite.adapter.grpc.servicer import MilvusServicer
from milvus_lite.db import MilvusLite
from pymilvus.grpc_gen import milvus_pb2_grpc


class Servicer(MilvusServicer):
    """Fills filter templates in, as a real Milvus does, and counts its calls."""

    def __init__(self, database: MilvusLite) -> None:
        super().__init__(database)
        self.calls: list[str] = []
        self.templates: list[str] = []

    def Search(self, request: Any, context: Any) -> Any:
        self.calls.append("Search")
        return super().Search(self._filled(request, "dsl"), context)

    def Query(self, request: Any, context: Any) -> Any:
        self.calls.append("Query")
        return super().Query(self._filled(request, "expr"), context)

    def Delete(self, request: Any, context: Any) -> Any:
        return super().Delete(self._filled(request, "expr"), context)

    def _filled(self, request: Any, field: str) -> Any:
        filled = type(request)()
        filled.CopyFrom(request)
        expression = getattr(request, field)
        for name, value in request.expr_template_values.items():
            self.templates.append(expression)
            numbers = ",".join(map(str, value.array_val.long_data.data))
            expression = expression.replace(f"{{{name}}}", f"[{numbers}]")
        setattr(filled, field, expression)
        return filled


class _Doorkeeper(grpc.ServerInterceptor):
    """Refuses calls without the token, in the words of a real server, which repeats what it was told."""

    def __init__(self, token: str) -> None:
        self._wanted = base64.b64encode(token.encode()).decode()

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        given = dict(details.invocation_metadata).get("authorization", "")
        if given == self._wanted:
            return continuation(details)

        def refuse(request: Any, context: Any) -> None:
            said = base64.b64decode(given).decode()
            context.abort(grpc.StatusCode.UNAUTHENTICATED, f"auth check failure, please check {said} is correct")

        return grpc.unary_unary_rpc_method_handler(refuse)


class Server:
    """Can be stopped and started again on the same port, over the same files."""

    def __init__(self, folder: Path, *, token: str | None = None) -> None:
        self._folder, self._token = folder, token
        self.port = 0
        self.start()

    def start(self) -> None:
        self._database = MilvusLite(str(self._folder))
        self.servicer = Servicer(self._database)
        doorkeepers = [_Doorkeeper(self._token)] if self._token else []
        self._server = grpc.server(futures.ThreadPoolExecutor(4), interceptors=doorkeepers)
        milvus_pb2_grpc.add_MilvusServiceServicer_to_server(self.servicer, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def setting(self) -> str:
        return f"milvus:http://{self.host}"

    def stop(self) -> None:
        self._server.stop(grace=0).wait()
        self._database.close()
