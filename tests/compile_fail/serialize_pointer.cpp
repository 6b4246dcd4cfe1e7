// expect: cohort: a raw pointer cannot travel to another process; send the value itself, a std::unique_ptr or
// a cohort handle
#include <cohort/pickle.hpp>

struct List {
  int value = 1;
  List* next = nullptr;
  template <class Archive> void serialize(Archive& ar) { ar(value, next); }
};

int main() {
  auto const bytes = cohort::pickle::dumps(List{});
  return static_cast<int>(bytes.size());
}
