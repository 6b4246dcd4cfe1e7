// expect: cohort: a pointer to a polymorphic class cannot travel to another process, for it may point to a
// derived object; send a std::variant of the derived classes or make the class final
#include <cohort/pickle.hpp>

struct Shape {
  virtual ~Shape() = default;
  template <class Archive> void serialize(Archive&) {}
};

int main() {
  auto const bytes = cohort::pickle::dumps(std::unique_ptr<Shape>());
  return static_cast<int>(bytes.size());
}
