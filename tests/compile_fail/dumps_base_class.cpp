// expect: cohort: an aggregate with a base class cannot travel to another process by itself; make the base a
// member, or give the class a serialize member
#include <cohort/pickle.hpp>

struct Base {
  int a;
};
struct Derived : Base {
  int b;
};

int main() {
  auto const bytes = cohort::pickle::dumps(Derived{});
  return static_cast<int>(bytes.size());
}
