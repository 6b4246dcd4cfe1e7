#pragma once
#include "os/descriptor.hpp"

#include <sys/types.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cohort::os {

/// A program to start, and what the new process is given.
struct Launch {
  std::string path;
  std::vector<std::string> arguments;    ///< argv, with argv[0]
  std::vector<std::string> environment;  ///< "NAME=value"
  /// (descriptor here, its number there), besides 0, 1 and 2. All others are closed there.
  std::vector<std::pair<int, int>> descriptors;
};

struct Launched {
  pid_t pid;
  Descriptor pidfd;  ///< empty where there are none
};

/// Starts a program at a cost that does not grow with this process's memory: the child borrows the address
/// space until it calls exec (CLONE_VM and CLONE_VFORK, as posix_spawn does). It starts with an empty signal
/// mask and default dispositions. Throws `std::system_error` of the step that failed, and then no child is
/// left.
Launched launch(Launch const& what);

}  // namespace cohort::os
