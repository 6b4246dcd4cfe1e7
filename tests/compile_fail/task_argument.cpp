// expect: cohort: a raw pointer cannot travel to another process; send the value itself, a std::unique_ptr or
// a cohort handle
#include <cohort/callable.hpp>

void run(int*) {}

int main() {
  cohort::detail::check_task<void (*)(int*), void, int*>();
  return 0;
}
