"""The console in other languages, proved with one that nobody speaks: English with accents, in brackets and longer."""

import re

import pytest
from browser import NARROW, WIDE, chrome, open_console  # noqa: F401
from test_console_pages import furnished  # noqa: F401

PSEUDO = "localStorage.setItem('adit.language', 'en-XA')"

# Every text that is shown or read aloud, without what stands in brackets: `[Šîžé~~]`, also one in another. Code, documents
# and identifiers are of no language, and the server speaks English.
LEFT = r"""() => {
  const found = new Set();
  const look = (text) => {
    let [rest, before] = [text, ''];
    while (rest !== before) [rest, before] = [rest.replace(/\[[^[\]]*~\]/g, ' '), rest];
    rest = rest.replace(/\s+/g, ' ').trim();
    if (/\p{L}{2}/u.test(rest)) found.add(rest);
  };
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('pre, code, textarea, .token, [lang=en], noscript, script, style') || !element.checkVisibility()) continue;
    const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data);
    look(own.join(' '));
    for (const name of ['aria-label', 'aria-description', 'placeholder', 'title', 'alt']) look(element.getAttribute(name) ?? '');
  }
  return [...found];
}"""

# What pages show of things and not in a language: names, identifiers, addresses, dates.
DATA = re.compile(
    r"(?:adit(?: [\d.]+)?|SSH|DEFAULT|lamp1|Lamp|policy-\w+|root|the lamp in the hall|an old one|site|hall"
    r"|localhost(?::\d+)?|[\w-]+\.localhost|us-east-1|eu-west-1|[0-9a-f-]{12,}|[0-9a-f]{8} …|arn:\S+|console-[0-9a-f]+|iot:\w+"
    r"|\w{3} \d+, \d{4},|\d+:\d+:\d+(?:\.\d+)?|[AP]M|\d+ (?:days?|hr|min|sec)(?:\.? ago)?|now|[\W\d_])+"
)


def untranslated(page):
    return [text for text in page.evaluate(LEFT) if not DATA.fullmatch(text)]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280", "400"])
def test_every_page_is_of_the_chosen_language_and_fits(open_console, furnished, size):
    console = open_console(size=size)
    page = console.page
    page.add_init_script(PSEUDO)
    console.open()
    page.get_by_role("heading", name="[Šîĝñ îñ ţö åðîţ").first.wait_for()
    problems = {"sign-in": untranslated(page) + console.axe()}
    page.goto(console.link())
    page.get_by_role("heading", name="[Ţûññéļš").first.wait_for()
    assert page.evaluate("document.documentElement.lang") == "en-XA"
    for name, path in furnished.items():
        console.open(path)
        page.locator("h1").first.wait_for()
        page.wait_for_timeout(1_000)
        console.shot(f"pseudo-{name}-{size[0]}")
        problems[name] = untranslated(page) + console.axe()
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > size[0]:
            problems[name].append(f"is {width} pixels wide")
    assert {name: found for name, found in problems.items() if found} == {}


def test_the_language_is_chosen_in_the_top_bar(open_console):
    console = open_console().sign_in()
    page = console.page
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.get_by_role("button", name="Language").count() == 0
    page.evaluate(PSEUDO)
    console.open("#/things?filter=x")
    page.reload()
    page.get_by_role("button", name="[Ļåñĝûåĝé").click()
    page.get_by_role("menuitemcheckbox", name="English").click()
    page.get_by_role("heading", name="Things").first.wait_for()
    assert page.url.endswith("#/things?filter=x")
