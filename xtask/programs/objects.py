# Objects of a language with dynamic types: classes, methods, lists, dictionaries, strings, closures and exceptions.


class Node:
    def __init__(self, left, right):
        self.left = left
        self.right = right

    def nodes(self):
        if self.left is None:
            return 1
        return 1 + self.left.nodes() + self.right.nodes()


def grow(depth):
    if depth == 0:
        return Node(None, None)
    return Node(grow(depth - 1), grow(depth - 1))


class Shape:
    def __init__(self, size):
        self.size = size

    def area(self):
        return 0


class Square(Shape):
    def area(self):
        return self.size * self.size


class Sheet(Square):
    def area(self):
        return 2 * self.size * self.size


def tested(number):
    if number % 3 == 0:
        raise ValueError("three")
    if number % 7 == 0:
        raise KeyError("seven")
    return number


def attempts(count):
    total = 0
    for number in range(count):
        try:
            try:
                total += tested(number)
            finally:
                total += 1
        except ValueError:
            total += 1000
        except KeyError:
            total += 100000
    return total


def adder(amount):
    def add(number):
        return number + amount

    return add


total = 0
for i in range(5):
    total += grow(10).nodes()
print("nodes", total)
total = 0
for number in range(20):
    shape = Square(number)
    if number % 2 == 0:
        shape = Sheet(number)
    total += shape.area()
print("area", total)
print("attempts", attempts(1000))
add = adder(5)
print("add", add(7))
words = {}
for word in "the cat and the dog and the bird".split(" "):
    if word in words:
        words[word] = words[word] + 1
    else:
        words[word] = 1
print("words", words["the"], words["and"], words["bird"])
text = ""
for number in range(20):
    text = text + str(number) + ","
print("text", text, len(text), text[3:9].upper())
print("squares", [number * number for number in range(10)])
