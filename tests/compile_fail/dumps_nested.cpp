// expect: cohort: this type is not Picklable: make it an aggregate of picklable members without a raw
// pointer, or give it a serialize member
#include <cohort/pickle.hpp>

int main() {
  auto const bytes = cohort::pickle::dumps(std::vector<std::map<int, int*>>());
  return static_cast<int>(bytes.size());
}
