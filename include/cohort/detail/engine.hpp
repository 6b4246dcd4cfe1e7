#pragma once
#include <cohort/callable.hpp>
#include <cohort/detail/outcome.hpp>
#include <cohort/timeout.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace cohort::detail {

struct EngineOptions {
  unsigned workers = 1;
  Task initializer{};
  std::optional<unsigned> max_tasks{};  ///< tasks after which a worker is replaced
  std::string start_method{};
};

/// What runs tasks in worker processes, under every pool and executor. Tasks go in as bytes and their
/// outcomes come back as bytes; see src/workers.
///
/// Threads: safe. Fork: of no use in a child.
class Engine {
 public:
  /// Starts the workers. Throws what starting a process throws; then none is left.
  static std::shared_ptr<Engine> make(EngineOptions options);
  virtual ~Engine() = default;

  virtual unsigned worker_count() const = 0;
  /// False in a forked child, where its threads and workers are not.
  virtual bool is_here() const = 0;

  /// Hands in a task, whose outcome goes to `sink` under `index`. `label` names it in errors. Throws
  /// `ValueError` after `close`, `BrokenProcessPool` when the pool is broken.
  virtual void submit(Payload task, TaskLabel label, std::shared_ptr<Sink> sink, std::size_t index) = 0;

  /// Waits until the sink is ready, and collects meanwhile; false when the deadline passed first.
  virtual bool wait(Sink& sink, std::optional<Timeout::Clock::time_point> deadline) = 0;
  /// Whether it is ready now.
  bool ready(Sink& sink) { return wait(sink, Timeout::Clock::now()); }

  /// Guards the contents of sinks.
  virtual std::mutex& mutex() = 0;

  virtual void close() = 0;
  virtual void terminate() = 0;
  virtual void join() = 0;
};

}  // namespace cohort::detail
