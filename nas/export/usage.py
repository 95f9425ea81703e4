"""Ten lines of Python that name the classes of a picture with an exported file, by its runtime alone.

They are a few more where images are not cropped to squares. Model cards print them, and tests run them as printed.
"""

from nas.common.sizes import PAD, STRETCH, sides
from nas.data.fitting import GREY
from nas.data.pictures import COLOURS
from nas.networks.checkpoint import Card

_ONNX = (
    "import json, sys, numpy as np, onnxruntime",
    "session = onnxruntime.InferenceSession({name!r})",
    'classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])',
    'session.run(["logits"], {{"images": images}})[0]',
)
_TORCH = (
    "import json, sys, numpy as np, torch",
    'notes = {{"nas.json": ""}}; network = torch.export.load({name!r}, extra_files=notes).module()',
    'classes = json.loads(json.loads(notes["nas.json"])["classes"])',
    "network(torch.from_numpy(images)).detach().numpy()",
)
_OPENVINO = (
    "import json, sys, numpy as np, openvino",
    'model = openvino.Core().read_model({name!r}); network = openvino.compile_model(model, "CPU")',
    'classes = json.loads(model.get_rt_info(["model_info", "classes"]).astype(str))',
    'network({{"images": images}})["logits"]',
)
_EXECUTORCH = (
    "import json, sys, numpy as np, torch, executorch.runtime",
    "program = executorch.runtime.Runtime.get().load_program({name!r})",
    'classes = json.loads(program.load_method("classes").execute([])[0])',
    'program.load_method("forward").execute([torch.from_numpy(images)])[0].numpy()',
)
_LITERT = (
    "import sys, numpy as np, ai_edge_litert.interpreter",
    "network = ai_edge_litert.interpreter.Interpreter({name!r}).get_signature_runner()",
    "classes = {classes!r}",
    "next(iter(network(args_0=images).values()))",
)
_WAYS = {
    "onnx": _ONNX,
    "torch-export": _TORCH,
    "openvino": _OPENVINO,
    "executorch": _EXECUTORCH,
    "litert": _LITERT,
}
_RESIZED = (
    "images = np.asarray(image.resize(({wide}, {high}), PIL.Image.Resampling.BICUBIC{box}), np.float32) / 255"
)
_SQUARE = """\
side = min(image.size); x, y = ((length - side) // 2 for length in image.size); box = x, y, x + side, y + side"""
_WIDE = """\
(w, h), (wide, high) = image.size, ({wide}, {high})
w, h = (max(1, round(h * wide / high)), h) if w * high > h * wide else (w, max(1, round(w * high / wide)))
x, y = (image.width - w) // 2, (image.height - h) // 2; box = x, y, x + w, y + h"""
_PADDED = """\
(w, h), page = image.size, PIL.Image.new("{mode}", ({wide}, {high}), {grey})
scale = min({wide} / w, {high} / h); w, h = max(1, round(w * scale)), max(1, round(h * scale))
page.paste(image.resize((w, h), PIL.Image.Resampling.BICUBIC), (({wide} - w) // 2, ({high} - h) // 2))
images = np.asarray(page, np.float32) / 255"""


def _fitting(card: Card) -> str:
    """The lines that bring a picture to the card's size, as `nas.data.fitting` does."""
    high, wide = sides(card.resolution)
    mode, grey = ("RGB", (GREY,) * 3) if card.channels == 3 else ("L", GREY)
    if card.fit == PAD:
        lines = [_PADDED]
    elif card.fit == STRETCH:
        lines = [_RESIZED.replace("{box}", "")]
    else:
        lines = [_SQUARE if high == wide else _WIDE, _RESIZED.replace("{box}", ", box=box")]
    return "\n".join(lines).format(high=high, wide=wide, mode=mode, grey=grey)


_COLOURS = """image = PIL.Image.open(sys.argv[1]); deep = {deep}
image = sys.exit("{expected}") if deep else PIL.ImageOps.exif_transpose(image)
{scaled}image = PIL.Image.alpha_composite(PIL.Image.new("RGBA", image.size, "white"), \
image.convert("RGBA")).convert("{mode}")
{fitting}"""
_COLOURS_EXPECTED = "colours of 8 bits are expected, as in training"
_ANY_EXPECTED = "8 bits a pixel are expected, as in training"
_COLOURS_DEEP = 'image.mode[:3] == "RGB" and ";16" in str(image.tile)'
_ANY_DEEP = 'image.mode[0] in "IF" or ";16" in str(image.tile)'
_SCALED = """\
if image.mode[0] == "I":
    image = (510 * (np.asarray(image).astype(int) - {low}) + {span}) // (2 * {span})
    image = PIL.Image.fromarray(image.clip(0, 255).astype("uint8"))
"""
_BANDS = """if open(sys.argv[1], "rb").read(2) not in (b"II", b"MM"): sys.exit("a TIFF of {count} bands is expected")
page, made = tifffile.TiffFile(sys.argv[1]).pages[0], []
levels, bands = np.array({levels}), page.asarray().astype(int)
bands = bands.transpose(1, 2, 0) if page.axes == "SYX" else bands
if bands.ndim != 3 or bands.shape[2] != {count}: sys.exit("{count} bands are expected")
low, span = (levels[:, 0], levels[:, 1] - levels[:, 0]) if page.dtype != "uint8" else (0, 255)
bands = ((510 * (bands - low) + span) // (2 * span)).clip(0, 255).astype("uint8")
for band in range(bands.shape[2]):
    image = PIL.Image.fromarray(np.ascontiguousarray(bands[..., band]))
    {fitting}
    made.append(images)
images = np.stack(made, axis=2)"""


def _reading(card: Card) -> str:
    """The lines that read a picture and bring it to the card's size, channels and range."""
    if card.channels in COLOURS:
        low, high = card.levels[:2] if card.levels else (0, 0)
        mode, fitting = "L" if card.channels == 1 else "RGB", _fitting(card)
        if high > low:
            refused, scaled = (_COLOURS_DEEP, _COLOURS_EXPECTED), _SCALED.format(low=low, span=high - low)
        else:
            refused, scaled = (_ANY_DEEP, _ANY_EXPECTED), ""
        return _COLOURS.format(
            deep=refused[0], expected=refused[1], scaled=scaled, mode=mode, fitting=fitting
        )
    given = card.levels or (0, 65535)
    levels = list(zip(given[::2], given[1::2], strict=True))
    return _BANDS.format(levels=levels, count=card.channels, fitting=_fitting(card).replace("\n", "\n    "))


def usage(format_name: str, name: str, card: Card, batch: int | None) -> str:
    """The lines for a file of this name; their first argument is a picture.

    batch: how many images the file takes, where that is fixed.
    """
    imports, opened, classes, logits = (
        part.format(name=name, classes=list(card.classes)) for part in _WAYS[format_name]
    )
    some = f".repeat({batch}, 0)" if batch and batch > 1 else ""
    more = ", tifffile" * (card.channels not in COLOURS)
    shaped = "[None, None]" if card.channels == 1 else ".transpose(2, 0, 1)[None]"
    return f"""{imports}, PIL.Image, PIL.ImageOps{more}
{opened}
{classes}
{_reading(card)}
images = np.ascontiguousarray(images{shaped}{some}); odds = np.exp({logits}[0].astype(float))
for at in odds.argsort()[::-1][:5]: print(f"{{odds[at] / odds.sum():7.2%}}  {{classes[at]}}")"""
