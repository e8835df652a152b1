"""GET /api/coin-balance as the original had it: FastAPI behind Mangum, with boto3."""

import os

import boto3
from fastapi import FastAPI, Request
from mangum import Mangum
from pydantic import BaseModel

app = FastAPI()
table = boto3.resource("dynamodb").Table(os.environ["PROFILES_TABLE"])


class Balance(BaseModel):
    user_id: str
    coins_balance: int


@app.get("/api/coin-balance", response_model=Balance)
def coin_balance(request: Request) -> Balance:
    user_id = request.scope["aws.event"]["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    profile = table.get_item(Key={"user_id": user_id}, ConsistentRead=True).get("Item", {})
    return Balance(user_id=user_id, coins_balance=int(profile.get("coins_balance", 0)))


handler = Mangum(app, lifespan="off")
