"""One demonstration stage as a program: ``stage.py NAME DIRECTORY SETTINGS``.

``settings.failStage`` names a stage that fails on request.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

__all__ = ["main"]

_SCENES = 4


def main(name: str, directory: Path, settings: dict[str, Any]) -> int:
    """Do a stage's work in the task's directory; returns the exit code."""
    if settings.get("failStage") == name:
        print(f"{name} fails on request", file=sys.stderr)
        return 3
    work = {"script": _script, "image": _image, "video": _video, "youtube": _youtube}[name]
    result = work(directory, settings)
    if result:
        print(json.dumps(result, ensure_ascii=False), flush=True)
    return 0


def _script(directory: Path, settings: dict[str, Any]) -> dict[str, Any]:
    scenes = [f"{settings['title']}, scene {number}" for number in range(1, _SCENES + 1)]
    for scene in scenes:
        print(f"written: {scene}", flush=True)
    (directory / "story.json").write_text(json.dumps({"scenes": scenes}, ensure_ascii=False))
    return {"content": {"scenes": scenes}}


def _image(directory: Path, _settings: dict[str, Any]) -> dict[str, Any]:
    scenes = json.loads((directory / "story.json").read_text())["scenes"]
    for number, text in enumerate(scenes, 1):
        picture = Image.new("RGB", (320, 180), (30 * number, 60, 120))
        ImageDraw.Draw(picture).text((12, 80), text.encode("ascii", "replace").decode(), fill="white")
        picture.save(directory / f"scene_{number}.png")
        print(json.dumps({"current": number, "total": len(scenes)}), flush=True)
    return {}


def _video(directory: Path, settings: dict[str, Any]) -> dict[str, Any]:
    if not list(directory.glob("scene_*.png")):
        _image(directory, settings)
    frames = [Image.open(path).convert("RGB") for path in sorted(directory.glob("scene_*.png"))]
    print(f"{len(frames)} scenes are joined", flush=True)
    frames[0].save(directory / "output.webp", save_all=True, append_images=frames[1:], duration=500)
    frames[0].save(directory / "thumbnail.jpg")
    return {"video_path": str(directory / "output.webp"), "thumbnail_path": str(directory / "thumbnail.jpg")}


def _youtube(directory: Path, _settings: dict[str, Any]) -> dict[str, Any]:
    published = directory.parent / "published"
    published.mkdir(exist_ok=True)
    target = published / f"{directory.name}.webp"
    print(f"published as {target}", flush=True)
    shutil.copyfile(directory / "output.webp", target)
    return {"youtube_url": target.as_uri()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])))
