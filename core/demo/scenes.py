"""Every drawn background by its name, as the subjects' table names it."""

from __future__ import annotations

from core.demo import indoors, outdoors
from core.demo.canvas import Painter

SCENES: dict[str, Painter] = {
    "meadow": outdoors.meadow,
    "hills": outdoors.hills,
    "sky": outdoors.sky,
    "sea": outdoors.sea,
    "lake": outdoors.lake,
    "underwater": outdoors.underwater,
    "beach": outdoors.beach,
    "savanna": outdoors.savanna,
    "snow": outdoors.snow,
    "forest": outdoors.forest,
    "night": outdoors.night,
    "storm": outdoors.storm,
    "rain": outdoors.rain,
    "street": outdoors.street,
    "pitch": outdoors.pitch,
    "fair": outdoors.fair,
    "room": indoors.room,
    "table": indoors.table,
    "desk": indoors.desk,
    "paper": indoors.paper,
    "burst": indoors.burst,
    "stage": indoors.stage,
}
