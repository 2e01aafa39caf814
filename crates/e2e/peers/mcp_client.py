"""An agent: the Model Context Protocol's own Python client, over stdin and stdout or over HTTP, against Staygreen's tools.

Arguments: `http ADDRESS` (key in STAYGREEN_API_KEY) or `stdio PROGRAM ARGUMENT...`. Prints one line of JSON with what it saw.
"""
import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client


async def tour(session):
    seen = {"server": (await session.initialize()).serverInfo.name}
    tools = (await session.list_tools()).tools
    seen["tools"] = [tool.name for tool in tools]
    seen["reads"] = [tool.name for tool in tools if tool.annotations.readOnlyHint]

    async def call(name, **arguments):
        answer = await session.call_tool(name, arguments)
        return {"error": answer.content[0].text} if answer.isError else answer.structuredContent

    profiles = await call("list_profiles", network="linkedin", status="connected")
    profile = profiles["items"][0]["id"]
    explained = await call("explain_profile", profile=profile)
    seen["explained"] = explained["explanation"]["title"]
    post = await call("publish_post", profile=profile, text="Hello from an agent", idempotency_key="agent-" + str(os.getpid()))
    again = await call("publish_post", profile=profile, text="Hello from an agent", idempotency_key="agent-" + str(os.getpid()))
    seen["post"], seen["same"] = post, post == again
    if "id" in post:
        seen["comment"] = await call("write_comment", profile=profile, post=post["id"], text="And a comment")
        seen["comments"] = await call("list_comments", profile=profile, post=post["id"])
    seen["forecast"] = "items" in await call("forecast")
    seen["unknown"] = await call("explain_profile", profile="prf_00000000000000000000000000000001")
    return seen


async def main():
    if sys.argv[1] == "http":
        headers = {"Authorization": "Bearer " + os.environ["STAYGREEN_API_KEY"]}
        async with streamablehttp_client(sys.argv[2], headers=headers) as (read, write, _):
            async with ClientSession(read, write) as session:
                return await tour(session)
    server = StdioServerParameters(command=sys.argv[2], args=sys.argv[3:], env=dict(os.environ))
    async with stdio_client(server) as (read, write):
        async with ClientSession(read, write) as session:
            return await tour(session)


print(json.dumps(asyncio.run(main())))
