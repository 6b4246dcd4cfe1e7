#pragma once
#include <cohort/detail/outcome.hpp>
#include <cohort/multiprocessing/process.hpp>

#include "start/child.hpp"
#include "start/monitor.hpp"
#include "workers/channel.hpp"
#include "workers/worker.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <string>

namespace cohort::workers {

/// A task that was handed in and whose outcome has not been delivered.
struct Work {
  std::uint64_t id;
  detail::Payload payload;
  detail::TaskLabel label;
  std::shared_ptr<detail::Sink> sink;
  std::size_t index;
};

/// One worker process as its engine sees it. Guarded by the engine's lock.
class Crew {
 public:
  /// Starts the process. `on_end` is called on the monitor's thread once it ended.
  Crew(std::string const& start_method, memory::Offset bells, Task const& initializer,
       std::function<void()> on_end);
  /// The process has ended; waits for a call of `on_end` that is under way, so not under the engine's lock.
  ~Crew();

  /// Puts a task into its ring; false when there is no room now.
  bool give(Work& work);
  /// Wakes the process if it sleeps for want of tasks; to be called after giving.
  void wake();
  /// Tells it to end when it has done what it was given.
  void tell_to_leave();

  /// What has been given and not come back.
  std::size_t load() const { return given_.size(); }
  std::size_t tasks_taken() const { return tasks_taken_; }
  bool is_leaving() const { return leaving_; }
  bool is_ready() const { return ready_; }

  /// Nothing it still sends counts: its tasks were taken from it, or what it sends is damaged.
  void condemn() { condemned_ = true; }
  bool is_condemned() const { return condemned_; }
  /// Whether results stand in its ring.
  bool has_results() { return !condemned_ && results_.peek().has_value(); }
  /// Takes results out of the ring: `deliver` gets each with its task. Returns the exception of an
  /// initializer that failed, if that came. Throws `RuntimeError` when the ring is damaged: then the worker
  /// must go.
  std::shared_ptr<detail::Failure const> collect(std::function<void(Work, detail::Outcome)> const& deliver);
  /// Takes back the task given last, if the worker has not begun it.
  std::optional<Work> take_back();
  /// All tasks, when nothing will come back any more: those that have not begun, and never will, and the
  /// others, of which there is more than one only if results were damaged.
  struct Rest {
    std::deque<Work> begun, waiting;
  };
  Rest take_all();
  /// Keeps what the process may still read until it has ended.
  void keep(detail::Payload payload) { kept_.push_back(std::move(payload)); }

  void signal(int number);
  /// "ForkPoolWorker-3 (pid 71)".
  std::string describe() const;
  /// After the end: reaps the process, gives back what it held and returns its exit code.
  int settle();

 private:
  struct Given {
    Work work;
    memory::RingPosition position;
  };

  memory::Block block_;
  Channel channel_;
  memory::RingProducer tasks_;
  memory::RingConsumer results_;
  std::unique_ptr<multiprocessing::Process> process_;
  std::shared_ptr<start::Child> child_;
  std::deque<Given> given_;  ///< in the order in which their results will come
  std::size_t tasks_taken_ = 0;
  bool ready_ = false;
  bool leaving_ = false;
  bool condemned_ = false;
  std::deque<detail::Payload> kept_;
  start::Watch watch_;
};

}  // namespace cohort::workers
