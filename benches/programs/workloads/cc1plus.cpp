// Templates, classes and loops for a C++ compiler to optimise.
template <int N> struct Factorial { static constexpr long value = N * Factorial<N - 1>::value; };
template <> struct Factorial<0> { static constexpr long value = 1; };

template <class T, unsigned N> class Ring {
    T items[N];
    unsigned first = 0, length = 0;

public:
    bool push(T item) {
        if (length == N) return false;
        items[(first + length++) % N] = item;
        return true;
    }
    bool pop(T &item) {
        if (length == 0) return false;
        item = items[first];
        first = (first + 1) % N, length--;
        return true;
    }
    template <class F> void each(F act) const {
        for (unsigned i = 0; i < length; i++) act(items[(first + i) % N]);
    }
};

struct Shape {
    virtual ~Shape() {}
    virtual long area() const = 0;
};
struct Square : Shape {
    long side;
    explicit Square(long side) : side(side) {}
    long area() const override { return side * side; }
};
struct Rectangle : Shape {
    long width, height;
    Rectangle(long width, long height) : width(width), height(height) {}
    long area() const override { return width * height; }
};

template <class T> void sort(T *low, T *high) {
    while (low < high) {
        T pivot = low[(high - low) / 2], *left = low, *right = high;
        while (left <= right) {
            while (*left < pivot) left++;
            while (pivot < *right) right--;
            if (left <= right) {
                T swap = *left;
                *left++ = *right, *right-- = swap;
            }
        }
        sort(low, right);
        low = left;
    }
}

void operator delete(void *, unsigned) noexcept {}

long use(const Shape **shapes, unsigned count, int *numbers, long *longs) {
    Ring<int, 16> small;
    Ring<long, 64> large;
    long sum = Factorial<10>::value;
    for (unsigned i = 0; i < count; i++) {
        sum += shapes[i]->area();
        small.push(numbers[i]);
        large.push(longs[i] * numbers[i]);
    }
    small.each([&](int item) { sum += item; });
    large.each([&](long item) { sum ^= item; });
    sort(numbers, numbers + count - 1);
    sort(longs, longs + count - 1);
    int item;
    while (small.pop(item)) sum = sum * 31 + item;
    return sum + Square(3).area() + Rectangle(4, 5).area();
}
