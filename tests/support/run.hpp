#pragma once
#include <sys/wait.h>

#include <cstdio>
#include <string>

namespace cohort::test {

struct Outcome {
  int status = 0;
  std::string output;
};

/// Runs a shell command; its exit status (128 + N after signal N, as in the shell) and all its output.
inline Outcome run(std::string const& command) {
  Outcome result;
  std::FILE* const pipe = ::popen(("exec 2>&1; " + command).c_str(), "re");
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) result.output.append(buffer, n);
  int const status = ::pclose(pipe);
  result.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace cohort::test
