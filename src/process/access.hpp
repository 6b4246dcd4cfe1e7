#pragma once
#include <cohort/multiprocessing/process.hpp>

#include "start/child.hpp"

namespace cohort::multiprocessing {

/// The library's own way to what is behind a Process.
struct ProcessAccess {
  static std::shared_ptr<start::Child> child(Process const& process);
};

}  // namespace cohort::multiprocessing
