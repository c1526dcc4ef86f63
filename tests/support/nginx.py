"""nginx in the foreground, with all that it writes in a folder of the test."""

from pathlib import Path

from tests.support.programs import program

__all__ = ["nginx_command"]

_CONFIGURATION = """
daemon off;
pid {directory}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
{http}
}}
"""


def nginx_command(directory: Path, http: str) -> list[str]:
    """Its command, with ``http`` as the contents of its ``http`` block."""
    configuration = directory / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(directory=directory, http=http))
    return [program("nginx"), "-p", str(directory), "-c", str(configuration), "-e", "stderr"]
