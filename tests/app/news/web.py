"""The HTTP side: accepts news, queues a job for a worker, returns the summary."""

import os
from typing import Annotated

from celery.result import AsyncResult
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field
from redis import RedisError

from news.tasks import TICKS, celery, store, summarise_news

GIT_HASH = os.environ.get("GIT_HASH", "unknown")

app = FastAPI(title="news")


class News(BaseModel):
    texts: Annotated[list[Annotated[str, Field(max_length=20_000)]], Field(min_length=1, max_length=100)]


@app.get("/health")
def health() -> dict[str, str]:
    try:
        store.ping()
    except RedisError as error:
        raise HTTPException(503, f"broker: {error}") from error
    return {"status": "ok", "git": GIT_HASH}


@app.post("/summaries", status_code=202)
def enqueue(news: News) -> dict[str, str]:
    return {"id": summarise_news.delay(news.texts).id}


@app.get("/summaries/{job}")
def summary(job: str) -> dict[str, str | None]:
    # Celery stores no list of submitted jobs, so an unknown id looks like a pending one.
    result = AsyncResult(job, app=celery)
    return {"id": job, "state": result.state, "summary": result.result if result.successful() else None}


@app.get("/ticks")
def ticks() -> dict[str, int]:
    return {"ticks": int(store.get(TICKS) or 0)}
