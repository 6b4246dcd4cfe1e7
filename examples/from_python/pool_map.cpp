// A function applied to every item, by a pool of five processes.
#include <cohort/multiprocessing.hpp>

#include <fmt/ranges.h>

#include <boost/range/irange.hpp>

namespace mp = cohort::multiprocessing;

int f(int x) { return x * x; }

int main() {
  mp::freeze_support();
  mp::Pool p(5);
  fmt::print("{}\n", p.map(f, {1, 2, 3}));
  fmt::print("{}\n", p.map(f, boost::irange(10)));
}
