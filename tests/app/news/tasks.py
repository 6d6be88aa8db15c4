"""The tasks of the worker, and the schedule of beat."""

import os
from pathlib import Path

from celery import Celery
from celery.signals import after_task_publish
from redis import Redis

from news.summary import summarise

BROKER = os.environ.get("BROKER_URL", "redis://127.0.0.1:6379/0")
TICK_SECONDS = float(os.environ.get("TICK_SECONDS", "2"))
TICKS = "news:ticks"
HEARTBEAT = Path.home() / "beat-alive"

celery = Celery("news", broker=BROKER, backend=BROKER)
celery.conf.update(
    broker_connection_retry_on_startup=True,
    task_time_limit=60,
    result_expires=3600,
    beat_schedule={"tick": {"task": "news.tick", "schedule": TICK_SECONDS}},
)
store = Redis.from_url(BROKER, decode_responses=True)


@celery.task(name="news.summarise")
def summarise_news(texts: list[str]) -> str:
    return summarise(texts)


@celery.task(name="news.tick", ignore_result=True)
def tick() -> None:
    """Counts the ticks of beat, which shows that beat, broker and worker run; the web reads the counter."""
    store.incr(TICKS)


@after_task_publish.connect(sender="news.tick")
def heartbeat(**_: object) -> None:
    """Touches a file for each tick that beat publishes: its age is the health of beat."""
    HEARTBEAT.touch()
