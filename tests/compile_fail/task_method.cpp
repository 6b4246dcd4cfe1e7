// expect: cohort: a pointer to member cannot travel to another process; name the member when compiling:
// cohort::method<&T::f>
#include <cohort/callable.hpp>

struct Job {
  void run() {}
};

int main() {
  cohort::detail::check_task<void (Job::*)(), void, Job>();
  return 0;
}
