# SPDX-License-Identifier: MIT
"""Headless Chromium by its DevTools protocol over a pipe: opens a file at a size and in a colour scheme,
collects what the console says, asks the page questions, takes pictures. No port, no driver."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time


def program():
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    def __init__(self, seconds=60):
        self.seconds = seconds
        self.home = tempfile.mkdtemp(prefix="wend-chromium-")
        # The browser reads commands from descriptor 3 and answers on 4.
        their_in, our_out = os.pipe()
        our_in, their_out = os.pipe()
        self.out, self.input, self.buffer = our_out, our_in, b""
        shell = "exec 3<&%d 4>&%d; exec \"$@\"" % (their_in, their_out)
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "browser", program(), "--headless=new", "--no-sandbox", "--disable-gpu",
             "--remote-debugging-pipe", "--user-data-dir=" + self.home, "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
             "--disable-dev-shm-usage", "about:blank"],
            pass_fds=(their_in, their_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        os.close(their_in)
        os.close(their_out)
        self.serial, self.events, self.session = 0, [], None
        pages = [t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        target = pages[0]["targetId"] if pages else self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired, TimeoutError, RuntimeError):
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        os.close(self.input)
        shutil.rmtree(self.home, ignore_errors=True)

    def _read(self, end):
        while b"\0" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.input], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            more = os.read(self.input, 1 << 16)
            if not more:
                raise RuntimeError("the browser went away")
            self.buffer += more
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.serial += 1
        message = {"id": self.serial, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + self.seconds
        while True:
            answer = self._read(end)
            if answer.get("id") == self.serial:
                if "error" in answer:
                    raise RuntimeError("%s: %s" % (method, answer["error"]["message"]))
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        end = time.monotonic() + self.seconds
        while not any(e.get("method") == method for e in self.events):
            self.events.append(self._read(end))

    def open(self, path, width, height, dark=False):
        self.events.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url="file://" + os.path.abspath(path))
        self.wait("Page.loadEventFired")

    def ask(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return answer["result"].get("value")

    def complaints(self):
        """What the console said and which requests left the file."""
        out = []
        for e in self.events:
            p = e.get("params", {})
            if e.get("method") == "Log.entryAdded":
                out.append(p["entry"]["text"])
            elif e.get("method") == "Runtime.exceptionThrown":
                out.append(p["exceptionDetails"]["text"])
            elif e.get("method") == "Runtime.consoleAPICalled":
                out.append(str(p["args"]))
            elif e.get("method") == "Network.requestWillBeSent" and \
                    not p["request"]["url"].startswith(("file:", "data:")):
                out.append("request of " + p["request"]["url"])
        return out

    def picture(self, path):
        """The whole page as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16000),
                               "scale": 1})["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))
