// expect: cohort: this type is not Picklable: make it an aggregate of picklable members without a raw
// pointer, or give it a serialize member
#include <cohort/pickle.hpp>

class Secret {
  int value_ = 1;

 public:
  int value() const { return value_; }
};

int main() {
  auto const bytes = cohort::pickle::dumps(Secret{});
  return static_cast<int>(bytes.size());
}
