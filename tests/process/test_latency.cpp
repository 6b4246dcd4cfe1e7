// labels: timing
#include <unistd.h>
#include <cohort/multiprocessing.hpp>

#include <algorithm>

#include "support/catch.hpp"
#include "support/start_methods.hpp"

namespace mp = cohort::multiprocessing;
using namespace std::chrono_literals;

TEST_CASE("a process is known to be over within milliseconds of its end") {
  FOR_EACH_START_METHOD();
  std::vector<std::chrono::nanoseconds> delays;
  for (int i = 0; i < 11; ++i) {
    mp::Process process([] {
      for (;;) ::pause();
    });
    process.start();
    auto const killed = std::chrono::steady_clock::now();
    process.kill();
    process.join();
    delays.push_back(std::chrono::steady_clock::now() - killed);
  }
  std::sort(delays.begin(), delays.end());
  CHECK(delays[delays.size() / 2] < 5ms);
}
