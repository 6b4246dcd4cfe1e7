// expect: cohort: this type is not Picklable: make it an aggregate of picklable members without a raw
// pointer, or give it a serialize member
#include <cohort/pickle.hpp>

int value = 1;
struct View {
  int& value;
};

int main() {
  auto const bytes = cohort::pickle::dumps(View{value});
  return static_cast<int>(bytes.size());
}
