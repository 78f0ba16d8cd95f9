"""A registry for npm with the packages of a folder in it, for as long as a test runs."""

import base64
import contextlib
import hashlib
import http.server
import json
import tarfile
import threading
import urllib.parse


def _packages(folder):
    """Each package by its name: its manifest and its file."""
    found = {}
    for path in folder.glob("*.tgz"):
        with tarfile.open(path) as archive:
            manifest = json.load(archive.extractfile("package/package.json"))
        found[manifest["name"]] = (manifest, path)
    return found


@contextlib.contextmanager
def serving(folder):
    """Serves the packages; gives the address."""
    packages = _packages(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked = urllib.parse.unquote(self.path.lstrip("/"))
            if asked in packages:
                manifest, path = packages[asked]
                content = path.read_bytes()
                integrity = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
                dist = {"tarball": f"{address}/-/{path.name}", "integrity": integrity}
                version = manifest["version"]
                answer = {
                    "name": asked,
                    "dist-tags": {"latest": version},
                    "versions": {version: {**manifest, "dist": dist}},
                }
                self.answer(200, json.dumps(answer).encode())
            elif asked.startswith("-/") and (folder / asked[2:]).is_file() and "/" not in asked[2:]:
                self.answer(200, (folder / asked[2:]).read_bytes())
            else:
                self.answer(404, b"{}")

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()
