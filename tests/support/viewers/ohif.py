"""OHIF, as its makers built it, at an address of its own: its files, and the PACS's DICOMweb under
the same origin.
"""

import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

# `make viewer-peers` puts the built viewer here.
DIST = Path(
    os.environ.get(
        "ICH_NODE_OHIF", Path(__file__).parents[3] / ".viewers" / "ohif" / "package" / "dist"
    )
)
DICOM_WEB = "/dicom-web/"
CONFIGURATION = """
window.config = {
  routerBasename: '/', extensions: [], modes: [], showStudyList: true, maxNumberOfWebWorkers: 2,
  showWarningMessageForCrossOrigin: false,
  showCPUFallbackMessage: false, showLoadingIndicator: true,
  strictZSpacingForVolumeViewport: true,
  disableConfirmationPrompts: false, investigationalUseDialog: { option: 'never' },
  defaultDataSourceName: 'pacs',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'pacs',
    configuration: {
      friendlyName: 'PACS', name: 'pacs', wadoUriRoot: '/wado',
      qidoRoot: '/dicom-web', wadoRoot: '/dicom-web',
      qidoSupportsIncludeField: false, imageRendering: 'wadors',
      thumbnailRendering: 'wadors', enableStudyLazyLoad: true,
      supportsFuzzyMatching: false, supportsWildcard: true, omitQuotationForMultipartRequest: true,
    },
  }],
};
"""


class Handler(SimpleHTTPRequestHandler):
    """A page that there is no file for is the application itself; /dicom-web/ is the PACS's."""

    def __init__(self, *arguments: object, pacs: str) -> None:
        self.pacs = pacs
        super().__init__(*arguments, directory=str(DIST))  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.startswith(DICOM_WEB):
            self._pass_on()
        elif path == "/app-config.js":
            self._answer(200, "text/javascript", CONFIGURATION.encode())
        else:
            if not Path(self.translate_path(self.path)).is_file():
                self.path = "/index.html"
            super().do_GET()

    def _pass_on(self) -> None:
        request = urllib.request.Request(
            self.pacs + self.path, headers={"Accept": self.headers.get("Accept", "*/*")}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                self._answer(answer.status, answer.headers.get("Content-Type", ""), answer.read())
        except urllib.error.HTTPError as error:
            self._answer(error.code, "text/plain", error.read())

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The console is pytest's."""


@contextmanager
def serving(pacs: str) -> Iterator[str]:
    """The viewer's address on 127.0.0.1; pacs: the URL of an Orthanc with its DICOMweb plugin."""
    if not (DIST / "index.html").is_file():
        pytest.skip(f"OHIF is not at {DIST} (make viewer-peers)")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, pacs=pacs))
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
