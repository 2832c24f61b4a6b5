"""Seconds of training until a straight line reads g from one state after 20 frames with R2 of 0.9 or more, on clips not seen.

Each number of seconds is a whole training run of its own; the steps that fit into it are timed first, and not counted.
"""

import tempfile

from worldmodel.evaluation import open_sets
from worldmodel.probing import r2
from worldmodel.workbook.families import Family, run_family

BUDGETS, ASKED, SHARE = (10, 15, 20, 30, 45, 60), 0.9, 0.3


def main() -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        g = open_sets("ball", "clean", folder, SHARE, progress=False)["test"].truth["g"]
        for seconds in BUDGETS:
            found = run_family(Family(clips=1000, seconds=seconds), "clean", 0, folder, SHARE, progress=False)
            spent, reached = float(found["fit_seconds"]), r2(g, found["g.test.k20"])
            print(f"{spent:.0f} s of training, {found['steps'].tolist()} steps: R2 of g {reached:.3f}", flush=True)
            if reached >= ASKED:
                return {"seconds_to_r2_90": [spent]}
    return {"seconds_to_r2_90": [float("inf")]}


if __name__ == "__main__":
    main()
