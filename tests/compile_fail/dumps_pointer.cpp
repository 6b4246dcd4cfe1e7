// expect: cohort: a raw pointer cannot travel to another process; send the value itself, a std::unique_ptr or
// a cohort handle
#include <cohort/pickle.hpp>

int value = 1;

int main() {
  auto const bytes = cohort::pickle::dumps(&value);
  return static_cast<int>(bytes.size());
}
