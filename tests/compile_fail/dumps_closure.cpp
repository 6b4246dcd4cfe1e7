// expect: cohort: this type is not Picklable: make it an aggregate of picklable members without a raw
// pointer, or give it a serialize member
#include <cohort/pickle.hpp>

int main() {
  int const value = 1;
  auto const bytes = cohort::pickle::dumps([value] { return value; });
  return static_cast<int>(bytes.size());
}
