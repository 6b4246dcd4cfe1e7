// A program of somebody else. Built with AUTOBOOT, it links to cohort::autoboot instead of calling
// freeze_support().
#include <cohort/multiprocessing.hpp>

namespace mp = cohort::multiprocessing;

static int square(int x) { return x * x; }

int main() {
#ifndef AUTOBOOT
  mp::freeze_support();
#endif
  mp::set_start_method("spawn");
  mp::Pool pool(2);
  return pool.map(square, {1, 2, 3}) == std::vector{1, 4, 9} ? 0 : 1;
}
