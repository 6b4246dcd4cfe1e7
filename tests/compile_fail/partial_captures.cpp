// expect: cohort: a lambda with captures cannot travel to another process; bind the values with
// cohort::partial(f, values...)
#include <cohort/callable.hpp>

int main() {
  int value = 1;
  cohort::Task const task = cohort::partial([&](int by) { value += by; }, 2);
  task();
  return value;
}
