#pragma once
#include <cohort/errors.hpp>

/// The errors of `concurrent.futures` that say a pool is of no use any more. `Pool` throws them too.
namespace cohort::concurrent::futures {

/// An executor cannot do what it was asked; `BrokenThreadPool` and `BrokenProcessPool` say which.
class BrokenExecutor : public RuntimeError {
 public:
  using RuntimeError::RuntimeError;
};
/// A thread pool whose initializer failed.
class BrokenThreadPool : public BrokenExecutor {
 public:
  using BrokenExecutor::BrokenExecutor;
};
/// A worker process ended while it ran a task (the message names process, signal or exit code, and task), or
/// the workers cannot even start.
class BrokenProcessPool : public BrokenExecutor {
 public:
  using BrokenExecutor::BrokenExecutor;
};

}  // namespace cohort::concurrent::futures

namespace cohort {
namespace futures = concurrent::futures;
}
