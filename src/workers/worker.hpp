#pragma once
#include <cohort/callable.hpp>

#include <cstdint>

namespace cohort::workers {

/// What a worker process is told.
struct WorkerOrder {
  std::uint64_t channel;  ///< offset of its Channel's block
  std::uint64_t bells;    ///< offset of the engine's Bells
  Task initializer;
};

/// What a worker process runs: tasks from its channel, until it is told to leave.
void work(WorkerOrder order);

}  // namespace cohort::workers
