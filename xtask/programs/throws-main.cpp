// Exceptions of C++ through modules: this one has the libraries, memory and table; `throws-side.cpp` is linked to it when both run.
#include <cstdlib>
#include <exception>
#include <stdexcept>

extern "C" {
using Callback = int (*)(int);
using Side = int (*)(int depth, Callback callback);

// What destructors have counted, in both modules.
int cleaned = 0;
}

// Both modules know it, and have one `type_info` of it.
struct Code {
  int number;
  explicit Code(int number) : number(number) {}
  virtual ~Code();
};

Code::~Code() {}

struct Cleaned {
  ~Cleaned() { cleaned += 1; }
};

// Called by the other module, and throws through it.
extern "C" int callback(int number) {
  Cleaned cleanup;
  switch (number % 4) {
    case 0:
      throw Code(number);
    case 1:
      throw std::runtime_error("odd");
    case 2:
      throw number;
    default:
      return number;
  }
}

// Calls the other module, which recurses, calls back, and throws, too.
extern "C" int run(Side side, int count) {
  int sum = 0;
  for (int number = 0; number < count; number++) {
    try {
      Cleaned cleanup;
      sum += side(number, callback);
    } catch (const Code &code) {
      sum += 1000 + code.number;
    } catch (const std::exception &error) {
      sum += 100000 + error.what()[0];
    } catch (int thrown) {
      sum += 10000000 + thrown;
    }
  }
  return sum + cleaned * 3;
}
