#pragma once
#include "support/run.hpp"

namespace cohort::test {

/// Runs a test case of leaky.cpp under a time limit.
inline Outcome run_leaky(std::string const& test_case, std::string const& limit = "20") {
  return run(LIMIT " " + limit + " " LEAKY " '" + test_case + "'");
}

}  // namespace cohort::test
