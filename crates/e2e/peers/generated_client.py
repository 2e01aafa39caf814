"""Uses a client that was generated from the API's description (PyPI's openapi-python-client), against a running server.

Argument: the folder that holds the generated package `staygreen_api`. First everything that can be read is read: each answer has to
become the object that the description promises. Then it acts. Prints one line of JSON with what it saw.
"""
import importlib
import inspect
import json
import os
import pkgutil
import sys

sys.path.insert(0, sys.argv[1])

import staygreen_api.api as api  # noqa: E402
import staygreen_api.models as models  # noqa: E402
from staygreen_api import AuthenticatedClient  # noqa: E402
from staygreen_api.types import UNSET  # noqa: E402

# The streams have no end, what is passed through is the network's own, and the key was made by no user.
NOT_READ = {"stream_events", "stream_audit", "proxy_get", "get_my_notifications"}


def operations():
    """Name and module of every operation."""
    for tag in pkgutil.iter_modules(api.__path__):
        folder = importlib.import_module(f"{api.__name__}.{tag.name}")
        for operation in pkgutil.iter_modules(folder.__path__):
            yield tag.name, operation.name, importlib.import_module(f"{folder.__name__}.{operation.name}")


def needed(module):
    """What an operation cannot be called without."""
    parameters = inspect.signature(module._get_kwargs).parameters.values()
    return [one.name for one in parameters if one.default is inspect.Parameter.empty]


def good(answer):
    """The object of an answer that was done."""
    assert answer.status_code < 300, (answer.status_code, answer.content)
    assert not isinstance(answer.parsed, models.Problem), answer.parsed
    if answer.status_code != 204:
        assert answer.parsed is not None, answer.content
    if hasattr(answer.parsed, "to_dict"):
        # Nothing of the answer is unknown to the client, and nothing got another meaning.
        assert known(answer.parsed), answer.parsed
        assert same(answer.parsed.to_dict(), json.loads(answer.content)), (answer.parsed, answer.content)
    return answer.parsed


def known(value):
    """Whether no object in it has fields beyond those that were described."""
    if isinstance(value, list):
        return all(map(known, value))
    if not hasattr(value, "__attrs_attrs__"):
        return True
    names = [one.name for one in value.__attrs_attrs__]
    described = [name for name in names if name != "additional_properties"]
    # What is described as open has no fields of its own.
    more = getattr(value, "additional_properties", {})
    return (not more or not described) and all(known(getattr(value, name)) for name in described)


def same(one, other):
    """Equal, where moments may be written in two ways."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, str) and isinstance(other, str) and one != other:
        return one[:19] == other[:19] and one[4] == other[4] == "-"
    return one == other


def main():
    client = AuthenticatedClient(base_url=os.environ["STAYGREEN_URL"], token=os.environ["STAYGREEN_API_KEY"], timeout=120)
    by_name = {name: module for _, name, module in operations()}

    def call(name, *path, **more):
        return by_name[name].sync_detailed(*path, client=client, **more)

    page = good(call("list_profiles", network="linkedin", status=models.ListProfilesStatus.CONNECTED))
    profile = page.items[0].id
    key = "generated-" + profile[-8:]
    body = models.PublishPostBody(text="Hello from a generated client")
    post = good(call("publish_post", profile, body=body, idempotency_key=key))
    again = good(call("publish_post", profile, body=body, idempotency_key=key))
    comment = good(call("write_comment", profile, post.id, body=models.WriteCommentBody(text="And a comment")))
    team = good(call("create_team", body=models.CreateTeamBody(name="Generated")))
    changed = good(call("change_team", team.id, body=models.ChangeTeamBody(name="Generated anew")))
    frozen = good(call("freeze", body=models.FreezeBody(target="network xing", reason="drill")))
    thawed = call("thaw", frozen.id)

    seen = good(call("preview_page_presets", body=models.PreviewPagePresetsBody(profile_ids=[profile])))
    good(call("apply_page_presets", body=models.ApplyPagePresetsBody(profile_ids=[profile], mark=seen.mark)))

    ids = {"profile": profile, "team": team.id, "act": post.act, "network": "linkedin", "post": post.id}
    ids["user"] = good(call("list_users")).items[0].id
    ids["api_key"] = good(call("list_api_keys")).items[0].id
    ids["person"] = good(call("list_people")).items[0].id
    # Whose id a path begins with.
    of = {"profiles": "profile", "teams": "team", "users": "user", "api_keys": "api_key", "people": "person", "waiting_acts": "act"}
    read, left = [], []
    for tag, name, module in operations():
        names = needed(module)
        kwargs = {one: ids["network" if one == "network" else "post" if one == "post" else of.get(tag, "")] for one in names
                  if one in ("network", "post") or (one == "id" and tag in of)}
        if set(names) != set(kwargs) or name in NOT_READ or module._get_kwargs(**kwargs)["method"] != "get":
            left.append(name)
            continue
        good(module.sync_detailed(**kwargs, client=client))
        read.append(name)

    refused = call("list_profiles", limit=0)
    stranger = call("get_profile", "prf_00000000000000000000000000000001")
    print(json.dumps({
        "profile": profile, "post": post.id, "same": post == again, "comment": comment.id, "team": changed.name, "thawed": thawed.status_code,
        "read": read, "left": left, "token": good(call("get_access_token", profile)).token_type != UNSET,
        "refused": [refused.parsed.code, refused.parsed.field], "unknown": stranger.parsed.code,
    }))


main()
