import io
import os
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import PictureError
from core.pictures import FORMATS, open_picture, pdq_hash, picture_size, thumbnail_jpeg


def noise(width=80, height=40, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def smooth(width=256, height=256, seed=0, cells=6):
    """A picture with large shapes, as photographs have."""
    coarse = np.random.default_rng(seed).integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def saved(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def png_header(width, height):
    """A PNG that says it is as large as that and holds next to nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def webp_header(width, height):
    """An extended WebP with a canvas of that size and a small frame."""
    frame = saved(noise(), "WEBP", lossless=True)[12:]
    sides = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + sides + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("format", FORMATS)
def test_opens_every_format_as_rgb(format):
    opened = open_picture(saved(noise(), format))
    assert (opened.mode, opened.size) == ("RGB", (80, 40))
    assert opened.info == {}
    if format not in ("JPEG", "GIF", "WEBP"):
        assert np.array_equal(np.asarray(opened), np.asarray(noise()))


def test_opens_a_path(tmp_path):
    path = tmp_path / "holiday.png"
    path.write_bytes(saved(noise()))
    assert np.array_equal(np.asarray(open_picture(path)), np.asarray(noise()))
    assert picture_size(path) == (80, 40)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_as_exif_says(format, orientation):
    upright = smooth(64, 32)
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright if orientation == 1 else upright.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(stored, format, exif=exif)
    opened = open_picture(data)
    assert opened.size == picture_size(data) == (64, 32)
    difference = np.asarray(opened, dtype=float) - np.asarray(upright, dtype=float)
    assert np.abs(difference).mean() < 8


@pytest.mark.parametrize("orientation", [0, 9, 60000])
def test_an_absurd_orientation_costs_nothing(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert open_picture(saved(noise(), "JPEG", exif=exif)).size == (80, 40)


def test_damaged_exif_costs_nothing():
    data = saved(noise(), "JPEG")
    junk = b"Exif\0\0II*\0\xff\xff\xff\x7f" + bytes(range(40))
    app1 = b"\xff\xe1" + struct.pack(">H", len(junk) + 2) + junk
    assert open_picture(data[:2] + app1 + data[2:]).size == (80, 40)


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_takes_the_first_frame_of_an_animation(format):
    red, blue = (
        Image.new("RGB", (20, 20), (255, 0, 0)),
        Image.new("RGB", (20, 20), (0, 0, 255)),
    )
    opened = open_picture(saved(red, format, save_all=True, append_images=[blue], duration=50))
    assert np.abs(np.asarray(opened, dtype=int) - [255, 0, 0]).max() < 10


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_puts_transparent_parts_on_white(mode):
    clear = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), (0, 0, 5, 10))
    opened = np.asarray(open_picture(saved(clear.convert(mode))))
    assert (opened[:, :5] == 0).all()
    assert (opened[:, 5:] == 255).all()


def test_half_transparent_is_mixed_with_white():
    opened = open_picture(saved(Image.new("RGBA", (4, 4), (0, 0, 0, 128))))
    assert opened.getpixel((0, 0)) == (127, 127, 127)


def test_sixteen_bit_grey_keeps_its_brightness():
    ramp = Image.fromarray(np.arange(65536, dtype=np.uint16).reshape(256, 256))
    opened = np.asarray(open_picture(saved(ramp)))
    assert np.array_equal(opened[:, 0, 0], np.rint(np.arange(256) * 256 / 257))


def test_floating_point_grey_is_stretched():
    values = Image.fromarray(np.array([[np.nan, 0.0], [0.2, 1.0]], dtype=np.float32))
    assert np.asarray(open_picture(saved(values, "TIFF")))[..., 0].tolist() == [
        [0, 0],
        [51, 255],
    ]


@pytest.mark.parametrize("data", [png_header(60_000, 60_000), webp_header(60_000, 60_000)])
def test_refuses_a_huge_picture_unread(data):
    with pytest.raises(PictureError, match="limit of 100,000,000"):
        open_picture(data)
    with pytest.raises(PictureError, match="limit of 100,000,000"):
        picture_size(data)


def test_the_limits_are_the_callers():
    data = saved(noise())
    assert open_picture(data, max_pixels=3200).size == (80, 40)
    with pytest.raises(PictureError, match=r"80 x 40 pixels, more than the limit of 3,199"):
        open_picture(data, max_pixels=3199)
    assert open_picture(data, max_bytes=len(data)).size == (80, 40)
    with pytest.raises(PictureError, match="larger than the limit"):
        open_picture(data, max_bytes=len(data) - 1)


def test_limits_above_pillows_own_are_kept():
    with pytest.raises(PictureError, match="cut short"):
        open_picture(png_header(14_000, 14_000), max_pixels=200_000_000)


def test_a_file_larger_than_the_limit_is_not_read(tmp_path):
    path = tmp_path / "sparse.png"
    with path.open("wb") as file:
        file.truncate(10 * 2**30)  # 10 GB that take no room
    with pytest.raises(PictureError, match="larger than the limit of 50 MB"):
        open_picture(path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"GIF89a", "is not a picture|damaged|cut short"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "is not a picture"),
        (b"a text that was named photo.jpg", "is not a picture"),
        (saved(noise())[:-200], "cut short"),
        (saved(noise(), "JPEG")[:400], "cut short"),
    ],
)
def test_says_what_is_wrong(data, reason):
    with pytest.raises(PictureError, match=reason):
        open_picture(data)


def test_says_which_file(tmp_path):
    (tmp_path / "fake.png").write_bytes(b"not a picture")
    with pytest.raises(PictureError, match=r"^fake\.png is not a picture"):
        open_picture(tmp_path / "fake.png")
    with pytest.raises(PictureError, match=r"^gone\.png is not there"):
        open_picture(tmp_path / "gone.png")
    with pytest.raises(PictureError, match="is not a file"):
        open_picture(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(PictureError, match="is not a file"):
        open_picture(tmp_path / "pipe.png")
    with pytest.raises(PictureError, match="can't be read"):
        open_picture(Path("a\0b.png"))


ORIGINALS = [saved(noise(30, 20), format) for format in FORMATS] + [
    saved(
        noise(30, 20).convert("P"),
        "GIF",
        save_all=True,
        append_images=[noise(30, 20, seed=1).convert("P")],
    ),
    saved(noise(30, 20), "JPEG", progressive=True),
    saved(noise(30, 20), "TIFF", compression="tiff_lzw"),
]


@settings(max_examples=300, deadline=None)
@given(
    data=st.sampled_from(ORIGINALS),
    cut=st.none() | st.integers(0, 4000),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=8),
)
def test_damaged_bytes_give_a_picture_or_a_picture_error(data, cut, changes):
    damaged = bytearray(data[:cut])
    for place, value in changes:
        if damaged:
            damaged[place % len(damaged)] = value
    try:
        image = open_picture(bytes(damaged), max_pixels=1_000_000)
    except PictureError as error:
        assert str(error).startswith("The picture ")
        return
    assert image.mode == "RGB"
    assert image.width * image.height <= 1_000_000


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_a_picture_or_a_picture_error(data):
    with pytest.raises(PictureError):
        open_picture(b"\x89PNG\r\n\x1a\n" + data)


def test_shrinks_a_jpeg_while_decoding():
    data = saved(smooth(1600, 1200), "JPEG")
    small = open_picture(data, shrink_to=260)
    assert small.size == (400, 300)
    whole = open_picture(data).resize((400, 300), Image.Resampling.BOX)
    assert np.abs(np.asarray(small, dtype=float) - np.asarray(whole, dtype=float)).mean() < 3
    assert open_picture(data, shrink_to=1201).size == (1600, 1200)
    assert open_picture(saved(smooth(800, 600)), shrink_to=10).size == (800, 600)


def test_pdq_is_close_for_copies_and_far_for_others():
    def distance(left, right):
        return (int(left, 16) ^ int(right, 16)).bit_count()

    original, quality = pdq_hash(smooth(cells=24))
    assert len(original) == 64
    assert quality > 50
    recompressed, _ = pdq_hash(open_picture(saved(smooth(700, 700, cells=24), "JPEG", quality=30)))
    other, _ = pdq_hash(smooth(seed=1, cells=24))
    assert distance(original, recompressed) <= 31
    assert distance(original, other) > 80
    assert pdq_hash(Image.new("RGB", (300, 300), (9, 9, 9)))[1] == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 3)])
def test_slivers_are_hashed_and_shrunk(size):
    digest, _ = pdq_hash(Image.new("RGB", size))
    assert len(digest) == 64
    assert max(open_picture(thumbnail_jpeg(Image.new("RGB", size))).size) <= 480


def test_a_thumbnail_fits_and_is_never_enlarged():
    assert open_picture(thumbnail_jpeg(noise(1000, 500))).size == (480, 240)
    assert open_picture(thumbnail_jpeg(noise(1000, 500), side=100)).size == (100, 50)
    assert open_picture(thumbnail_jpeg(noise(30, 20))).size == (30, 20)


def test_a_thumbnail_holds_nothing_of_the_files_metadata():
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    original = Image.open(io.BytesIO(saved(noise(), "JPEG", exif=exif, comment=b"secret", icc_profile=b"profile")))
    copied = Image.open(io.BytesIO(thumbnail_jpeg(original)))
    assert set(copied.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_many_threads_at_once():
    pictures = [(saved(smooth(300, 200, seed), "JPEG"), seed) for seed in range(4)]
    expected = [np.asarray(open_picture(data)).tobytes() for data, _ in pictures]
    barrier = threading.Barrier(8)

    def work(number):
        barrier.wait(timeout=30)
        for _ in range(10):
            data, seed = pictures[number % 4]
            assert np.asarray(open_picture(data)).tobytes() == expected[seed]
            with pytest.raises(PictureError):
                open_picture(data[:500])
        return number

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == list(range(8))
