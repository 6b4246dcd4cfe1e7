#pragma once

/// FOR_EACH_START_METHOD(): runs the test case (or section) from here on once for each start method.
///
///     TEST_CASE("a process runs its function") {
///       FOR_EACH_START_METHOD();
///       ...
///     }
#if __has_include(<cohort/multiprocessing/context.hpp>)
#include <cohort/multiprocessing/context.hpp>
#include <string>

#include "support/catch.hpp"

#define FOR_EACH_START_METHOD()                                                         \
  auto const start_method = GENERATE(as<std::string>{}, "fork", "spawn", "forkserver"); \
  CAPTURE(start_method);                                                                \
  cohort::multiprocessing::set_start_method(start_method, true)
#endif
