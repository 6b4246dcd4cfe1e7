// expect: cohort: a std::function cannot travel to another process; send the function itself, or bind its
// values with cohort::partial(f, values...)
#include <cohort/callable.hpp>

int main() {
  cohort::Task const task = std::function<void()>();
  task();
  return 0;
}
