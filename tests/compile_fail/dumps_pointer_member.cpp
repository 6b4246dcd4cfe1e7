// expect: cohort: this type is not Picklable: make it an aggregate of picklable members without a raw
// pointer, or give it a serialize member
#include <cohort/pickle.hpp>

struct List {
  int value;
  List* next;
};

int main() {
  auto const bytes = cohort::pickle::dumps(List{});
  return static_cast<int>(bytes.size());
}
