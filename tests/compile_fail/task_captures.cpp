// expect: cohort: a lambda with captures cannot travel to another process; bind the values with
// cohort::partial(f, values...)
#include <cohort/callable.hpp>

int main() {
  int value = 1;
  cohort::Task const task = [&] { ++value; };
  task();
  return value;
}
