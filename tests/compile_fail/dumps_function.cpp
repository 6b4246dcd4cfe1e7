// expect: cohort: a std::function cannot travel to another process; send the function itself, or bind its
// values with cohort::partial(f, values...)
#include <cohort/pickle.hpp>

int main() {
  auto const bytes = cohort::pickle::dumps(std::function<void()>());
  return static_cast<int>(bytes.size());
}
