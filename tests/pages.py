"""Pages as tests read them: their elements, well nested, and what an attacker would put into them."""

from html.parser import HTMLParser

ATTACK = '</script><script>alert(1)</script><img src=x onerror=alert(2)> "quoted" & \x1b[31m'
VOID = {"meta", "br", "input", "hr", "link", "col"}


class Outline(HTMLParser):
    """Collects elements and checks that each that opens closes in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    def named(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]
