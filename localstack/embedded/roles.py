"""Acting for an IAM role inside the emulator: its credentials, its clients, and what policies allow."""

import fnmatch
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from ministack import app
from ministack.core.iam_evaluator import EvalContext, _gather_role_policies, evaluate
from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc, sts

SESSION: Any = botocore.session.get_session()
ROOT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def endpoint() -> str:
    return f"http://127.0.0.1:{app._resolve_port()}"


def credentials(role_arn: str, session_name: str) -> dict[str, str]:
    """Credentials, as environment variables, of a session of *role_arn* that a service assumed."""
    account, role, name = get_account_id(), role_arn.rpartition("/")[2], session_name[:64]
    secret = hashlib.sha256(f"{role_arn}/{session_name}".encode()).hexdigest()
    key, token = f"ASIA{secret[:16].upper()}", secret[::-1]
    identity = {"Arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}", "UserId": f"{role}:{name}"}
    sts.register_session(key, identity | {"SecretAccessKey": secret, "SessionToken": token})
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}


def client(service: str, given: Mapping[str, str] = ROOT) -> Any:
    """A client of this emulator that acts with the *given* credentials."""
    keys = {name.lower(): value for name, value in given.items()}
    return SESSION.create_client(service, region_name=get_region(), endpoint_url=endpoint(), **keys)


def trusts(role_arn: str, service: str) -> bool:
    """Whether the role exists and lets *service* assume it."""
    try:
        role = client("iam").get_role(RoleName=role_arn.rpartition("/")[2])["Role"]
    except ClientError:
        return False
    return service in json.dumps(role.get("AssumeRolePolicyDocument"))


def allows(role_arn: str, action: str, resource: str) -> bool:
    """Whether the role's policies allow *action* on *resource*; always when IAM is not enforced."""
    if not app.AUTH:
        return True
    role, account = role_arn.rpartition("/")[2], get_account_id()
    session = f"arn:aws:sts::{account}:assumed-role/{role}/service"
    asked = EvalContext(session, "AssumedRole", account, action, resource, get_region())
    return bool(evaluate(asked, _gather_role_policies(role, account)).decision == "Allow")


def function_allows(function_arn: str, service: str, source_arn: str) -> bool:
    """Whether the function's resource policy lets *service* invoke it for this source; always without IAM."""
    policy = lambda_svc.function_policy_for_arn(function_arn) if app.AUTH else None
    if policy is None:
        return True
    for statement in policy[0].get("Statement", []):
        named = statement.get("Principal", {}).get("Service", [])
        conditions = statement.get("Condition", {}).values()
        sources = [arn for keys in conditions for key, arn in keys.items() if key.lower() == "aws:sourcearn"]
        meant = statement.get("Effect") == "Allow" and service in ([named] if isinstance(named, str) else named)
        if meant and all(fnmatch.fnmatchcase(source_arn, pattern) for pattern in sources):
            return True
    return False
