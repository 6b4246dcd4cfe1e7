#include "workers/worker.hpp"

#include "start/identity.hpp"
#include "workers/channel.hpp"

#include <cohort/detail/call.hpp>
#include <cohort/detail/exceptions.hpp>

#include <unistd.h>

namespace cohort::workers {
namespace {

/// The worker's side of its channel. It runs on the one thread of the process.
///
/// A task's record is claimed before the task is looked at, and stays in the ring until its result is
/// published: so the engine can tell from the ring of a dead worker which task killed it, which it never saw,
/// and that no other can be lost.
class Worker {
 public:
  explicit Worker(WorkerOrder const& order)
      : channel_(order.channel),
        bells_(memory::arena().at<Bells>(order.bells)),
        tasks_(channel_.tasks, Channel::ring_size),
        results_(channel_.results, Channel::ring_size) {}

  bool initialise(Task const& initializer) {
    bool const succeeded = guarded([&] {
      if (initializer) initializer();
    });
    send(succeeded ? Kind::ready : Kind::unready, 0);
    return succeeded;
  }

  void run() {
    while (auto const record = next()) {
      if (!tasks_.start(*record)) continue;  // taken back
      auto const message = read(*record);
      bool const succeeded = guarded([&] {
        detail::Reader reader(message.bytes);
        detail::load_entry<detail::Call>(reader).run(reader, writer_);
      });
      send(succeeded ? Kind::value : Kind::exception, message.id);
      tasks_.pop();
    }
  }

 private:
  /// Runs user code; if it throws, the exception is what has been written afterwards.
  template <class F> bool guarded(F body) {
    detail::Backtrace trace;
    auto const error = detail::run_guarded(body, trace);
    if (!error) return true;
    writer_.restart();
    try {
      detail::save_exception(writer_, error, trace);
    } catch (std::bad_alloc const&) {  // no shared memory: without the trace it fits into the ring
      writer_.restart();
      detail::save_exception(writer_, error, {});
    }
    return false;
  }

  /// The next task; none when this worker is to leave.
  std::optional<memory::RingRecord> next() {
    Bell& bell = channel_.control.tasks;
    for (;;) {
      // In this order: what was given before the word to leave is still done.
      bool leave = channel_.control.leave.load(std::memory_order_acquire) != 0;
      if (auto record = tasks_.peek()) return record;
      if (leave) return std::nullopt;
      auto const seen = bell.word.load(std::memory_order_acquire);
      bell.state.store(Bell::asleep, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      leave = channel_.control.leave.load(std::memory_order_acquire) != 0;
      if (!leave && !tasks_.peek()) bell.sleep(seen);
      bell.state.store(Bell::awake, std::memory_order_relaxed);
    }
  }

  /// Publishes what was written. While the ring is full it waits: the engine has been told of what is in it.
  void send(Kind kind, std::uint64_t id) {
    auto payload = writer_.finish();
    while (!post(results_, kind, id, payload)) {
      Bell& bell = channel_.control.results;
      auto const seen = bell.word.load(std::memory_order_acquire);
      bell.state.store(Bell::asleep, std::memory_order_seq_cst);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (post(results_, kind, id, payload)) break;
      bell.sleep(seen);
    }
    channel_.control.results.state.store(Bell::awake, std::memory_order_relaxed);
    payload.release_block();
    bells_.announce();
  }

  Channel channel_;
  Bells& bells_;
  memory::RingConsumer tasks_;
  memory::RingProducer results_;
  detail::PayloadWriter writer_;
};

}  // namespace

void work(WorkerOrder order) {
  // A process group of its own: a Ctrl-C is for the program, and the children of tasks can be signalled with
  // it.
  ::setpgid(0, 0);
  start::allow_children();
  Worker worker(order);
  if (worker.initialise(order.initializer)) worker.run();
}

}  // namespace cohort::workers
