// expect: cohort: a view cannot travel to another process; send an owning std::string or std::vector
#include <cohort/pickle.hpp>

int main() {
  auto const bytes = cohort::pickle::dumps(std::string_view("text"));
  return static_cast<int>(bytes.size());
}
