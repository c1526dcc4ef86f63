"""What the documents say, and that they leave nothing out."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import schemathesis

from gateway.app import Gateway
from gateway.interface_docs.openapi_document import public_path
from gateway.routing.operation import DescribedRoute
from tests.support.described import references, violations
from tests.support.gateway_process import running_gateway

pytestmark = pytest.mark.xdist_group("documents")

SERVED_BESIDE_THE_ROUTES = {"/socket.io/"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def documents(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[dict[str, Any]]]:
    """Both documents, asked for once."""
    async with running_gateway(tmp_path_factory.mktemp("documents")) as gateway, httpx2.AsyncClient() as http:
        yield [(await http.get(f"{gateway.url}/{name}.json")).json() for name in ("openapi", "asyncapi")]


@pytest.fixture
def openapi(documents: list[dict[str, Any]]) -> dict[str, Any]:
    return documents[0]


@pytest.fixture
def asyncapi(documents: list[dict[str, Any]]) -> dict[str, Any]:
    return documents[1]


async def test_every_route_is_described_and_nothing_else(gateway: Gateway, openapi: dict[str, Any]) -> None:
    """A route without a description, or a description without a route, is a mistake: see CONTRIBUTING.md."""
    bare = [route.path for route in gateway.routes if not isinstance(route, DescribedRoute)]
    assert bare == [], "give these routes an Operation"
    routes = {(public_path(r.path), method) for r in gateway.routes for method in (r.methods or ()) if method != "HEAD"}
    described = {
        (path, method.upper())
        for path, methods in openapi["paths"].items()
        for method in methods
        if path not in SERVED_BESIDE_THE_ROUTES
    }
    assert described == routes


async def test_a_path_takes_the_methods_that_are_described(http: httpx2.AsyncClient, openapi: dict[str, Any]) -> None:
    """Any other is a 405 that names them, in the one form of errors; a described one never is."""
    for path, methods in openapi["paths"].items():
        known = {method.upper() for method in methods} | ({"HEAD"} if "get" in methods else set())
        # A task without a name is a 400, and the stream does not begin.
        where = re.sub(r"\{\w+\}", "", path.replace("{name}", "no-such-file"))
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"):
            async with http.stream(method, where) as answer:
                if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                    await answer.aread()
            if method in known:
                described = methods["get" if method == "HEAD" else method.lower()]
                may_lack = "404" in described["responses"]
                assert answer.status_code not in ((405,) if may_lack else (404, 405)), (method, where)
            elif path not in SERVED_BESIDE_THE_ROUTES:
                assert answer.status_code == 405, (method, where)
                assert set(answer.headers["allow"].replace(" ", "").split(",")) == known
                if method != "HEAD":
                    assert answer.json()["error"]["code"] == "METHOD_NOT_ALLOWED"


def test_every_reference_leads_somewhere(openapi: dict[str, Any], asyncapi: dict[str, Any]) -> None:
    """And every named type is used."""
    for document in (openapi, asyncapi):
        found = set(references(document))
        for each in found:
            node: Any = document
            for step in each.removeprefix("#/").split("/"):
                node = node[step]
        unused = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]} - found
        assert unused == set()


def test_openapi_is_as_its_standard_says(openapi: dict[str, Any]) -> None:
    """By the schema of OpenAPI 3.1; each parameter of a path is described, and each tag has a description."""
    schemathesis.openapi.from_dict(openapi).validate()
    for path, methods in openapi["paths"].items():
        for operation in methods.values():
            described = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
            assert described == set(re.findall(r"\{(\w+)\}", path)), path
    used = {tag for methods in openapi["paths"].values() for each in methods.values() for tag in each["tags"]}
    assert {tag["name"] for tag in openapi["tags"] if tag["description"]} == used


def test_names_of_operations_are_unique(openapi: dict[str, Any]) -> None:
    """They become the names of functions in generated clients."""
    ids = Counter(o["operationId"] for methods in openapi["paths"].values() for o in methods.values())
    assert [name for name, count in ids.items() if count > 1 or not re.fullmatch(r"[a-z][A-Za-z]+", name)] == []


def test_examples_of_answers_are_as_their_schemas_say(openapi: dict[str, Any]) -> None:
    """Anyone who writes a client from an example writes it right."""
    for path, methods in openapi["paths"].items():
        for operation in methods.values():
            contents = [answer.get("content", {}) for answer in operation["responses"].values()]
            contents.append(operation.get("requestBody", {}).get("content", {}))
            for content in (each for contents_of in contents for each in contents_of.values()):
                for name, example in content.get("examples", {}).items():
                    assert violations(openapi, content["schema"], example["value"]) == [], (path, name)
            for parameter in operation.get("parameters", []):
                for name, example in parameter.get("examples", {}).items():
                    assert violations(openapi, parameter["schema"], example["value"]) == [], (path, name)


def test_examples_of_messages_are_as_their_schemas_say(asyncapi: dict[str, Any]) -> None:
    """The same for streams; every message with a payload has an example."""
    for name, message in asyncapi["components"]["messages"].items():
        assert message.get("examples") or message["payload"] == {"type": "null"}, name
        for example in message.get("examples", []):
            assert violations(asyncapi, message["payload"], example["payload"]) == [], name


def test_examples_show_values(openapi: dict[str, Any], asyncapi: dict[str, Any]) -> None:
    """A text that nobody gave an example for would show its field's name."""

    def named(value: Any) -> list[str]:
        if isinstance(value, list):
            return [name for each in value for name in named(each)]
        if not isinstance(value, dict):
            return []
        return [name for name, each in value.items() if each == name] + named(list(value.values()))

    responses = [
        content.get("examples")
        for methods in openapi["paths"].values()
        for operation in methods.values()
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
    ]
    messages = [message.get("examples") for message in asyncapi["components"]["messages"].values()]
    assert named(responses + messages) == []


def test_an_example_of_an_answer_says_what_differs(openapi: dict[str, Any]) -> None:
    """The rest of it follows from the type."""
    answers = openapi["paths"]["/healthz/ready"]["get"]["responses"]
    usual, other = (
        next(iter(answers[status]["content"]["application/json"]["examples"].values()))["value"]
        for status in ("200", "503")
    )
    assert other == usual | {"status": "not ready", "reason": "the gateway is shutting down"}


async def test_the_page_shows_both_and_needs_nothing_from_elsewhere(
    http: httpx2.AsyncClient, openapi: dict[str, Any], asyncapi: dict[str, Any]
) -> None:
    """Every path and every message is on it; no script, no style in it, nothing of another host."""
    answer = await http.get("/docs")
    assert "unsafe" not in answer.headers["content-security-policy"]
    for path in openapi["paths"]:
        assert f"<code>{path}</code>" in answer.text
    for message in asyncapi["components"]["messages"].values():
        assert f"<code>{message['name']}</code>" in answer.text
    assert not re.search(r"<script|<style| style=| on[a-z]+=|(?:src|href)=\"?https?:", answer.text)
    inner = set(re.findall(r'href="#([^"]+)"', answer.text))
    assert inner <= set(re.findall(r'id="([^"]+)"', answer.text))


async def test_documents_are_not_sent_twice(http: httpx2.AsyncClient) -> None:
    """A client that has one already is told so."""
    for path in ("/openapi.json", "/asyncapi.json", "/docs", "/docs/docs.css"):
        tag = (await http.get(path)).headers["etag"]
        assert (await http.get(path, headers={"If-None-Match": tag})).status_code == 304
