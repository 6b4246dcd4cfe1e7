#pragma once
#include <sys/wait.h>

#include <cstdio>
#include <string>

namespace cohort::test {

struct Outcome {
  int status = 0;
  std::string output;
};

/// Runs a shell command; its exit status and all its output.
inline Outcome run(std::string const& command) {
  Outcome result;
  std::FILE* const pipe = ::popen(("exec 2>&1; " + command).c_str(), "re");
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) result.output.append(buffer, n);
  int const status = ::pclose(pipe);
  result.status = WEXITSTATUS(status);
  return result;
}

/// Runs a test case of leaky.cpp under a time limit.
inline Outcome run_leaky(std::string const& test_case, std::string const& limit = "20") {
  return run(LIMIT " " + limit + " " LEAKY " '" + test_case + "'");
}

}  // namespace cohort::test
