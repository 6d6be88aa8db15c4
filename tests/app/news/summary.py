"""A deterministic extractive summariser: it selects the sentences whose words are most frequent in all texts.

No model and no network, so the same texts always give the same summary.
"""

import re
from collections import Counter

SENTENCE = re.compile(r"[^.!?]+[.!?]?")
WORD = re.compile(r"\w+")
STOP_WORDS = frozenset(
    "a an and are as at be been but by for from had has have he her his if in into is it its not of on or"
    " our she so than that the their them they this to was we were what when which who will with you".split()
)


def words(text: str) -> list[str]:
    return [word for word in WORD.findall(text.lower()) if word not in STOP_WORDS]


def sentences(text: str) -> list[str]:
    return [found.strip() for found in SENTENCE.findall(text) if words(found)]


def summarise(texts: list[str], limit: int = 2) -> str:
    """Returns the `limit` best sentences of all texts in their original order."""
    frequency = Counter(word for text in texts for word in words(text))
    candidates = list(dict.fromkeys(sentence for text in texts for sentence in sentences(text)))

    def score(sentence: str) -> float:
        found = words(sentence)
        return sum(frequency[word] for word in found) / len(found)

    # sorted() is stable: of equally good sentences the earlier one wins.
    best = sorted(candidates, key=score, reverse=True)[:limit]
    return " ".join(sentence for sentence in candidates if sentence in best)
