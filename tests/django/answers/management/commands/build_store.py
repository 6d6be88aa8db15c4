import sqlite3

from django.conf import settings
from django.core.management.base import BaseCommand

DOCUMENTS = ["The engine mounts a tmpfs as root.", "The app runs as uid 1001.", "What is in between is /init's."]


class Command(BaseCommand):
    help = "Builds the store once, before the workers fork; a store that is there is kept."

    def handle(self, *args, **options):
        if settings.STORE.exists():
            self.stdout.write("the store is there")
            return
        new = settings.STORE.with_suffix(".new")
        new.unlink(missing_ok=True)
        store = sqlite3.connect(new)
        with store:
            store.execute("CREATE VIRTUAL TABLE documents USING fts5(text)")
            store.executemany("INSERT INTO documents VALUES (?)", [(text,) for text in DOCUMENTS])
        store.close()
        new.rename(settings.STORE)
        self.stdout.write(f"built the store: {len(DOCUMENTS)} documents")
