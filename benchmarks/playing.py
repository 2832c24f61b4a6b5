"""Pictures of the dream that reach a player's eyes in a second: counted in the page, in headless Chromium, a key held down."""

import asyncio
import shutil
import threading

from worldmodel import load
from worldmodel.play.game import Game
from worldmodel.play.server import serve
from worldmodel.settings import DATA
from worldmodel.workbook.tasks import TASKS

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
COUNT = "Number(document.querySelector('canvas').dataset.frames || 0)"


def main(repeats: int = 5, seconds: float = 4.0) -> dict[str, list[float]]:
    if not CHROMIUM:
        print("no Chromium here: nobody plays")
        return {}
    from playwright.sync_api import sync_playwright

    log = TASKS["lander"].log(DATA)[:100]  # flights enough for dreams to begin in
    game = Game(load(DATA / "weights" / "lander").requires_grad_(False), log)
    ready = threading.Event()

    async def run():
        ready.address = serve(game.another)[1]
        ready.set()
        await asyncio.Event().wait()

    threading.Thread(target=asyncio.run, args=(run(),), daemon=True).start()
    ready.wait()
    with sync_playwright() as start:
        browser = start.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page, rates = browser.new_page(), []
        page.goto(ready.address)
        page.keyboard.down("ArrowUp")
        page.wait_for_timeout(1000)
        for _ in range(repeats):
            before, begun = page.evaluate(COUNT), page.evaluate("performance.now()")
            page.wait_for_timeout(1000 * seconds)
            rates.append(1000 * (page.evaluate(COUNT) - before) / (page.evaluate("performance.now()") - begun))
        browser.close()
    print(f"{min(rates):.1f} to {max(rates):.1f} pictures/s")
    return {"play_frames": rates}


if __name__ == "__main__":
    main()
