# Objects, dictionaries, strings, integers, sorting.
import json
import re


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def plus(self, other):
        return Point(self.x + other.x, self.y + other.y)


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


place = Point(0, 0)
for i in range(60000):
    place = place.plus(Point(i % 7, i % 11))
counts = {}
for i in range(60000):
    word = f"word{i * 7919 % 5003}"
    counts[word] = counts.get(word, 0) + 1
words = sorted(counts, key=lambda word: (len(word), word))
found = len(re.findall(r"\b\w*7\w*\b", " ".join(words)))
data = json.loads(json.dumps(counts))
print(fib(22), place.x, place.y, words[-1], found, sum(data.values()), 3**2000 % 1000007)
