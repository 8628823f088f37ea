"""What is said of a server that cannot be used, before anything is put onto it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from cube.errors import ConfigError
from flows.server import require_server


class Server(BaseHTTPRequestHandler):
    """Says to anybody that it is healthy, and answers the rest as its test wants it."""

    answer: tuple[int, object] = (200, "")

    def do_GET(self) -> None:
        status, body = (200, True) if self.path.endswith("/health") else self.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_) -> None:
        """Say nothing on the terminal."""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, "99.0.0"), "incompatible versions: client: .*, server: 99.0.0"),
        ((401, {"exception_message": "Unauthorized"}), "401.*PREFECT_API_AUTH_STRING"),
        ((404, {"detail": "Not Found"}), "404.*PREFECT_API_URL, which ends in /api"),
    ],
)
def test_a_server_of_no_use_is_a_sentence(answer, said, monkeypatch):
    monkeypatch.setattr(Server, "answer", answer)
    server = HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with (
            temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{server.server_port}/api"}),
            pytest.raises(ConfigError, match=said),
        ):
            require_server()
    finally:
        server.shutdown()
        server.server_close()


def test_no_server_of_its_own_is_started_to_install_on():
    with (
        temporary_settings(restore_defaults={PREFECT_API_URL}),
        pytest.raises(ConfigError, match=r"names no Prefect server: run `\. deployments/env\.sh`"),
    ):
        require_server()
