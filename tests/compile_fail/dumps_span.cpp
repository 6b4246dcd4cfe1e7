// expect: cohort: a view cannot travel to another process; send an owning std::string or std::vector
#include <cohort/pickle.hpp>

int values[2] = {1, 2};

int main() {
  auto const bytes = cohort::pickle::dumps(std::span<int>(values));
  return static_cast<int>(bytes.size());
}
