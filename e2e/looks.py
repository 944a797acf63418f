"""What every page and dialog has to be: accessible to axe, and no wider than its window. A screenshot of each is kept."""

import re

from playwright.sync_api import expect


class Looks:
    """The pages of one console, as it looks at one size and in one mode."""

    def __init__(self, console, prefix, size, dark):
        self.console, self.prefix, self.width = console, prefix, size[0]
        self.name = f"{size[0]}-{'dark' if dark else 'light'}"
        self.problems, self.missing = [], {}

    def open(self, path):
        self.console.open(path)
        expect(self.console.page.locator("h1").first).to_be_visible()
        expect(self.console.page.get_by_text("Loading", exact=True)).to_have_count(0)

    def look(self, name):
        page = self.console.page
        page.wait_for_timeout(600)
        self.console.shot(f"{self.prefix}-{name}-{self.name}")
        found = self.console.axe()
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > self.width:
            found.append(f"is {width} pixels wide")
        self.problems += [f"{name}: {each}" for each in found]

    def dialogs(self, page_name, *buttons):
        """Looks at the dialog behind each button that the page has and that works: of a menu when it is called `menu: item`."""
        page, console = self.console.page, self.console
        for button in buttons:
            menu, _, item = button.rpartition(": ")
            opener = console.button(menu or button)
            self.missing.setdefault(button, True)
            if opener.count() != 1 or not opener.is_enabled():
                continue
            opener.click()
            if menu:
                page.get_by_role("menuitem", name=item, exact=True).click()
            dialog = page.get_by_role("dialog")
            expect(dialog).to_be_visible()
            self.look(f"{page_name}-{re.sub(r'[^a-z]+', '-', button.lower())}")
            dialog.get_by_role("button", name="Cancel").click()
            self.missing[button] = False

    def end(self):
        assert [button for button, missed in self.missing.items() if missed] == [], "on no page"
        assert self.problems == [], "\n".join(self.problems)
