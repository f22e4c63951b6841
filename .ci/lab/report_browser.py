"""Chromium without a window, driven over WebDriver and the DevTools protocol by chromedriver."""

import base64
import json
import os
import subprocess
import urllib.error
import urllib.request


class Browser:
    def __init__(self, script=True):
        self.script = script

    def __enter__(self):
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for line in self.driver.stdout:
            if "started successfully on port" in line:
                self.base = f"http://127.0.0.1:{line.split()[-1].rstrip('.')}/session"
                break
        else:
            raise SystemExit("chromedriver did not start")
        arguments = ["--headless=new", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"]
        if os.getuid() == 0:
            arguments.append("--no-sandbox")
        options = {"args": arguments}
        if not self.script:
            options["prefs"] = {"profile.managed_default_content_settings.javascript": 2}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = self.ask("", {"capabilities": {"alwaysMatch": wanted}})
        self.base += f"/{session['sessionId']}"
        return self

    def __exit__(self, *_):
        try:
            self.ask("", method="DELETE")
        finally:
            self.driver.terminate()
            self.driver.wait()

    def ask(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{path}: {error.read().decode()}") from None

    def devtools(self, command, **parameters):
        return self.ask("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def look(self, theme, width):
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )

    def open(self, url):
        self.ask("/url", {"url": url})

    def run(self, script, *args):
        return self.ask("/execute/sync", {"script": script, "args": args})

    def picture(self, width, height=None):
        """The page as PNG, whole or from its top."""
        height = height or self.run("return document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(shot["data"])

    def element(self, selector):
        found = self.ask("/element", {"using": "css selector", "value": selector})
        return f"/element/{next(iter(found.values()))}"

    def type(self, selector, text):
        self.ask(self.element(selector) + "/value", {"text": text})

    def count(self, selector):
        return len(self.ask("/elements", {"using": "css selector", "value": selector}))

    def shows(self, selector):
        return self.ask(self.element(selector) + "/displayed")

    def tab(self):
        keys = [{"type": "keyDown", "value": "\ue004"}, {"type": "keyUp", "value": "\ue004"}]
        self.ask("/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": keys}]})

    def tree(self):
        """The accessibility tree."""
        self.devtools("Accessibility.enable")
        return self.devtools("Accessibility.getFullAXTree")["nodes"]

    def complaints(self):
        """What the console says."""
        return [entry["message"] for entry in self.ask("/se/log", {"type": "browser"})]
