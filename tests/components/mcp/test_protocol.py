"""The endpoint as a client of the protocol meets it; the cases are those of the protocol's own conformance suite."""

import pytest

from tests.components.mcp.conftest import Agent

pytestmark = pytest.mark.xdist_group("mcp")  # one process imports the protocol's package

INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}


async def test_a_client_is_initialized_without_a_session(agent: Agent) -> None:
    """It learns version, name and capabilities; what it announces then is taken without an answer."""
    answer = await agent.post("initialize", INITIALIZE)
    result = answer.json()["result"]
    assert (result["protocolVersion"], result["serverInfo"]["name"]) == ("2025-11-25", "otto-logs")
    assert set(result["capabilities"]) == {"tools"}
    assert "mcp-session-id" not in answer.headers
    told = await agent.http.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (told.status_code, told.content) == (202, b"")
    assert (await agent.post("ping")).json() == {"jsonrpc": "2.0", "id": 1, "result": {}}


async def test_every_tool_is_described_and_only_reads(agent: Agent) -> None:
    """With a name, a description and the schema of what it takes."""
    tools = (await agent.post("tools/list")).json()["result"]["tools"]
    assert [tool["name"] for tool in tools] == [
        *("list_tasks", "task_summary", "read_lines", "tail_lines", "search_logs", "compare_with_last_good"),
    ]
    for tool in tools:
        assert tool["description"]
        assert tool["annotations"]["readOnlyHint"]
        assert (tool["inputSchema"]["type"], tool["inputSchema"]["additionalProperties"]) == ("object", False)
        assert all(field["description"] for field in tool["inputSchema"]["properties"].values())


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("tools/call", {"name": "rm", "arguments": {}}, -32602),
        ("tools/call", {}, -32602),
        ("resources/list", {}, -32601),
        ("no/such", {}, -32601),
    ],
)
async def test_what_is_not_there_is_an_error_of_the_protocol(
    agent: Agent, method: str, params: object, code: int
) -> None:
    """Tools by other names and methods that the endpoint does not have."""
    assert (await agent.post(method, params)).json()["error"]["code"] == code


async def test_wrong_arguments_are_told_to_the_agent(agent: Agent) -> None:
    """As the tool's answer, which says what is wrong; so is a task that is not there."""
    assert "task_id" in await agent.call("read_lines", is_error=True)
    assert "limit" in await agent.call("read_lines", task_id="a", limit=0, is_error=True)
    assert "unknown field `path`" in await agent.call("read_lines", task_id="a", path="/", is_error=True)
    assert "no lines of task 'a'" in await agent.call("read_lines", task_id="a", is_error=True)
    assert "cursor" in await agent.call("list_tasks", cursor="x", is_error=True)


async def test_only_whole_messages_are_taken(agent: Agent) -> None:
    """What is no JSON, too long, or for a stream or a session is refused."""
    headers = {"Content-Type": "application/json"}
    assert (await agent.http.post("/mcp", content=b"{", headers=headers)).status_code == 400
    assert (await agent.http.post("/mcp", content=b'"' + b"x" * 70_000 + b'"', headers=headers)).status_code == 413
    assert (await agent.post("ping", Accept="text/html")).status_code == 406
    assert (await agent.http.get("/mcp")).status_code == 405
    assert (await agent.http.delete("/mcp")).status_code == 405


async def test_pages_of_other_origins_may_not_call(agent: Agent) -> None:
    """A page whose name was bound to this address by DNS is one; the gateway's own are served."""
    assert (await agent.post("ping", Origin="http://evil.example")).status_code == 403
    own = f"http://{agent.http.base_url.netloc.decode()}"
    assert (await agent.post("ping", Origin=own)).status_code == 200


async def test_the_official_client_works(agent: Agent) -> None:
    """In the protocol's newest version that both speak."""
    await agent.write("build-7", "a needle")
    from mcp import Client

    async with Client(f"{str(agent.http.base_url).rstrip('/')}/mcp") as client:
        result = await client.call_tool("search_logs", {"text": "needle"})
        assert next(tool.name for tool in (await client.list_tools()).tools) == "list_tasks"
    assert "build-7 1:INFO w1 a needle" in result.content[0].text
