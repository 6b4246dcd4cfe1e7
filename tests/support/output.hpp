#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "os/descriptor.hpp"
#include "os/error.hpp"

namespace cohort::test {

/// Catches what this process and the children it starts write to standard error, from construction on.
///
///     CapturedStderr captured;
///     report();
///     CHECK(captured.text() == "cohort: ...\n");
class CapturedStderr {
 public:
  CapturedStderr() {
    if (!memory_ || !original_) os::fail(errno, "cannot set standard error aside");
    std::fflush(stderr);
    ::dup2(memory_.get(), STDERR_FILENO);
  }
  ~CapturedStderr() {
    std::fflush(stderr);
    ::dup2(original_.get(), STDERR_FILENO);
  }
  CapturedStderr(CapturedStderr const&) = delete;
  CapturedStderr& operator=(CapturedStderr const&) = delete;

  /// All that has been written until now.
  std::string text() const {
    std::string result;
    char buffer[4096];
    for (ssize_t n; (n = ::pread(memory_.get(), buffer, sizeof buffer, result.size())) > 0;) {
      result.append(buffer, n);
    }
    return result;
  }

 private:
  os::Descriptor memory_{::memfd_create("stderr", MFD_CLOEXEC)};
  os::Descriptor original_{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)};
};

}  // namespace cohort::test
