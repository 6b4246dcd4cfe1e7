// expect: cohort: a reference cannot travel to another process; send the object by value or a cohort handle
// (mp::Value, mp::Array)
#include <cohort/pickle.hpp>

int value = 1;

int main() {
  auto const bytes = cohort::pickle::dumps(std::ref(value));
  return static_cast<int>(bytes.size());
}
