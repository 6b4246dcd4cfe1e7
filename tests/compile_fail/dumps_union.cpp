// expect: cohort: a union cannot travel to another process, for it does not say what it holds; send a
// std::variant
#include <cohort/pickle.hpp>

union Either {
  int a;
  float b;
};

int main() {
  auto const bytes = cohort::pickle::dumps(Either{1});
  return static_cast<int>(bytes.size());
}
