// expect: cohort: a pointer to an array of unknown length cannot travel to another process; send a
// std::vector
#include <cohort/pickle.hpp>

int main() {
  auto const bytes = cohort::pickle::dumps(std::make_unique<int[]>(3));
  return static_cast<int>(bytes.size());
}
