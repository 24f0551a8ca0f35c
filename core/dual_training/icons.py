"""Training pictures of icons: the glyphs of free icon fonts, in any colours, with their names as captions.

Silhouettes by many hands: with them the encoder learns what drawn things have in common, not one artist's style. The
fonts lie in the package qtawesome, which is not imported (it wants Qt): Material Design Icons and Remix Icon
(Apache-2.0), Font Awesome Free (SIL OFL 1.1), Phosphor (MIT).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageFont

from core.dual_training.grounds import SIDE, any_colour, draw_ground, draw_halo
from core.encoders.packaged_weights import package_folder

FONTS = (
    "materialdesignicons6-webfont{}-6.9.96",
    "fontawesome6-solid-webfont{}-6.7.2",
    "phosphor{}-1.3.0",
    "remixicon{}-2.5.0",
)

STYLES = {"outline", "variant", "fill", "line", "solid", "simple", "alt", "bold"}
"""Ends of names that tell how a thing is drawn and not what it is."""
OTHER_WEIGHTS = {"thin", "light", "duotone"}
"""Hairlines, of which little is left in a small picture."""
INTERFACE = re.compile(
    r"\b(account|add|alarm|alert|align|alpha|amazon|android|angle|angular|api|apple|archive|arrow|"
    r"arrows|at|aws|axis|azure|backward|badge|bank|battery|bell|bitcoin|bluetooth|bookmark|border|"
    r"box|brand|button|calendar|cancel|caption|card|caret|cash|chart|chat|check|checkbox|chevron|"
    r"circle|clipboard|clock|closed|cloud|code|cog|cogs|collapse|comment|content|cpu|credit|crop|"
    r"css|currency|cursor|database|debian|delete|docker|dollar|dots|download|drag|edit|email|"
    r"ethernet|euro|exclamation|expand|export|facebook|fast|file|filter|flip|folder|font|form|format|"
    r"forward|fullscreen|function|gate|gear|gesture|git|github|gitlab|go|google|graph|grid|hashtag|"
    r"hd|hdmi|heading|help|html|import|inbox|indent|info|instagram|italic|java|json|k|kotlin|"
    r"kubernetes|label|lan|language|layers|letter|link|linux|list|location|lock|logo|lte|magnify|"
    r"map|marker|math|maximize|memory|menu|message|microsoft|minimize|minus|more|network|nfc|"
    r"nintendo|nodejs|npm|number|numeral|numeric|off|outdent|p|page|paragraph|pause|paypal|percent|"
    r"php|pin|play|playstation|plug|plus|port|pound|power|progress|python|question|quote|radio|"
    r"react|record|reddit|redo|remove|repeat|resize|rewind|roman|rotate|router|ruby|rust|sd|select|"
    r"selection|send|serial|server|settings|shape|share|shuffle|sign|signal|sim|skip|skype|slack|"
    r"sort|speaker|spellcheck|square|star|steam|step|stop|strikethrough|subscript|subtitles|"
    r"superscript|swift|switch|symbol|sync|table|tag|telegram|text|timer|toggle|translate|tumblr|"
    r"twitch|twitter|ubuntu|underline|undo|unity|upload|usb|user|variable|vector|video|view|vimeo|"
    r"visa|volume|vue|wan|web|whatsapp|wifi|window|windows|www|x|xbox|xml|yen|youtube|z|zoom)\b"
)
"""Words of user interfaces and of brands, which no search for pictures asks for."""

GLYPH_SIDE = 256
MOST_GLYPHS = 4
"""Of one thing, so that what every font has does not outweigh the rest."""


@dataclass(frozen=True, slots=True)
class Icon:
    """One glyph: ``name`` says what it shows, ``font`` is the file's name below qtawesome's fonts."""

    name: str
    font: str
    glyph: str


def read_icons() -> dict[str, list[Icon]]:
    """What is shown -> up to four glyphs that show it, ordered by name."""
    found: dict[str, list[Icon]] = {}
    for pattern in FONTS:
        font = pattern.format("") + ".ttf"
        glyphs = json.loads((_folder() / (pattern.format("-charmap") + ".json")).read_text())
        for name, code in glyphs.items():
            shown = _shown(name)
            if shown is not None:
                found.setdefault(shown, []).append(Icon(shown, font, chr(int(code, 16))))
    for shown, icons in found.items():
        Random(shown).shuffle(icons)
        del icons[MOST_GLYPHS:]
    return dict(sorted(found.items()))


def _shown(name: str) -> str | None:
    words = [word for word in re.split(r"[-_]", name) if word and not word.isdigit()]
    while len(words) > 1 and words[-1] in STYLES:
        words.pop()
    shown = " ".join(words)
    if len(shown) < 3 or OTHER_WEIGHTS & set(words) or INTERFACE.search(shown):
        return None
    return shown


def draw_icon(icon: Icon, rng: Random) -> Image.Image:
    """The glyph in one colour or two, most often outlined, of some size, angle and place on some ground, 320 pixels a
    side."""
    image = draw_ground(rng)
    size = round(rng.uniform(0.42, 0.88) * SIDE)
    x, y = (SIDE / 2 + rng.uniform(-0.5, 0.5) * (SIDE - size) for _ in range(2))
    if rng.random() < 0.4:
        draw_halo(image, x, y, 0.55 * size, rng)
    stroke = rng.choice((0, 0, 4, 6, 9))
    glyph, outlined = _mask(icon, 0), _mask(icon, stroke)
    box = outlined.getbbox()
    if box is None:  # a glyph that the font leaves empty
        return image
    middle_x, middle_y = (box[0] + box[2]) // 2, (box[1] + box[3]) // 2
    half = round(0.6 * max(box[2] - box[0], box[3] - box[1]))
    tilt = rng.uniform(-20, 20)

    def placed(mask: Image.Image) -> Image.Image:
        cut = mask.crop((middle_x - half, middle_y - half, middle_x + half, middle_y + half))
        return cut.rotate(tilt, Image.Resampling.BICUBIC).resize((size, size))

    corner = (round(x - size / 2), round(y - size / 2))
    if stroke:
        image.paste((25, 25, 30) if rng.random() < 0.8 else (255, 255, 255), corner, placed(outlined))
    image.paste(_fill(size, rng), corner, placed(glyph))
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else image


def _fill(size: int, rng: Random) -> Image.Image:
    first = any_colour(rng)
    if rng.random() < 0.3:
        first = (first[0] // 4, first[1] // 4, first[2] // 4)
    fill = Image.new("RGB", (size, size), first)
    if rng.random() < 0.5:
        blend = Image.linear_gradient("L").resize((size, size)).rotate(rng.choice((0, 90, 180, 270)))
        fill = Image.composite(Image.new("RGB", (size, size), any_colour(rng)), fill, blend)
    return fill


def _mask(icon: Icon, stroke: int) -> Image.Image:
    side = 3 * GLYPH_SIDE // 2
    mask = Image.new("L", (side, side))
    font = _font(icon.font)
    ImageDraw.Draw(mask).text((side / 2, side / 2), icon.glyph, font=font, fill=255, anchor="mm", stroke_width=stroke)
    return mask


@cache
def _font(name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_folder() / name, GLYPH_SIDE)


def _folder() -> Path:
    return package_folder("qtawesome") / "fonts"
