"""One demonstration stage as a program: ``stage.py NAME DIRECTORY SETTINGS``.

``settings.failStage`` names a stage that fails on request.
"""

import json
import shutil
import subprocess
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
    return {"content": {"scenes": scenes}, "script_path": str(directory / "story.json")}


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
    encoder = shutil.which("ffmpeg")
    video = directory / ("output.webp" if encoder is None else "output.mp4")
    if encoder is None:
        frames[0].save(video, save_all=True, append_images=frames[1:], duration=500)
    else:
        _encode(encoder, directory / "scene_%d.png", video)
    frames[0].save(directory / "thumbnail.jpg")
    return {"video_path": str(video), "thumbnail_path": str(directory / "thumbnail.jpg")}


def _encode(encoder: str, pictures: Path, video: Path) -> None:
    """A film of two pictures a second, in a form that browsers show; ffmpeg's errors are the stage's."""
    source = ("-framerate", "2", "-i", str(pictures))
    form = ("-r", "25", "-pix_fmt", "yuv420p", "-movflags", "+faststart")
    argv = (encoder, "-nostdin", "-loglevel", "error", "-y", *source, *form, str(video))
    subprocess.run(argv, check=True)  # noqa: S603 - its path is that of the installed program


def _youtube(directory: Path, _settings: dict[str, Any]) -> dict[str, Any]:
    published = directory.parent / "published"
    published.mkdir(exist_ok=True)
    film, animation = directory / "output.mp4", directory / "output.webp"
    video = film if film.exists() else animation
    target = published / f"{directory.name}{video.suffix}"
    print(f"published as {target}", flush=True)
    shutil.copyfile(video, target)
    return {"youtube_url": target.as_uri()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])))
