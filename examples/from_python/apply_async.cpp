// One call in a pool: wait for its result, or not for ever.
#include <cohort/multiprocessing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <thread>

namespace mp = cohort::multiprocessing;
using namespace std::chrono_literals;

int f(int x) { return x * x; }

int main() {
  mp::freeze_support();
  mp::Pool pool(4);
  fmt::print("{}\n", pool.apply_async(f, 10).get(1s));

  auto nap = pool.apply_async([](std::chrono::seconds s) { std::this_thread::sleep_for(s); }, 10s);
  try {
    nap.get(100ms);
  } catch (mp::TimeoutError const&) {
    fmt::print("we lacked patience\n");
  }

  fmt::print("the pool goes on: {}\n", pool.apply(f, 11));
}
