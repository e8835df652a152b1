"""GET /api/coin-balance as a plain handler with boto3."""

import json
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["PROFILES_TABLE"])


def handler(event, context):
    user_id = event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    profile = table.get_item(Key={"user_id": user_id}, ConsistentRead=True).get("Item", {})
    body = {"user_id": user_id, "coins_balance": int(profile.get("coins_balance", 0))}
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
