// The other module of `throws-main.cpp`.

extern "C" {
using Callback = int (*)(int);
extern int cleaned;
}

struct Code {
  int number;
  explicit Code(int number) : number(number) {}
  virtual ~Code();
};

struct Cleaned {
  ~Cleaned() { cleaned += 1; }
};

__attribute__((noinline)) static int recurse(int depth, int number, Callback callback) {
  Cleaned cleanup;
  if (depth == 0) return callback(number);
  return recurse(depth - 1, number, callback) + 1;
}

// Catches some of what comes from the other module, throws it again, or something else.
extern "C" int side(int number, Callback callback) {
  try {
    return recurse(number % 10, number, callback);
  } catch (const Code &code) {
    if (code.number % 8 == 0) throw;
    throw Code(code.number + 1);
  } catch (int thrown) {
    if (thrown % 3 == 0) throw Code(thrown);
    throw thrown + 1;
  }
}
