#include <cohort/multiprocessing.hpp>

#include "support/catch.hpp"

namespace mp = cohort::multiprocessing;
using Catch::Matchers::Contains;

TEST_CASE("contexts are known by name") {
  CHECK(mp::get_context("spawn").get_start_method() == "spawn");
  CHECK_THROWS_AS(mp::get_context("thread"), cohort::ValueError);
  CHECK_THROWS_WITH(mp::set_start_method("teleport", true), Contains("cannot find context for 'teleport'"));
  CHECK(mp::get_all_start_methods() == std::vector<std::string>{"forkserver", "fork", "spawn"});
}

TEST_CASE("the start method is forkserver once freeze_support ran, and is settled once") {
  CHECK(mp::get_start_method() == "forkserver");
  CHECK_THROWS_AS(mp::set_start_method("spawn"), cohort::RuntimeError);
  mp::set_start_method("spawn", true);
  CHECK(mp::get_start_method() == "spawn");
  mp::set_start_method("forkserver", true);
}

namespace {
int touched = 0;  // seen by a copy of this process only
}

TEST_CASE("a context starts processes by its own method, which is not the program's") {
  mp::set_start_method("forkserver", true);
  touched = 1;
  for (std::string const method : {"fork", "spawn", "forkserver"}) {
    auto const context = mp::get_context(method);
    auto [here, there] = context.Pipe(false);
    auto process = context.Process(
        {.name = "of a context"},
        [](mp::Connection to) { to.send(std::pair(mp::get_start_method(), touched)); }, there);
    process.start();
    CHECK(here.recv<std::pair<std::string, int>>() ==
          std::pair(std::string("forkserver"), method == "fork" ? 1 : 0));
    process.join();
  }
}

TEST_CASE("the processors a process may use are no more than there are") {
  CHECK(mp::process_cpu_count() >= 1);
  CHECK(mp::process_cpu_count() <= mp::cpu_count());
  cpu_set_t before, one;
  REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &before)) {
      CPU_SET(cpu, &one);
      break;
    }
  REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK(mp::process_cpu_count() == 1);
  ::sched_setaffinity(0, sizeof before, &before);
}
