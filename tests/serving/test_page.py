"""The page in a real browser: what one presses, moves and uploads changes what one sees."""

import pathlib
import time

import numpy as np
import pytest
from PIL import Image
from serving_process import running

pytest.importorskip("starlette", reason="needs the extra `serve`")
playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")

CHROMIUM = pathlib.Path("/usr/bin/chromium")  # Debian's
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs {CHROMIUM}"),
]


@pytest.fixture(scope="module")
def server(saved_model, tmp_path_factory):
    with running(saved_model, tmp_path_factory.mktemp("log") / "stderr.txt") as server:
        yield server


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=SIZES)
def page(request, server, browser):
    """The page, drawn; at the end nothing went wrong in it and nothing came from elsewhere."""
    width, height = SIZES[request.param]
    context = browser.new_context(viewport={"width": width, "height": height})
    page, faults, asked = context.new_page(), [], []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.url)
    wait(page, "document.querySelectorAll('.tiles [data-end]').length === 2")
    wait(page, "frames !== null && $('decoded').width === 8")
    yield page
    assert faults == []
    assert [url for url in asked if not url.startswith((server.url, "data:", "blob:"))] == []
    wide, seen = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide == seen  # nothing to scroll sideways
    context.close()


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A file of 8 x 8 pixels, and those pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
    path = tmp_path_factory.mktemp("image") / "image.png"
    Image.fromarray(pixels).save(path)
    return path, pixels


def wait(page, expression):
    """Until it is true. The page's own policy forbids what `page.wait_for_function` does."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {expression}")


def pixels(page, selector):
    """The grey values that a canvas shows, uint8 [H, W]."""
    values = page.eval_on_selector(
        selector,
        "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)",
    )
    return np.array(values, np.uint8).reshape(8, 8, 4)[..., 0]


def changes(page, selector, act):
    """Whether a canvas shows something else, soon after an action."""
    before = pixels(page, selector)
    act()
    deadline = time.monotonic() + 10
    while (same := np.array_equal(pixels(page, selector), before)) and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    return not same


def set_slider(page, selector, value):
    page.eval_on_selector(
        selector, "(s, v) => { s.value = v; s.dispatchEvent(new Event('input')); }", value
    )


def test_new_images_are_drawn_and_have_another_seed(page):
    seed = page.text_content("#seed")
    assert changes(page, ".tiles button:nth-child(3) canvas", lambda: page.click("#draw"))
    assert page.text_content("#seed") != seed


def test_stage_1_draws_other_images_that_are_no_ends(page):
    assert changes(page, ".tiles canvas", lambda: page.click("text=stage 1 alone"))
    page.wait_for_selector(".tiles button:disabled")
    assert changes(page, ".tiles canvas", lambda: page.click("text=both stages"))


def test_the_walk_goes_from_one_end_to_the_other(page):
    set_slider(page, "#walk", 0)
    np.testing.assert_array_equal(pixels(page, "#between"), pixels(page, "#end-a"))
    assert changes(page, "#between", lambda: set_slider(page, "#walk", 16))
    set_slider(page, "#walk", 32)
    np.testing.assert_array_equal(pixels(page, "#between"), pixels(page, "#end-b"))
    assert page.text_content("#walk-value") == "100 %"


def test_a_sample_becomes_an_end(page):
    assert changes(page, "#end-a", lambda: page.click(".tiles button:nth-child(5)"))
    assert page.get_attribute(".tiles button:nth-child(5)", "data-end") == "A"
    assert page.get_attribute(".tiles button:nth-child(1)", "data-end") is None


def test_an_upload_becomes_an_end(page, image):
    assert changes(page, "#end-b", lambda: page.set_input_files("#upload-b", image[0]))
    assert "image.png" in page.inner_text("figure:has(#end-b)")


def test_a_slider_changes_the_image_and_reset_takes_it_back(page):
    start = pixels(page, "#decoded")
    first = page.locator("#active input").first
    assert first.get_attribute("id") == "z3"  # the least lambda
    assert changes(page, "#decoded", lambda: set_slider(page, "#z3", 3))
    wait(page, "$('change').textContent !== '0.0 %'")
    page.click("#reset")
    wait(page, "$('change').textContent === '0.0 %'")
    np.testing.assert_array_equal(pixels(page, "#decoded"), start)


def test_sliders_follow_the_keyboard(page):
    page.focus("#z1")
    assert changes(page, "#decoded", lambda: [page.keyboard.press("ArrowRight") for _ in range(20)])


def test_superfluous_directions_come_last_and_are_called_so(page):
    assert "2 active" in page.inner_text("#active h3")
    assert "2 superfluous: they do next to nothing" in page.inner_text("#superfluous h3")
    assert page.locator("#superfluous input").count() == 2


def test_an_upload_is_reconstructed(page, image):
    path, expected = image
    page.set_input_files("#upload", path)
    page.wait_for_selector("#pair:not([hidden])")
    wait(page, "$('again').width === 8")
    np.testing.assert_array_equal(pixels(page, "#seen"), expected)
    assert not np.array_equal(pixels(page, "#again"), expected)


def test_a_bad_upload_is_told_and_the_page_goes_on(page, image, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    page.set_input_files("#upload", tmp_path / "text.png")
    wait(page, "$('reconstruct-status').textContent !== ''")
    assert "no image of the kinds" in page.text_content("#reconstruct-status")
    page.set_input_files("#upload", image[0])
    page.wait_for_selector("#pair:not([hidden])")
    assert page.text_content("#reconstruct-status") == ""


def test_everything_has_a_name_and_is_large_enough_for_a_finger(page):
    nameless = page.evaluate("""() => [...document.querySelectorAll("button,input,select,canvas")]
        .filter(one => !(one.labels?.length || one.getAttribute("aria-label") ||
                         one.textContent.trim() || one.closest("button[aria-label]")))
        .map(one => one.outerHTML)""")
    assert nameless == []
    low = page.evaluate("""() => [...document.querySelectorAll("button, .upload, select")]
        .filter(one => one.offsetHeight > 0 && one.offsetHeight < 44).map(one => one.outerHTML)""")
    assert low == []
