#pragma once
#include <cohort/callable.hpp>
#include <cohort/timeout.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// How processes are started: Python's `multiprocessing.context`.
///
/// - `fork` copies this process; anything can be passed, but locks held by other threads stay locked in the
/// child.
/// - `spawn` executes this program again; safe everywhere, a millisecond or two a process.
/// - `forkserver` forks from a small single-threaded server that was executed once; as safe as spawn, as fast
/// as
///   fork, whatever the size of this process. The default once `freeze_support()` has run.
namespace cohort::multiprocessing {

class Process;
struct ProcessOptions;
class Pool;
struct PoolOptions;
class Connection;

/// To be called as the first statement of `main()` in every program that uses spawn or forkserver. Child
/// processes do their work in it and never return from it; in the program itself it returns at once.
///
///     int main() {
///       cohort::multiprocessing::freeze_support();
///       ...
///     }
void freeze_support();

/// A start method, with the same functions as the module. A value, safe to copy and use from any thread.
///
///     auto ctx = mp::get_context("spawn");
///     mp::Process p = ctx.Process(work, 1, 2);
class Context {
 public:
  /// "fork", "spawn" or "forkserver".
  std::string get_start_method() const { return method_; }

  template <class... A> multiprocessing::Process Process(A... a) const;
  template <class... A> multiprocessing::Process Process(ProcessOptions options, A... a) const;
  multiprocessing::Pool Pool(std::optional<int> processes = {}) const;
  multiprocessing::Pool Pool(PoolOptions options) const;
  std::pair<Connection, Connection> Pipe(bool duplex = true) const;

 private:
  friend Context get_context(std::string_view);
  explicit Context(std::string method) : method_(std::move(method)) {}
  std::string method_;
};

/// The context of a start method; without a name that of the default one, which is settled by this call.
/// Throws `ValueError` for an unknown name.
Context get_context(std::string_view method = {});

/// Settles the start method of this program; children inherit it. Thread-safe. Throws `ValueError` for an
/// unknown name and `RuntimeError` when it was settled before, unless `force`.
void set_start_method(std::string_view method, bool force = false);

/// The start method in use, which is settled by this call: forkserver once `freeze_support()` ran, else fork.
std::string get_start_method();

/// All methods, the default first.
std::vector<std::string> get_all_start_methods();

/// A callable that the fork server runs once before it serves, so that its children find the work done
/// (tables built, libraries loaded). It runs in another process: what it prints or throws does not stop the
/// program. To be called before the first process is started.
void set_forkserver_preload(Task preload);

/// The processors of the machine.
unsigned cpu_count();

/// The processors this process may use: its affinity, and the quota of its cgroup rounded up. At least 1.
unsigned process_cpu_count();

}  // namespace cohort::multiprocessing

namespace cohort {
namespace mp = multiprocessing;
}
