// expect: cohort: a raw pointer cannot travel to another process; send the value itself, a std::unique_ptr or
// a cohort handle
#include <cohort/callable.hpp>

int main() {
  int value = 1;
  cohort::Task const task = cohort::partial([](int* at) { ++*at; }, &value);
  task();
  return value;
}
