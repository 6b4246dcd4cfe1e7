#pragma once
#include <cohort/detail/target.hpp>
#include <cohort/errors.hpp>
#include <cohort/multiprocessing/context.hpp>
#include <cohort/pickle.hpp>

#include <fmt/format.h>

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cohort::start {
class Child;
}

namespace cohort::detail {
/// Runs a process object that was made from a letter, as the current process.
void run_arrived(std::unique_ptr<multiprocessing::Process> process);
/// The same for a plain `Process`, whose target comes next in the letter.
void run_target(Reader& reader);
[[noreturn]] void fail_subclass(char const* type_name);
}  // namespace cohort::detail

/// Processes: Python's `multiprocessing.Process`.
namespace cohort::multiprocessing {

struct ProcessOptions {
  std::string name{};                ///< default "Process-1", "Process-1:2" for a grandchild
  std::optional<bool> daemon{};      ///< default that of the creating process
  std::optional<Context> context{};  ///< default the program's start method
};

/// A function that runs in a process of its own: `multiprocessing.Process`.
///
/// Under fork any callable and any arguments work; under spawn and forkserver they are pickled, and what
/// cannot be throws `PicklingError` at `start()`. Arguments arrive as rvalues: take handles by value or
/// `const&`.
///
/// The destructor neither waits nor kills. At normal exit of the program daemonic children are terminated and
/// the others joined; when the program is killed, daemonic children die with it and the others go on. A child
/// that ends by an uncaught exception prints it with the process's name to stderr and has exit code 1.
///
/// Distinct objects: safe. Shared objects: `join`, `is_alive`, `exitcode`, `terminate`, `kill`, `interrupt`
/// and `sentinel` are safe together once `start()` has returned. After a fork only the process that created
/// the object may use it: others get `AssertionError`, and so does every call that comes too early or twice.
///
///     mp::Process p(greet, "bob");
///     p.start();
///     p.join();
class Process {
 public:
  template <class F, class... A>
  requires std::invocable<F&, detail::ship_t<A>...>
  explicit Process(F f, A... args) : Process(ProcessOptions{}, std::move(f), std::move(args)...) {}
  template <class F, class... A>
  requires std::invocable<F&, detail::ship_t<A>...> Process(ProcessOptions options, F f, A... args)
      : Process(std::move(options)) {
    target(detail::make_target(std::move(f), std::move(args)...));
  }
  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;
  virtual ~Process();

  /// What the child runs; by default the callable. Override it in a subclass, see `ProcessOf`.
  virtual void run();

  /// Starts the process. Once only. Throws `PicklingError`, `RuntimeError` where `freeze_support()` is
  /// missing, `std::system_error` where the system refuses, `AssertionError` in a daemonic process.
  void start();
  /// Waits for the end, at most `timeout`; whether it came tells `exitcode()`.
  void join(Timeout timeout = {});
  bool is_alive() const;
  void terminate();  ///< SIGTERM
  void kill();       ///< SIGKILL
  void interrupt();  ///< SIGINT
  /// Gives back what the object holds; `ValueError` while the process runs and in every later call.
  void close();

  std::string name() const;
  void name(std::string name);
  bool daemon() const;
  /// Only before `start()`.
  void daemon(bool daemon);
  /// None before `start()`.
  std::optional<int> pid() const;
  std::optional<int> ident() const { return pid(); }
  /// None before the end; -N after signal N; 1 after an uncaught exception.
  std::optional<int> exitcode() const;
  /// A descriptor that polls readable once the process ended; the object keeps it. `ValueError` before
  /// `start()`.
  int sentinel() const;

  /// As in Python: `<Process name='Process-1' pid=71 parent=70 stopped exitcode=-SIGTERM>`.
  std::string repr() const;

 protected:
  Process();
  explicit Process(ProcessOptions options);

  /// Writes what another process of this program makes the same object from.
  virtual void save(detail::Writer& writer) const;

 private:
  friend Process& current_process();
  friend struct ProcessAccess;
  friend void cohort::detail::run_arrived(std::unique_ptr<Process> process);
  friend void cohort::detail::run_target(detail::Reader& reader);
  struct State;
  void run_here();
  void target(std::unique_ptr<detail::Target> target);

  std::unique_ptr<State> state_;
};

/// The base of a process class that works under every start method.
///
/// Data members travel by a cereal-style `serialize` member; without data members none is needed. `W` must be
/// default constructible. Without `serialize` a class with data works under fork only.
///
///     struct Greeter : mp::ProcessOf<Greeter> {
///       std::string whom;
///       template <class Archive> void serialize(Archive& ar) { ar(whom); }
///       void run() override { fmt::print("hello {}\n", whom); }
///     };
template <class W> class ProcessOf : public Process {
 public:
  ProcessOf() : Process() {}
  explicit ProcessOf(ProcessOptions options) : Process(std::move(options)) {}

 protected:
  void save(detail::Writer& writer) const override {
    constexpr bool no_data = sizeof(W) == sizeof(ProcessOf);
    if constexpr (std::default_initializable<W> && (no_data || detail::Serializable<W>)) {
      detail::save_entry(writer, detail::entry<void(detail::Reader&), &ProcessOf::arrive, W>);
      if constexpr (!no_data) detail::save(writer, static_cast<W const&>(*this));
    } else {
      cohort::detail::fail_subclass(typeid(W).name());
    }
  }

 private:
  static void arrive(detail::Reader& reader) {
    auto process = std::make_unique<W>();
    if constexpr (sizeof(W) != sizeof(ProcessOf)) detail::Codec<W>::fill(reader, *process);
    cohort::detail::run_arrived(std::move(process));
  }
};

/// A child process as `active_children()` sees it: a cheap copyable handle, safe to use from any thread.
class ProcessInfo {
 public:
  std::string name() const;
  int pid() const;
  bool daemon() const;
  bool is_alive() const;
  std::optional<int> exitcode() const;
  void join(Timeout timeout = {}) const;
  void terminate() const;
  void kill() const;

 private:
  friend std::vector<ProcessInfo> active_children();
  explicit ProcessInfo(std::shared_ptr<start::Child> child) : child_(std::move(child)) {}
  std::shared_ptr<start::Child> child_;
};

/// The process that started this one: a value, safe to use from any thread.
class ParentProcess {
 public:
  std::string name() const { return name_; }
  int pid() const { return pid_; }
  bool is_alive() const;
  /// Always none: only its own parent can know.
  std::optional<int> exitcode() const { return std::nullopt; }
  void join(Timeout timeout = {}) const;
  void terminate() const;
  void kill() const;

 private:
  friend std::optional<ParentProcess> parent_process();
  ParentProcess(std::string name, int pid) : name_(std::move(name)), pid_(pid) {}
  std::string name_;
  int pid_;
};

/// The process that calls it; in the root of the tree its name is "MainProcess".
Process& current_process();
/// None in the root.
std::optional<ParentProcess> parent_process();
/// The children of this process that still run; reaps those that ended.
std::vector<ProcessInfo> active_children();

template <class... A> Process Context::Process(A... a) const {
  return multiprocessing::Process(ProcessOptions{{}, {}, *this}, std::move(a)...);
}
template <class... A> Process Context::Process(ProcessOptions options, A... a) const {
  options.context = *this;
  return multiprocessing::Process(std::move(options), std::move(a)...);
}

}  // namespace cohort::multiprocessing

template <std::derived_from<cohort::multiprocessing::Process> P>
struct fmt::formatter<P> : fmt::formatter<std::string_view> {
  template <class FormatContext>
  auto format(cohort::multiprocessing::Process const& process, FormatContext& context) const {
    return fmt::formatter<std::string_view>::format(process.repr(), context);
  }
};
